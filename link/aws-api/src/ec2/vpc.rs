//! VPCs and their DNS attributes.

use kura_model::{AssociationId, Change, GroupId, RouteTableId, RuleId, State, Vpc, VpcId};

use crate::{
    call::Call,
    ec2::{cidr, done, no_ipv6, own},
    listing::Kind,
    refusal::{Answer, Refusal},
    xml::Xml,
};

const KIND: Kind<Vpc> = Kind {
    parameter: "VpcId",
    not_found: "InvalidVpcID.NotFound",
    noun: "vpc ID",
    prefix: VpcId::PREFIX,
    id: |vpc| vpc.id.as_str(),
    tags: Some(|vpc| &vpc.tags),
    filters: &[
        ("cidr", |_, vpc| vec![vpc.cidr.to_string()]),
        ("cidr-block-association.cidr-block", |_, vpc| vec![vpc.cidr.to_string()]),
        ("cidr-block-association.state", |_, _| vec!["associated".into()]),
        ("is-default", |_, vpc| vec![vpc.is_default.to_string()]),
        ("isDefault", |_, vpc| vec![vpc.is_default.to_string()]),
        ("owner-id", |_, vpc| vec![vpc.owner.to_string()]),
        ("state", |_, _| vec!["available".into()]),
        ("vpc-id", |_, vpc| vec![vpc.id.to_string()]),
    ],
    page: (5, 1000),
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let range = cidr(&call.params.need("CidrBlock")?, "cidrBlock")?;
    no_ipv6(call, &["AmazonProvidedIpv6CidrBlock", "Ipv6CidrBlock"])?;
    // The tenancy of machines there are none of.
    call.params.without_effect(&["InstanceTenancy"]);
    let tags = call.tags_for("vpc")?;
    let id = VpcId::new(call.draw(VpcId::PREFIX));
    let change = Change::CreateVpc {
        id: id.clone(),
        cidr: range,
        is_default: false,
        route_table: RouteTableId::new(call.draw(RouteTableId::PREFIX)),
        association: AssociationId::new(call.draw(AssociationId::PREFIX)),
        default_group: GroupId::new(call.draw(GroupId::PREFIX)),
        default_rules: [RuleId::new(call.draw(RuleId::PREFIX)), RuleId::new(call.draw(RuleId::PREFIX))],
        tags,
    };
    call.change(change)?;
    let mut x = Xml::ec2();
    if let Some(vpc) = call.state().vpcs.get(&id) {
        x.within("vpc", |x| write(x, call.state(), vpc));
    }
    Ok(x)
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let page = KIND.page(call, own(call, call.state().vpcs.values(), |vpc| &vpc.owner))?;
    let mut x = Xml::ec2();
    x.list("vpcSet", page.items, |x, vpc| write(x, call.state(), vpc)).maybe("nextToken", page.next);
    Ok(x)
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let id = VpcId::new(call.params.need("VpcId")?);
    call.change(Change::DeleteVpc { id })?;
    Ok(done())
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let id = VpcId::new(call.params.need("VpcId")?);
    let dns_support = call.params.flag("EnableDnsSupport.Value")?;
    let dns_hostnames = call.params.flag("EnableDnsHostnames.Value")?;
    match (dns_support, dns_hostnames) {
        (None, None) => {
            return Err(Refusal::combination("One of EnableDnsSupport, EnableDnsHostnames must be given"));
        }
        (Some(_), Some(_)) => {
            return Err(Refusal::combination(
                "EnableDnsSupport and EnableDnsHostnames cannot be modified in one request; send two",
            ));
        }
        _ => {}
    }
    call.change(Change::ModifyVpc { id, dns_support, dns_hostnames })?;
    Ok(done())
}

pub fn describe_attribute(call: &mut Call<'_>) -> Answer {
    let id = call.params.need("VpcId")?;
    let attribute = call.params.need("Attribute")?;
    let vpc = call.state().vpcs.get(id.as_str()).filter(|vpc| vpc.owner == *call.account());
    let vpc = vpc.ok_or_else(|| Refusal::new(KIND.not_found, format!("The vpc ID '{id}' does not exist")))?;
    let value = match attribute.as_str() {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => false,
        other => {
            return Err(Refusal::invalid(format!(
                "Value ({other}) for parameter attribute is invalid. Unknown attribute."
            )));
        }
    };
    let mut x = Xml::ec2();
    x.text("vpcId", &vpc.id).within(&attribute, |x| {
        x.text("value", value);
    });
    Ok(x)
}

fn write(x: &mut Xml, _: &State, vpc: &Vpc) {
    // The range's association has no identifier of its own here: it lives and dies with the VPC.
    let association = vpc.id.as_str().replacen(VpcId::PREFIX, "vpc-cidr-assoc-", 1);
    x.text("vpcId", &vpc.id)
        .text("ownerId", &vpc.owner)
        .text("state", "available")
        .text("cidrBlock", vpc.cidr)
        .list("cidrBlockAssociationSet", [association], |x, id| {
            x.text("associationId", id).text("cidrBlock", vpc.cidr).within("cidrBlockState", |x| {
                x.text("state", "associated");
            });
        })
        .text("dhcpOptionsId", "default")
        .text("instanceTenancy", "default")
        .text("isDefault", vpc.is_default)
        .tags(&vpc.tags);
}
