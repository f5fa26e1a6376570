//! What an event makes of the state, and why it may be refused.
//!
//! Codes and texts are EC2's and Elastic Load Balancing's where a public report or AWS's own models have them. Each
//! file has one kind of resource.

mod address;
mod balancer;
mod endpoint;
mod find;
mod gateway;
mod group;
mod instance;
mod interface;
mod listener;
mod principal;
pub(crate) mod quota;
mod record;
mod route_table;
mod rule;
mod service;
mod subnet;
mod tag;
mod target_group;
mod token;
mod vpc;

use crate::{AccountId, Change, Error, Event, State, Timestamp};

type Result<T = ()> = std::result::Result<T, Error>;

/// The state after an event. All of it happens or, when this returns an error, nothing.
///
/// An event whose client token was used with the same parameters changes nothing: what the first one made is found
/// by [`State::made_by`].
///
/// # Errors
/// When AWS would refuse the request: the code is AWS's, and the text names the value that is wrong.
pub fn apply(state: &State, event: &Event) -> Result<State> {
    follow(state.clone(), event)
}

/// As [`apply`], for who has no use for the state before: it is not copied, and lost when this returns an error.
///
/// # Errors
/// As [`apply`].
pub fn follow(state: State, event: &Event) -> Result<State> {
    if token::is_repeated(&state, event)? {
        return Ok(state);
    }
    let mut step = Step { state, at: event.at, account: &event.account };
    step.change(event.change.clone())?;
    token::remember(&mut step.state, event);
    Ok(step.state)
}

/// One event on its way: the state as it becomes, whose request it is and when.
struct Step<'a> {
    state: State,
    at: Timestamp,
    account: &'a AccountId,
}

impl Step<'_> {
    fn change(&mut self, change: Change) -> Result {
        match change {
            change @ Change::CreateVpc { .. } => self.create_vpc(change),
            Change::DeleteVpc { id } => self.delete_vpc(&id),
            Change::ModifyVpc { id, dns_support, dns_hostnames } => {
                self.modify_vpc(&id, dns_support, dns_hostnames)
            }
            Change::CreateSubnet { id, vpc, cidr, zone, default_for_zone, tags } => {
                self.create_subnet(id, vpc, cidr, zone, default_for_zone, tags)
            }
            Change::DeleteSubnet { id } => self.delete_subnet(&id),
            Change::ModifySubnet { id, map_public_ip_on_launch } => {
                self.modify_subnet(&id, map_public_ip_on_launch)
            }
            Change::CreateInternetGateway { id, tags } => self.create_gateway(id, tags),
            Change::DeleteInternetGateway { id } => self.delete_gateway(&id),
            Change::AttachInternetGateway { id, vpc } => self.attach_gateway(&id, vpc),
            Change::DetachInternetGateway { id, vpc } => self.detach_gateway(&id, &vpc),
            Change::CreateRouteTable { id, vpc, tags } => self.create_route_table(id, vpc, tags),
            Change::DeleteRouteTable { id } => self.delete_route_table(&id),
            Change::CreateRoute { table, destination, target } => {
                self.create_route(&table, destination, target)
            }
            Change::ReplaceRoute { table, destination, target } => {
                self.replace_route(&table, destination, target)
            }
            Change::DeleteRoute { table, destination } => self.delete_route(&table, destination),
            Change::AssociateRouteTable { id, table, subnet } => self.associate(id, &table, subnet),
            Change::ReplaceRouteTableAssociation { old, new, table } => {
                self.replace_association(&old, new, &table)
            }
            Change::DisassociateRouteTable { id } => self.disassociate(&id),

            Change::CreateSecurityGroup { id, vpc, name, description, egress_rule, tags } => {
                self.create_group(id, vpc, name, description, egress_rule, tags)
            }
            Change::DeleteSecurityGroup { id } => self.delete_group(&id),
            Change::AuthorizeRules { group, rules } => self.authorize(&group, rules),
            Change::RevokePermissions { group, direction, permissions } => {
                self.revoke_permissions(&group, direction, permissions)
            }
            Change::RevokeRules { group, direction, rules } => self.revoke_rules(&group, direction, &rules),
            Change::ModifyRules { group, rules } => self.modify_rules(&group, rules),
            Change::DescribeRules { group, direction, descriptions } => {
                self.describe_rules(&group, direction, descriptions)
            }

            change @ Change::RunInstances { .. } => self.run_instances(change),
            Change::StartInstances { ids } => self.start_instances(&ids),
            Change::StopInstances { ids } => self.stop_instances(&ids),
            Change::TerminateInstances { ids } => self.terminate_instances(&ids),
            Change::ForgetInstances { ids } => self.forget_instances(&ids),
            Change::ModifyInterface { id, groups, description } => {
                self.modify_interface(&id, groups, description)
            }

            change @ Change::CreateLoadBalancer { .. } => self.create_balancer(change),
            Change::SetLoadBalancerGroups { arn, groups, enforce_on_private_link } => {
                self.set_balancer_groups(&arn, groups, enforce_on_private_link)
            }
            Change::DeleteLoadBalancer { arn } => self.delete_balancer(&arn),
            Change::ModifyLoadBalancer { arn, cross_zone, deletion_protection } => {
                self.modify_balancer(&arn, cross_zone, deletion_protection)
            }
            change @ Change::CreateTargetGroup { .. } => self.create_target_group(change),
            Change::ModifyTargetGroup { arn, health, proxy_protocol_v2 } => {
                self.modify_target_group(&arn, health, proxy_protocol_v2)
            }
            Change::DeleteTargetGroup { arn } => self.delete_target_group(&arn),
            Change::RegisterTargets { group, targets } => self.register_targets(&group, targets),
            Change::DeregisterTargets { group, targets } => self.deregister_targets(&group, &targets),
            Change::CreateListener { arn, load_balancer, port, target_group, tags } => {
                self.create_listener(arn, load_balancer, port, target_group, tags)
            }
            Change::ModifyListener { arn, port, target_group, idle_timeout } => {
                self.modify_listener(&arn, port, target_group, idle_timeout)
            }
            Change::DeleteListener { arn } => self.delete_listener(&arn),

            Change::CreateService { id, load_balancers, acceptance_required, private_dns, tags } => {
                self.create_service(id, load_balancers, acceptance_required, private_dns, tags)
            }
            change @ Change::ModifyService { .. } => self.modify_service(change),
            Change::DeleteService { id } => self.delete_service(&id),
            Change::ModifyServicePermissions { id, add, remove } => {
                self.modify_service_permissions(&id, add, &remove)
            }
            Change::VerifyPrivateDns { id, found } => self.verify_private_dns(&id, found),
            Change::AcceptConnections { service, endpoints } => self.accept(&service, &endpoints),
            Change::RejectConnections { service, endpoints } => self.reject(&service, &endpoints),

            change @ Change::CreateEndpoint { .. } => self.create_endpoint(change),
            change @ Change::ModifyEndpoint { .. } => self.modify_endpoint(change),
            Change::DeleteEndpoint { id } => self.delete_endpoint(&id),

            Change::PublicRecord { name, addresses } => {
                record::put(&mut self.state.public_records, &name, addresses)
            }
            Change::PublicText { name, values } => record::put(&mut self.state.public_texts, &name, values),
            Change::SetTags { resources, tags } => self.set_tags(&resources, &tags),
            Change::RemoveTags { resources, tags } => self.remove_tags(&resources, &tags),
            Change::PutStack(stack) => self.put_stack(*stack),
            Change::ForgetStack { id } => self.forget_stack(&id),
        }
    }
}
