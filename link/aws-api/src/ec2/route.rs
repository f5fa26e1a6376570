//! Routes. The only way out of a VPC that this link has is its internet gateway.

use ipnet::Ipv4Net;
use kura_model::{Change, GatewayId, RouteTableId, RouteTarget};

use crate::{
    call::Call,
    ec2::{cidr, done, no_ipv6},
    refusal::{Answer, Refusal},
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let (table, destination) = place(call)?;
    let target = target(call)?;
    call.change(Change::CreateRoute { table, destination, target })?;
    Ok(done())
}

pub fn replace(call: &mut Call<'_>) -> Answer {
    let (table, destination) = place(call)?;
    let target = target(call)?;
    call.change(Change::ReplaceRoute { table, destination, target })?;
    Ok(done())
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let (table, destination) = place(call)?;
    call.change(Change::DeleteRoute { table, destination })?;
    Ok(done())
}

fn place(call: &Call<'_>) -> Answer<(RouteTableId, Ipv4Net)> {
    let table = RouteTableId::new(call.params.need("RouteTableId")?);
    no_ipv6(call, &["DestinationIpv6CidrBlock"])?;
    Ok((table, cidr(&call.params.need("DestinationCidrBlock")?, "destinationCidrBlock")?))
}

fn target(call: &Call<'_>) -> Answer<RouteTarget> {
    let others = [
        "NatGatewayId",
        "InstanceId",
        "NetworkInterfaceId",
        "VpcPeeringConnectionId",
        "TransitGatewayId",
        "EgressOnlyInternetGatewayId",
        "VpcEndpointId",
        "LocalGatewayId",
        "CarrierGatewayId",
        "LocalTarget",
    ];
    if let Some(name) = others.iter().find(|name| call.params.text(name).is_some()) {
        return Err(Refusal::unsupported(format!(
            "{name}: a route leads to an internet gateway here (GatewayId)"
        )));
    }
    Ok(RouteTarget::Gateway(GatewayId::new(call.params.need("GatewayId")?)))
}
