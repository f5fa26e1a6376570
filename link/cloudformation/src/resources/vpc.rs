//! `AWS::EC2::VPC`.

use kura_model::{Change, State, VpcId};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property, TAGS},
    work::cidr,
};

pub(super) struct Vpc;

const IPAM: &str = "there is no address manager; name a CidrBlock";

impl Handler for Vpc {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("CidrBlock", Kind::Text).create_only(),
                Property::new("EnableDnsHostnames", Kind::Boolean),
                Property::new("EnableDnsSupport", Kind::Boolean),
                Property::new("InstanceTenancy", Kind::Choice(&["default"])),
                Property::new("Ipv4IpamPoolId", Kind::Unsupported(IPAM)),
                Property::new("Ipv4NetmaskLength", Kind::Unsupported(IPAM)),
                TAGS,
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["CidrBlock", "DefaultSecurityGroup", "Ipv6CidrBlocks", "VpcId"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.vpcs.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("vpc-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        let Some(block) = properties.optional("CidrBlock") else {
            return Err(Failure::ec2(
                "MissingParameter",
                "Either 'CidrBlock' or 'Ipv4IpamPoolId' must be provided.",
            ));
        };
        let change = Change::CreateVpc {
            id: id.into(),
            cidr: cidr(block, "cidrBlock")?,
            is_default: false,
            route_table: work.draw("rtb-").as_str().into(),
            association: work.draw("rtbassoc-").as_str().into(),
            default_group: work.draw("sg-").as_str().into(),
            default_rules: [work.draw("sgr-").as_str().into(), work.draw("sgr-").as_str().into()],
            tags: work.tags(properties),
        };
        work.ec2(change)?;
        self.update(work, id, properties, properties).map(drop)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        // CloudFormation's defaults: support on, hostnames off.
        let support = new.boolean("EnableDnsSupport").unwrap_or(true);
        let hostnames = new.boolean("EnableDnsHostnames").unwrap_or(false);
        let stands = work.state().vpcs.get(id).map(|vpc| (vpc.dns_support, vpc.dns_hostnames));
        if stands != Some((support, hostnames)) {
            work.ec2(Change::ModifyVpc {
                id: id.into(),
                dns_support: Some(support),
                dns_hostnames: Some(hostnames),
            })?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DeleteVpc { id: VpcId::new(id) })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let vpc = state.vpcs.get(id)?;
        Some(match name {
            "CidrBlock" => vpc.cidr.to_string().into(),
            "DefaultSecurityGroup" => vpc.default_group.as_str().into(),
            "Ipv6CidrBlocks" => Json::Array(Vec::new()),
            "VpcId" => id.into(),
            _ => return None,
        })
    }
}
