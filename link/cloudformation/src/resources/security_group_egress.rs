//! `AWS::EC2::SecurityGroupEgress`.
//!
//! Making one takes the default rule, all to anywhere, out of its group, as AWS documents it.

use kura_model::{Change, Direction, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work, rules,
    schema::{Kind, Property},
};

pub(super) struct Egress;

const IPV6: &str = "the link carries IPv4 only";
const PREFIX_LIST: &str = "there are no prefix lists; name ranges or a group";

impl Handler for Egress {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("CidrIp", Kind::Text).create_only(),
                Property::new("CidrIpv6", Kind::Unsupported(IPV6)).create_only(),
                Property::new("Description", Kind::Text),
                Property::new("FromPort", Kind::Integer(-1, 65535)).create_only(),
                Property::new("GroupId", Kind::Text).required().create_only(),
                Property::new("IpProtocol", Kind::Text).required().create_only(),
                Property::new("DestinationPrefixListId", Kind::Unsupported(PREFIX_LIST)).create_only(),
                Property::new("DestinationSecurityGroupId", Kind::Text).create_only(),
                Property::new("ToPort", Kind::Integer(-1, 65535)).create_only(),
            ]
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
        rules::authorize(work, id, Direction::Egress, properties)?;
        let group = properties.text("GroupId");
        let default = rules::default_egress();
        let stands = work.state().groups.get(group).is_some_and(|group| {
            let mut rules = group.rules.values();
            rules.any(|rule| {
                rule.direction == Direction::Egress && rule.allows == default && rule.id.as_str() != id
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
        rules::revoke(work, id, Direction::Egress)
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "Id").then(|| id.into())
    }
}
