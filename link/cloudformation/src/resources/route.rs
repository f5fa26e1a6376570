//! `AWS::EC2::Route`. Its physical id is the table's and the destination.

use ipnet::Ipv4Net;
use kura_model::{Change, RouteTarget, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property},
    work::cidr,
};

pub(super) struct Route;

const TARGET: &str = "routes lead to internet gateways; name a GatewayId";
const IPV6: &str = "the link carries IPv4 only";

fn parts(id: &str) -> Option<(&str, Ipv4Net)> {
    let (table, destination) = id.split_once('|')?;
    Some((table, destination.parse().ok()?))
}

fn target(state: &State, id: &str) -> Option<RouteTarget> {
    let (table, destination) = parts(id)?;
    state.route_tables.get(table)?.routes.get(&destination.trunc()).cloned()
}

fn wanted(properties: &Properties) -> Result<RouteTarget, Failure> {
    match properties.optional("GatewayId") {
        Some(gateway) => Ok(RouteTarget::Gateway(gateway.into())),
        None => Err(Failure::ec2(
            "InvalidParameterCombination",
            "Parameter GatewayId is missing: a route needs a target.",
        )),
    }
}

fn broken(id: &str) -> Failure {
    Failure::ec2("InvalidRoute.NotFound", format!("no route with identifier {id}"))
}

impl Handler for Route {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("CarrierGatewayId", Kind::Unsupported(TARGET)),
                Property::new("CoreNetworkArn", Kind::Unsupported(TARGET)),
                Property::new("DestinationCidrBlock", Kind::Text).create_only(),
                Property::new("DestinationIpv6CidrBlock", Kind::Unsupported(IPV6)),
                Property::new("DestinationPrefixListId", Kind::Unsupported("there are no prefix lists")),
                Property::new("EgressOnlyInternetGatewayId", Kind::Unsupported(IPV6)),
                Property::new("GatewayId", Kind::Text),
                Property::new("InstanceId", Kind::Unsupported(TARGET)),
                Property::new("LocalGatewayId", Kind::Unsupported(TARGET)),
                Property::new("NatGatewayId", Kind::Unsupported(TARGET)),
                Property::new("NetworkInterfaceId", Kind::Unsupported(TARGET)),
                Property::new("RouteTableId", Kind::Text).required().create_only(),
                Property::new("TransitGatewayId", Kind::Unsupported(TARGET)),
                Property::new("VpcEndpointId", Kind::Unsupported(TARGET)),
                Property::new("VpcPeeringConnectionId", Kind::Unsupported(TARGET)),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["CidrBlock"]
    }

    fn taggable(&self) -> bool {
        false
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        target(state, id).is_some()
    }

    fn draw(&self, _: &mut Work<'_>, properties: &Properties) -> Result<String, Failure> {
        let Some(destination) = properties.optional("DestinationCidrBlock") else {
            return Err(Failure::ec2(
                "MissingParameter",
                "The request must contain the parameter destinationCidrBlock.",
            ));
        };
        let destination = cidr(destination, "destinationCidrBlock")?.trunc();
        Ok(format!("{}|{destination}", properties.text("RouteTableId")))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        let (table, destination) = parts(id).ok_or_else(|| broken(id))?;
        let target = wanted(properties)?;
        work.ec2(Change::CreateRoute { table: table.into(), destination, target })
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let (table, destination) = parts(id).ok_or_else(|| broken(id))?;
        let to = wanted(new)?;
        if target(work.state(), id).as_ref() != Some(&to) {
            work.ec2(Change::ReplaceRoute { table: table.into(), destination, target: to })?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        let (table, destination) = parts(id).ok_or_else(|| broken(id))?;
        work.ec2(Change::DeleteRoute { table: table.into(), destination })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let (_, destination) = parts(id)?;
        (self.exists(state, id) && name == "CidrBlock").then(|| destination.to_string().into())
    }
}
