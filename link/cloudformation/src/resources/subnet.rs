//! `AWS::EC2::Subnet`.

use kura_model::{Change, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property, TAGS},
    work::cidr,
};

pub(super) struct Subnet;

const IPV6: &str = "the link carries IPv4 only";
const IPAM: &str = "there is no address manager; name a CidrBlock";

impl Handler for Subnet {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("AssignIpv6AddressOnCreation", Kind::Unsupported(IPV6)),
                Property::new("AvailabilityZone", Kind::Text).create_only(),
                Property::new("AvailabilityZoneId", Kind::Text).create_only(),
                Property::new("CidrBlock", Kind::Text).create_only(),
                Property::new("EnableDns64", Kind::Unsupported(IPV6)),
                Property::new("EnableLniAtDeviceIndex", Kind::Unsupported("there are no outposts")),
                Property::new("Ipv4IpamPoolId", Kind::Unsupported(IPAM)),
                Property::new("Ipv4NetmaskLength", Kind::Unsupported(IPAM)),
                Property::new("Ipv6CidrBlock", Kind::Unsupported(IPV6)),
                Property::new("Ipv6IpamPoolId", Kind::Unsupported(IPV6)),
                Property::new("Ipv6Native", Kind::Unsupported(IPV6)),
                Property::new("Ipv6NetmaskLength", Kind::Unsupported(IPV6)),
                Property::new("MapPublicIpOnLaunch", Kind::Boolean),
                Property::new("OutpostArn", Kind::Unsupported("there are no outposts")),
                Property::new("PrivateDnsNameOptionsOnLaunch", Kind::Unsupported("names follow the address")),
                TAGS,
                Property::new("VpcId", Kind::Text).required().create_only(),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "Ipv6CidrBlocks", "SubnetId", "VpcId"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.subnets.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("subnet-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        let Some(block) = properties.optional("CidrBlock") else {
            return Err(Failure::ec2(
                "MissingParameter",
                "Either 'CidrBlock' or 'Ipv4IpamPoolId' must be provided.",
            ));
        };
        let zones = &work.state().zones;
        let zone = match (properties.optional("AvailabilityZone"), properties.optional("AvailabilityZoneId"))
        {
            (Some(name), _) => Some(name.to_owned()),
            (None, Some(id)) => zones.iter().find(|zone| zone.id == id).map(|zone| zone.name.clone()),
            // AWS chooses one; here it is the first.
            (None, None) => zones.first().map(|zone| zone.name.clone()),
        };
        let Some(zone) = zone else {
            return Err(Failure::ec2(
                "InvalidParameterValue",
                format!(
                    "Value ({}) for parameter availabilityZoneId is invalid. Subnets can currently only be created in the following availability zones: {}.",
                    properties.text("AvailabilityZoneId"),
                    zones.iter().map(|zone| zone.id.as_str()).collect::<Vec<_>>().join(", ")
                ),
            ));
        };
        work.ec2(Change::CreateSubnet {
            id: id.into(),
            vpc: properties.text("VpcId").into(),
            cidr: cidr(block, "cidrBlock")?,
            zone,
            default_for_zone: false,
            tags: work.tags(properties),
        })?;
        self.update(work, id, properties, properties).map(drop)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let map = new.boolean("MapPublicIpOnLaunch").unwrap_or(false);
        if work.state().subnets.get(id).map(|subnet| subnet.map_public_ip_on_launch) != Some(map) {
            work.ec2(Change::ModifySubnet { id: id.into(), map_public_ip_on_launch: map })?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DeleteSubnet { id: id.into() })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let subnet = state.subnets.get(id)?;
        Some(match name {
            "AvailabilityZone" => subnet.zone.as_str().into(),
            "AvailabilityZoneId" => {
                state.zones.iter().find(|zone| zone.name == subnet.zone)?.id.as_str().into()
            }
            "CidrBlock" => subnet.cidr.to_string().into(),
            "Ipv6CidrBlocks" => Json::Array(Vec::new()),
            "SubnetId" => id.into(),
            "VpcId" => subnet.vpc.as_str().into(),
            _ => return None,
        })
    }
}
