//! The resource types: one file each, all seen through [`Handler`].

mod failure;
mod gateway;
mod gateway_attachment;
mod instance;
mod listener;
mod load_balancer;
mod properties;
mod route;
mod route_table;
mod rules;
mod schema;
mod security_group;
mod security_group_rule;
mod subnet;
mod subnet_association;
mod target_group;
mod vpc;
mod vpc_endpoint;
mod vpc_endpoint_service;
mod vpc_endpoint_service_permissions;
mod work;

use serde_json::Value as Json;

pub(crate) use failure::Failure;
pub(crate) use properties::Properties;
pub(crate) use schema::{Property, check, differing, replaced};
pub(crate) use work::Work;

use kura_model::{Direction, State};

/// What the engine asks of a resource type.
///
/// A physical id is drawn before the resource is made and written down first, so that nothing is lost in a crash.
pub(crate) trait Handler: Sync {
    /// What may stand under `Properties`.
    fn properties(&self) -> &'static [Property];

    /// What `Fn::GetAtt` may ask for.
    fn attributes(&self) -> &'static [&'static str];

    /// Whether it carries tags.
    fn taggable(&self) -> bool {
        true
    }

    /// Whether a resource is there.
    fn exists(&self, state: &State, id: &str) -> bool;

    /// The physical id a new one gets.
    fn draw(&self, work: &mut Work<'_>, properties: &Properties) -> Result<String, Failure>;

    /// Makes one.
    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure>;

    /// Changes one in place. Compares with what stands, so that it can be asked again; tags are the engine's.
    /// A new physical id if it has got one.
    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        old: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        // Nothing but tags can change in place.
        let _ = (work, id, old, new);
        Ok(None)
    }

    /// Deletes one that exists.
    fn delete(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure>;

    /// What `Ref` gives.
    fn reference(&self, id: &str) -> String {
        id.to_owned()
    }

    /// What `Fn::GetAtt` gives.
    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json>;
}

/// The handler of a resource type.
pub(crate) fn handler(resource_type: &str) -> Option<&'static dyn Handler> {
    Some(match resource_type {
        "AWS::EC2::VPC" => &vpc::Vpc,
        "AWS::EC2::Subnet" => &subnet::Subnet,
        "AWS::EC2::InternetGateway" => &gateway::InternetGateway,
        "AWS::EC2::VPCGatewayAttachment" => &gateway_attachment::Attachment,
        "AWS::EC2::RouteTable" => &route_table::RouteTable,
        "AWS::EC2::Route" => &route::Route,
        "AWS::EC2::SubnetRouteTableAssociation" => &subnet_association::Association,
        "AWS::EC2::SecurityGroup" => &security_group::SecurityGroup,
        "AWS::EC2::SecurityGroupIngress" => &security_group_rule::Rule(Direction::Ingress),
        "AWS::EC2::SecurityGroupEgress" => &security_group_rule::Rule(Direction::Egress),
        "AWS::EC2::VPCEndpoint" => &vpc_endpoint::Endpoint,
        "AWS::EC2::VPCEndpointService" => &vpc_endpoint_service::Service,
        "AWS::EC2::VPCEndpointServicePermissions" => &vpc_endpoint_service_permissions::Permissions,
        "AWS::EC2::Instance" => &instance::Instance,
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => &load_balancer::LoadBalancer,
        "AWS::ElasticLoadBalancingV2::TargetGroup" => &target_group::TargetGroup,
        "AWS::ElasticLoadBalancingV2::Listener" => &listener::Listener,
        _ => return None,
    })
}
