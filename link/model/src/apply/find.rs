//! Looking up what a request names. What belongs to another account does not exist.

use super::{Result, Step};
use crate::{Error, ids::*, state::*};

macro_rules! finders {
    ($($find:ident, $find_mut:ident: $map:ident [$id:ty => $resource:ty], $code:literal, $text:literal;)*) => {
        impl Step<'_> {$(
            pub(super) fn $find(&self, id: &$id) -> Result<&$resource> {
                self.state.$map.get(id).filter(|found| found.owner == *self.account)
                    .ok_or_else(|| Error::new($code, format!($text, id)))
            }

            pub(super) fn $find_mut(&mut self, id: &$id) -> Result<&mut $resource> {
                self.state.$map.get_mut(id).filter(|found| found.owner == *self.account)
                    .ok_or_else(|| Error::new($code, format!($text, id)))
            }
        )*}
    };
}

finders! {
    vpc, vpc_mut: vpcs[VpcId => Vpc], "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist";
    subnet, subnet_mut: subnets[SubnetId => Subnet],
        "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist";
    gateway, gateway_mut: gateways[GatewayId => InternetGateway],
        "InvalidInternetGatewayID.NotFound", "The internetGateway ID '{}' does not exist";
    route_table, route_table_mut: route_tables[RouteTableId => RouteTable],
        "InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist";
    group, group_mut: groups[GroupId => SecurityGroup],
        "InvalidGroup.NotFound", "The security group '{}' does not exist";
    interface, interface_mut: interfaces[InterfaceId => NetworkInterface],
        "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{}' does not exist";
    instance, instance_mut: instances[InstanceId => Instance],
        "InvalidInstanceID.NotFound", "The instance ID '{}' does not exist";
    balancer, balancer_mut: load_balancers[LoadBalancerArn => LoadBalancer],
        "LoadBalancerNotFound", "Load balancer '{}' not found";
    target_group, target_group_mut: target_groups[TargetGroupArn => TargetGroup],
        "TargetGroupNotFound", "Target group '{}' not found";
    service, service_mut: services[ServiceId => EndpointService],
        "InvalidVpcEndpointServiceId.NotFound", "The VpcEndpointService Id '{}' does not exist";
    endpoint, endpoint_mut: endpoints[EndpointId => Endpoint],
        "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist";
}

impl Step<'_> {
    /// A listener belongs to whom its load balancer belongs to.
    pub(super) fn listener_mut(&mut self, arn: &ListenerArn) -> Result<&mut Listener> {
        let listener = self.state.listeners.get_mut(arn);
        listener
            .filter(|found| {
                self.state
                    .load_balancers
                    .get(&found.load_balancer)
                    .is_some_and(|found| found.owner == *self.account)
            })
            .ok_or_else(|| Error::new("ListenerNotFound", format!("Listener '{arn}' not found")))
    }
}

/// The refusal to remove what something else still needs.
pub(super) fn in_use(kind: &str, id: &str) -> Error {
    Error::new("DependencyViolation", format!("The {kind} '{id}' has dependencies and cannot be deleted."))
}

/// The refusal of one more than a quota allows.
pub(super) fn over_quota(code: &'static str, what: &str, limit: usize) -> Error {
    Error::new(code, format!("The maximum number of {what} has been reached: {limit} are allowed."))
}
