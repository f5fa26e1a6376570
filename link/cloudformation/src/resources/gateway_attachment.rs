//! `AWS::EC2::VPCGatewayAttachment`. Its physical id is `IGW|` and the VPC's.

use kura_model::{Change, GatewayId, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property},
};

pub(super) struct Attachment;

fn vpc(id: &str) -> &str {
    id.strip_prefix("IGW|").unwrap_or(id)
}

fn attached(state: &State, id: &str) -> Option<GatewayId> {
    let vpc = vpc(id);
    let mut gateways = state.gateways.values();
    gateways
        .find(|gateway| gateway.vpc.as_ref().is_some_and(|own| own.as_str() == vpc))
        .map(|found| found.id.clone())
}

impl Handler for Attachment {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("InternetGatewayId", Kind::Text),
                Property::new("VpcId", Kind::Text).required().create_only(),
                Property::new("VpnGatewayId", Kind::Unsupported("there are no VPN gateways")),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["AttachmentType"]
    }

    fn taggable(&self) -> bool {
        false
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        attached(state, id).is_some()
    }

    fn draw(&self, _: &mut Work<'_>, properties: &Properties) -> Result<String, Failure> {
        Ok(format!("IGW|{}", properties.text("VpcId")))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        let Some(gateway) = properties.optional("InternetGatewayId") else {
            return Err(Failure::ec2(
                "MissingParameter",
                "The request must contain the parameter internetGatewayId.",
            ));
        };
        work.ec2(Change::AttachInternetGateway { id: gateway.into(), vpc: vpc(id).into() })
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        match attached(work.state(), id) {
            Some(gateway) if gateway.as_str() == new.text("InternetGatewayId") => return Ok(None),
            Some(gateway) => work.ec2(Change::DetachInternetGateway { id: gateway, vpc: vpc(id).into() })?,
            None => {}
        }
        self.create(work, id, new).map(|()| None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        match attached(work.state(), id) {
            Some(gateway) => work.ec2(Change::DetachInternetGateway { id: gateway, vpc: vpc(id).into() }),
            None => Ok(()),
        }
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "AttachmentType").then(|| "IGW".into())
    }
}
