//! Route tables and who uses them.

use kura_model::{AssociationId, Change, RouteTable, RouteTableId, RouteTarget, State, SubnetId, VpcId};

use crate::{
    call::Call,
    ec2::{done, own},
    listing::Kind,
    refusal::Answer,
    xml::Xml,
};

const KIND: Kind<RouteTable> = Kind {
    parameter: "RouteTableId",
    not_found: "InvalidRouteTableID.NotFound",
    noun: "routeTable ID",
    prefix: RouteTableId::PREFIX,
    id: |table| table.id.as_str(),
    tags: Some(|table| &table.tags),
    filters: &[
        ("association.main", |_, table| {
            table.associations.values().map(|s| s.is_none().to_string()).collect()
        }),
        ("association.route-table-association-id", |_, table| {
            table.associations.keys().map(ToString::to_string).collect()
        }),
        ("association.route-table-id", |_, table| vec![table.id.to_string()]),
        ("association.subnet-id", |_, table| {
            table.associations.values().flatten().map(ToString::to_string).collect()
        }),
        ("owner-id", |_, table| vec![table.owner.to_string()]),
        ("route-table-id", |_, table| vec![table.id.to_string()]),
        ("route.destination-cidr-block", |state, table| {
            routes(state, table).into_iter().map(|route| route.destination).collect()
        }),
        ("route.gateway-id", |state, table| {
            routes(state, table).into_iter().map(|route| route.gateway).collect()
        }),
        ("route.origin", |state, table| {
            routes(state, table).into_iter().map(|route| route.origin.to_owned()).collect()
        }),
        ("route.state", |state, table| {
            routes(state, table).into_iter().map(|route| route.state.to_owned()).collect()
        }),
        ("vpc-id", |_, table| vec![table.vpc.to_string()]),
    ],
    page: (5, 100),
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let vpc = VpcId::new(call.params.need("VpcId")?);
    let tags = call.tags_for("route-table")?;
    let id = call.draw(RouteTableId::PREFIX);
    let id = call.create(&id, Change::CreateRouteTable { id: RouteTableId::new(id.clone()), vpc, tags })?;
    let mut x = Xml::ec2();
    if let Some(table) = call.state().route_tables.get(id.as_str()) {
        x.within("routeTable", |x| write(x, call.state(), table));
    }
    x.maybe("clientToken", call.params.text("ClientToken"));
    Ok(x)
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let page = KIND.page(call, own(call, call.state().route_tables.values(), |table| &table.owner))?;
    let mut x = Xml::ec2();
    x.list("routeTableSet", page.items, |x, table| write(x, call.state(), table))
        .maybe("nextToken", page.next);
    Ok(x)
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let id = RouteTableId::new(call.params.need("RouteTableId")?);
    call.change(Change::DeleteRouteTable { id })?;
    Ok(done())
}

pub fn associate(call: &mut Call<'_>) -> Answer {
    let table = RouteTableId::new(call.params.need("RouteTableId")?);
    let subnet = SubnetId::new(call.params.need("SubnetId")?);
    // A repeated association answers with the one there is.
    let there = call.state().route_tables.get(&table).and_then(|table| {
        table.associations.iter().find(|(_, s)| s.as_ref() == Some(&subnet)).map(|(id, _)| id.clone())
    });
    let id = match there {
        Some(id) => id,
        None => {
            let id = AssociationId::new(call.draw(AssociationId::PREFIX));
            call.change(Change::AssociateRouteTable { id: id.clone(), table, subnet })?;
            id
        }
    };
    let mut x = Xml::ec2();
    x.text("associationId", id).within("associationState", |x| {
        x.text("state", "associated");
    });
    Ok(x)
}

pub fn disassociate(call: &mut Call<'_>) -> Answer {
    let id = AssociationId::new(call.params.need("AssociationId")?);
    call.change(Change::DisassociateRouteTable { id })?;
    Ok(done())
}

pub fn replace_association(call: &mut Call<'_>) -> Answer {
    let old = AssociationId::new(call.params.need("AssociationId")?);
    let table = RouteTableId::new(call.params.need("RouteTableId")?);
    let new = AssociationId::new(call.draw(AssociationId::PREFIX));
    call.change(Change::ReplaceRouteTableAssociation { old, new: new.clone(), table })?;
    let mut x = Xml::ec2();
    x.text("newAssociationId", new).within("associationState", |x| {
        x.text("state", "associated");
    });
    Ok(x)
}

/// A route as it is shown.
struct Shown {
    destination: String,
    gateway: String,
    origin: &'static str,
    state: &'static str,
}

/// The routes of a table, the VPC's own range first.
fn routes(state: &State, table: &RouteTable) -> Vec<Shown> {
    let local = state.vpcs.get(&table.vpc).map(|vpc| Shown {
        destination: vpc.cidr.to_string(),
        gateway: "local".into(),
        origin: "CreateRouteTable",
        state: "active",
    });
    let made = table.routes.iter().map(|(destination, RouteTarget::Gateway(gateway))| {
        let leads = state.gateways.get(gateway).is_some_and(|found| found.vpc.as_ref() == Some(&table.vpc));
        Shown {
            destination: destination.to_string(),
            gateway: gateway.to_string(),
            origin: "CreateRoute",
            state: if leads { "active" } else { "blackhole" },
        }
    });
    local.into_iter().chain(made).collect()
}

fn write(x: &mut Xml, state: &State, table: &RouteTable) {
    x.text("routeTableId", &table.id)
        .text("vpcId", &table.vpc)
        .text("ownerId", &table.owner)
        .list("routeSet", routes(state, table), |x, route| {
            x.text("destinationCidrBlock", route.destination)
                .text("gatewayId", route.gateway)
                .text("state", route.state)
                .text("origin", route.origin);
        })
        .list("associationSet", &table.associations, |x, (id, subnet)| {
            x.text("routeTableAssociationId", id)
                .text("routeTableId", &table.id)
                .maybe("subnetId", subnet.as_ref())
                .text("main", subnet.is_none())
                .within("associationState", |x| {
                    x.text("state", "associated");
                });
        })
        .texts("propagatingVgwSet", [] as [&str; 0])
        .tags(&table.tags);
}
