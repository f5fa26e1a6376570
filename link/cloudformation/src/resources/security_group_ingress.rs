//! `AWS::EC2::SecurityGroupIngress`.

use kura_model::{Direction, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work, rules,
    schema::{Kind, Property},
};

pub(super) struct Ingress;

const IPV6: &str = "the link carries IPv4 only";
const PREFIX_LIST: &str = "there are no prefix lists; name ranges or a group";
const BY_ID: &str = "groups of a VPC are named by id";

impl Handler for Ingress {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
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
        rules::authorize(work, id, Direction::Ingress, properties)
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
        rules::revoke(work, id, Direction::Ingress)
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "Id").then(|| id.into())
    }
}
