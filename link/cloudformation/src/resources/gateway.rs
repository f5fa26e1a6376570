//! `AWS::EC2::InternetGateway`.

use kura_model::{Change, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Property, TAGS},
};

pub(super) struct InternetGateway;

impl Handler for InternetGateway {
    fn properties(&self) -> &'static [Property] {
        const { &[TAGS] }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["InternetGatewayId"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.gateways.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("igw-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        work.ec2(Change::CreateInternetGateway { id: id.into(), tags: work.tags(properties) })
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DeleteInternetGateway { id: id.into() })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "InternetGatewayId").then(|| id.into())
    }
}
