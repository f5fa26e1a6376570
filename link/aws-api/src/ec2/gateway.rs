//! Internet gateways.

use kura_model::{Change, GatewayId, InternetGateway, VpcId};

use crate::{
    call::Call,
    ec2::{done, own},
    listing::Kind,
    refusal::Answer,
    xml::Xml,
};

const KIND: Kind<InternetGateway> = Kind {
    parameter: "InternetGatewayId",
    not_found: "InvalidInternetGatewayID.NotFound",
    noun: "internetGateway ID",
    prefix: GatewayId::PREFIX,
    id: |gateway| gateway.id.as_str(),
    tags: Some(|gateway| &gateway.tags),
    filters: &[
        ("attachment.state", |_, gateway| gateway.vpc.iter().map(|_| "available".into()).collect()),
        ("attachment.vpc-id", |_, gateway| gateway.vpc.iter().map(ToString::to_string).collect()),
        ("internet-gateway-id", |_, gateway| vec![gateway.id.to_string()]),
        ("owner-id", |_, gateway| vec![gateway.owner.to_string()]),
    ],
    page: (5, 1000),
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let tags = call.tags_for("internet-gateway")?;
    let id = GatewayId::new(call.draw(GatewayId::PREFIX));
    call.change(Change::CreateInternetGateway { id: id.clone(), tags })?;
    let mut x = Xml::ec2();
    if let Some(gateway) = call.state().gateways.get(&id) {
        x.within("internetGateway", |x| write(x, gateway));
    }
    Ok(x)
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let page = KIND.page(call, own(call, call.state().gateways.values(), |gateway| &gateway.owner))?;
    let mut x = Xml::ec2();
    x.list("internetGatewaySet", page.items, write).maybe("nextToken", page.next);
    Ok(x)
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let id = GatewayId::new(call.params.need("InternetGatewayId")?);
    call.change(Change::DeleteInternetGateway { id })?;
    Ok(done())
}

pub fn attach(call: &mut Call<'_>) -> Answer {
    let id = GatewayId::new(call.params.need("InternetGatewayId")?);
    let vpc = VpcId::new(call.params.need("VpcId")?);
    call.change(Change::AttachInternetGateway { id, vpc })?;
    Ok(done())
}

pub fn detach(call: &mut Call<'_>) -> Answer {
    let id = GatewayId::new(call.params.need("InternetGatewayId")?);
    let vpc = VpcId::new(call.params.need("VpcId")?);
    call.change(Change::DetachInternetGateway { id, vpc })?;
    Ok(done())
}

fn write(x: &mut Xml, gateway: &InternetGateway) {
    x.text("internetGatewayId", &gateway.id)
        .text("ownerId", &gateway.owner)
        .list("attachmentSet", &gateway.vpc, |x, vpc| {
            // The one state EC2 shows here that is not in its list of attachment states.
            x.text("vpcId", vpc).text("state", "available");
        })
        .tags(&gateway.tags);
}
