//! `AWS::EC2::SecurityGroupIngress` and `AWS::EC2::SecurityGroupEgress`.
//!
//! Making an egress rule takes the default one, all to anywhere, out of its group, as AWS documents it.

use kura_model::{Change, Direction, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work, rules,
    schema::{Kind, Property},
};

/// A rule that stands by itself, of one direction.
pub(super) struct Rule(pub(super) Direction);

const IPV6: &str = "the link carries IPv4 only";
const PREFIX_LIST: &str = "there are no prefix lists; name ranges or a group";
const BY_ID: &str = "groups of a VPC are named by id";

const INGRESS: &[Property] = &[
    Property::new("CidrIp", Kind::Text).create_only(),
    Property::new("CidrIpv6", Kind::Unsupported(IPV6)).create_only(),
    Property::new("Description", Kind::Text),
    Property::new("FromPort", Kind::Integer(-1, 65535)).create_only(),
    Property::new("GroupId", Kind::Text).required().create_only(),
    Property::new("GroupName", Kind::Unsupported(BY_ID)).create_only(),
    Property::new("IpProtocol", Kind::Text).required().create_only(),
    Property::new("SourcePrefixListId", Kind::Unsupported(PREFIX_LIST)).create_only(),
    Property::new("SourceSecurityGroupId", Kind::Text).create_only(),
    Property::new("SourceSecurityGroupName", Kind::Unsupported(BY_ID)).create_only(),
    Property::new("SourceSecurityGroupOwnerId", Kind::Text).create_only(),
    Property::new("ToPort", Kind::Integer(-1, 65535)).create_only(),
];

const EGRESS: &[Property] = &[
    Property::new("CidrIp", Kind::Text).create_only(),
    Property::new("CidrIpv6", Kind::Unsupported(IPV6)).create_only(),
    Property::new("Description", Kind::Text),
    Property::new("FromPort", Kind::Integer(-1, 65535)).create_only(),
    Property::new("GroupId", Kind::Text).required().create_only(),
    Property::new("IpProtocol", Kind::Text).required().create_only(),
    Property::new("DestinationPrefixListId", Kind::Unsupported(PREFIX_LIST)).create_only(),
    Property::new("DestinationSecurityGroupId", Kind::Text).create_only(),
    Property::new("ToPort", Kind::Integer(-1, 65535)).create_only(),
];

impl Handler for Rule {
    fn properties(&self) -> &'static [Property] {
        match self.0 {
            Direction::Ingress => INGRESS,
            Direction::Egress => EGRESS,
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Id"]
    }

    fn taggable(&self) -> bool {
        false
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        rules::group_of(state, id).is_some()
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("sgr-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        rules::authorize(work, id, self.0, properties)?;
        match self.0 {
            Direction::Ingress => Ok(()),
            Direction::Egress => revoke_default(work, id, properties.text("GroupId")),
        }
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        rules::describe(work, id, new)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        rules::revoke(work, id, self.0)
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "Id").then(|| id.into())
    }
}

/// Takes the default rule out of a group, unless the rule just made is that one.
fn revoke_default(work: &mut Work<'_>, made: &str, group: &str) -> Result<(), Failure> {
    let default = rules::default_egress();
    let stands = work.state().groups.get(group).is_some_and(|group| {
        let mut rules = group.rules.values();
        rules.any(|rule| {
            rule.direction == Direction::Egress && rule.allows == default && rule.id.as_str() != made
        })
    });
    if !stands {
        return Ok(());
    }
    work.ec2(Change::RevokePermissions {
        group: group.into(),
        direction: Direction::Egress,
        permissions: vec![default],
    })
}
