//! `AWS::EC2::VPCEndpoint`.

use std::collections::BTreeSet;

use kura_model::{Change, GroupId, NewInterface, State, SubnetId};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property, TAGS},
};

pub(super) struct Endpoint;

const INTERFACE_ONLY: &str = "only interface endpoints of endpoint services are built";

impl Endpoint {
    fn interfaces<'a>(
        work: &mut Work<'_>,
        subnets: impl IntoIterator<Item = &'a SubnetId>,
    ) -> Vec<NewInterface> {
        let subnets = subnets.into_iter();
        subnets
            .map(|subnet| NewInterface {
                id: work.draw("eni-").as_str().into(),
                subnet: subnet.clone(),
                address: None,
            })
            .collect()
    }
}

fn subnets(properties: &Properties) -> BTreeSet<SubnetId> {
    properties.texts("SubnetIds").into_iter().map(SubnetId::new).collect()
}

fn groups(properties: &Properties) -> BTreeSet<GroupId> {
    properties.texts("SecurityGroupIds").into_iter().map(GroupId::new).collect()
}

impl Handler for Endpoint {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("DnsOptions", Kind::Unsupported(INTERFACE_ONLY)),
                Property::new("IpAddressType", Kind::Choice(&["ipv4"])),
                Property::new("PolicyDocument", Kind::Document),
                Property::new("PrivateDnsEnabled", Kind::Boolean),
                Property::new("ResourceConfigurationArn", Kind::Unsupported(INTERFACE_ONLY)).create_only(),
                Property::new("RouteTableIds", Kind::Unsupported(INTERFACE_ONLY)),
                Property::new("SecurityGroupIds", Kind::Texts),
                Property::new("ServiceName", Kind::Text).create_only(),
                Property::new("ServiceNetworkArn", Kind::Unsupported(INTERFACE_ONLY)).create_only(),
                Property::new("ServiceRegion", Kind::Text).create_only(),
                Property::new("SubnetIds", Kind::Texts),
                TAGS,
                Property::new("VpcEndpointType", Kind::Text).create_only(),
                Property::new("VpcId", Kind::Text).required().create_only(),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["CreationTimestamp", "DnsEntries", "Id", "NetworkInterfaceIds"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.endpoints.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("vpce-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        let Some(service_name) = properties.optional("ServiceName") else {
            return Err(Failure::ec2(
                "MissingParameter",
                "The request must contain the parameter serviceName.",
            ));
        };
        // Without a type AWS takes a gateway endpoint.
        let kind = properties.optional("VpcEndpointType").unwrap_or("Gateway");
        if kind != "Interface" {
            return Err(Failure::ec2(
                "InvalidParameter",
                format!("Endpoint type ({kind}) does not match available service types ([Interface])."),
            ));
        }
        let region = &work.state().region;
        if let Some(other) = properties.optional("ServiceRegion").filter(|other| *other != region.as_str()) {
            return Err(Failure::ec2(
                "InvalidParameter",
                format!("Services of region {other} cannot be reached from {region}."),
            ));
        }
        let change = Change::CreateEndpoint {
            id: id.into(),
            vpc: properties.text("VpcId").into(),
            service_name: service_name.to_owned(),
            interfaces: Self::interfaces(work, &subnets(properties)),
            groups: groups(properties),
            private_dns_enabled: properties.boolean("PrivateDnsEnabled").unwrap_or(false),
            dns_label: work.cloud.hex(8),
            policy: properties.document("PolicyDocument"),
            tags: work.tags(properties),
        };
        work.ec2(change)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let state = work.state();
        let Some(stands) = state.endpoints.get(id) else {
            return Err(Failure::ec2(
                "InvalidVpcEndpointId.NotFound",
                format!("The Vpc Endpoint Id '{id}' does not exist"),
            ));
        };
        let wanted = subnets(new);
        let added: Vec<SubnetId> =
            wanted.iter().filter(|subnet| !stands.interfaces.contains_key(*subnet)).cloned().collect();
        let removed: BTreeSet<SubnetId> =
            stands.interfaces.keys().filter(|subnet| !wanted.contains(*subnet)).cloned().collect();
        let mut wanted = groups(new);
        if wanted.is_empty() {
            wanted.extend(state.vpcs.get(&stands.vpc).map(|vpc| vpc.default_group.clone()));
        }
        let private = new.boolean("PrivateDnsEnabled").unwrap_or(false);
        let policy = new.document("PolicyDocument");
        let add_groups: BTreeSet<GroupId> = wanted.difference(&stands.groups).cloned().collect();
        let remove_groups: BTreeSet<GroupId> = stands.groups.difference(&wanted).cloned().collect();
        let private_dns_enabled = (private != stands.private_dns_enabled).then_some(private);
        let policy = (policy != stands.policy).then_some(policy);
        let same = added.is_empty()
            && removed.is_empty()
            && add_groups.is_empty()
            && remove_groups.is_empty()
            && private_dns_enabled.is_none()
            && policy.is_none();
        if !same {
            let change = Change::ModifyEndpoint {
                id: id.into(),
                add_interfaces: Self::interfaces(work, &added),
                remove_subnets: removed,
                add_groups,
                remove_groups,
                private_dns_enabled,
                policy,
            };
            work.ec2(change)?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DeleteEndpoint { id: id.into() })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let endpoint = state.endpoints.get(id)?;
        Some(match name {
            "CreationTimestamp" => crate::time::iso8601(endpoint.created).into(),
            "DnsEntries" => {
                let entries = state.dns_entries(endpoint).into_iter();
                entries.map(|(name, zone)| format!("{zone}:{name}")).collect()
            }
            "Id" => id.into(),
            "NetworkInterfaceIds" => {
                endpoint.interfaces.values().map(|interface| interface.as_str()).collect()
            }
            _ => return None,
        })
    }
}
