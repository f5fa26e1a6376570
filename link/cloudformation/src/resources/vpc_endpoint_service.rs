//! `AWS::EC2::VPCEndpointService`. Its private DNS name is set through EC2, as on AWS.

use std::collections::BTreeSet;

use kura_model::{Change, LoadBalancerArn, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property, TAGS},
};

pub(super) struct Service;

fn balancers(properties: &Properties) -> BTreeSet<LoadBalancerArn> {
    properties.texts("NetworkLoadBalancerArns").into_iter().map(LoadBalancerArn::new).collect()
}

fn check(properties: &Properties) -> Result<(), Failure> {
    match properties.texts("SupportedIpAddressTypes").iter().find(|kind| *kind != "ipv4") {
        Some(kind) => Err(Failure::unsupported(
            "SupportedIpAddressTypes",
            &format!("the link carries IPv4 only, and {kind} was asked for"),
        )),
        None => Ok(()),
    }
}

impl Handler for Service {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("AcceptanceRequired", Kind::Boolean),
                Property::new("ContributorInsightsEnabled", Kind::Unsupported("there are no insights")),
                Property::new(
                    "GatewayLoadBalancerArns",
                    Kind::Unsupported("there are network load balancers only"),
                ),
                Property::new("NetworkLoadBalancerArns", Kind::Texts),
                Property::new("PayerResponsibility", Kind::Unsupported("nothing is charged")),
                Property::new("SupportedIpAddressTypes", Kind::Texts),
                Property::new("SupportedRegions", Kind::Unsupported("there is one region")),
                TAGS,
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["ServiceId"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.services.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("vpce-svc-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        check(properties)?;
        work.ec2(Change::CreateService {
            id: id.into(),
            load_balancers: balancers(properties),
            // Required unless said otherwise, as the API has it.
            acceptance_required: properties.boolean("AcceptanceRequired").unwrap_or(true),
            private_dns: None,
            tags: work.tags(properties),
        })
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        check(new)?;
        let wanted = balancers(new);
        let Some(stands) = work.state().services.get(id) else {
            return Err(Failure::ec2(
                "InvalidVpcEndpointServiceId.NotFound",
                format!("The VpcEndpointService Id '{id}' does not exist"),
            ));
        };
        let required = new.boolean("AcceptanceRequired").unwrap_or(true);
        let change = Change::ModifyService {
            id: id.into(),
            add_load_balancers: wanted.difference(&stands.load_balancers).cloned().collect(),
            remove_load_balancers: stands.load_balancers.difference(&wanted).cloned().collect(),
            acceptance_required: Some(required),
            private_dns: None,
            remove_private_dns: false,
        };
        if wanted != stands.load_balancers || required != stands.acceptance_required {
            work.ec2(change)?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DeleteService { id: id.into() })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "ServiceId").then(|| id.into())
    }
}
