//! `AWS::EC2::RouteTable`.

use kura_model::{Change, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property, TAGS},
};

pub(super) struct RouteTable;

impl Handler for RouteTable {
    fn properties(&self) -> &'static [Property] {
        const { &[TAGS, Property::new("VpcId", Kind::Text).required().create_only()] }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["RouteTableId"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.route_tables.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("rtb-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        work.ec2(Change::CreateRouteTable {
            id: id.into(),
            vpc: properties.text("VpcId").into(),
            tags: work.tags(properties),
        })
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DeleteRouteTable { id: id.into() })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "RouteTableId").then(|| id.into())
    }
}
