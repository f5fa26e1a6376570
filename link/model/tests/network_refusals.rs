//! What AWS refuses about VPCs, subnets, routes, groups, instances, load balancers and tags.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::collections::BTreeSet;

use common::*;
use kura_model::*;

#[test]
fn a_vpc_has_a_range_of_16_to_28_bits() {
    let mut world = World::new();
    for cidr in ["10.0.0.0/15", "10.0.0.0/29", "0.0.0.0/0"] {
        let change = world.create_vpc(cidr);
        world.refuses(change, "InvalidVpc.Range", &format!("The CIDR '{cidr}' is invalid."));
    }
    for cidr in ["169.254.0.0/16", "203.0.113.0/24", "203.0.0.0/16", "127.1.0.0/16", "224.0.0.0/16"] {
        let change = world.create_vpc(cidr);
        assert_eq!(world.refused(change).code, "InvalidVpc.Range", "{cidr}");
    }
    let id = world.vpc("10.1.2.3/16");
    assert_eq!(world.state.vpcs[&id].cidr.to_string(), "10.1.0.0/16", "kept in its canonical form");
}

#[test]
fn an_account_has_five_vpcs_and_one_default() {
    let mut world = World::consumer();
    let mut second = world.create_vpc("10.0.0.0/16");
    if let Change::CreateVpc { is_default, .. } = &mut second {
        *is_default = true;
    }
    assert_eq!(world.refused(second).code, "DefaultVpcAlreadyExists");
    for _ in 0..4 {
        world.vpc("10.0.0.0/16");
    }
    let sixth = world.create_vpc("10.0.0.0/16");
    assert_eq!(world.refused(sixth).code, "VpcLimitExceeded");
}

#[test]
fn a_vpc_in_use_is_not_deleted() {
    let mut world = World::consumer();
    let vpc = world.vpc("10.0.0.0/16");
    let delete = Change::DeleteVpc { id: vpc.clone() };
    let text = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
    let subnet = world.subnet_of(&vpc, "10.0.0.0/24", "a");
    world.refuses(delete.clone(), "DependencyViolation", &text);
    world.run(Change::DeleteSubnet { id: subnet });
    let group = world.group(&vpc, "g");
    world.refuses(delete.clone(), "DependencyViolation", &text);
    world.run(Change::DeleteSecurityGroup { id: group });
    let gateway = GatewayId::new(world.id("igw-"));
    world.run(Change::CreateInternetGateway { id: gateway.clone(), tags: Tags::new() });
    world.run(Change::AttachInternetGateway { id: gateway.clone(), vpc: vpc.clone() });
    world.refuses(delete.clone(), "DependencyViolation", &text);
    let text = format!("The internetGateway '{gateway}' has dependencies and cannot be deleted.");
    world.refuses(Change::DeleteInternetGateway { id: gateway.clone() }, "DependencyViolation", &text);
    world.run(Change::DetachInternetGateway { id: gateway, vpc: vpc.clone() });
    world.run(delete.clone());
    let text = format!("The vpc ID '{vpc}' does not exist");
    world.refuses(delete, "InvalidVpcID.NotFound", &text);
}

#[test]
fn a_subnet_lies_in_its_vpc_and_beside_its_siblings() {
    let mut world = World::consumer();
    let vpc = world.vpc("10.0.0.0/16");
    for cidr in ["10.1.0.0/24", "10.0.0.0/15", "10.0.0.0/29"] {
        let change = world.create_subnet(&vpc, cidr, "a");
        let text = format!("The CIDR '{cidr}' is invalid.");
        world.refuses(change, "InvalidSubnet.Range", &text);
    }
    let subnet = world.subnet_of(&vpc, "10.0.0.0/24", "a");
    for cidr in ["10.0.0.0/24", "10.0.0.128/25", "10.0.0.0/16"] {
        let change = world.create_subnet(&vpc, cidr, "c");
        let text = format!("The CIDR '{cidr}' conflicts with another subnet");
        world.refuses(change, "InvalidSubnet.Conflict", &text);
    }
    let change = world.create_subnet(&vpc, "10.0.1.0/24", "b");
    let text = "Value (ap-northeast-1b) for parameter availabilityZone is invalid. Subnets can currently only be \
                created in the following availability zones: ap-northeast-1a, ap-northeast-1c, ap-northeast-1d.";
    world.refuses(change, "InvalidParameterValue", text);
    world.instance(&subnet, &[]);
    let text = format!("The subnet '{subnet}' has dependencies and cannot be deleted.");
    world.refuses(Change::DeleteSubnet { id: subnet }, "DependencyViolation", &text);
}

#[test]
fn a_subnet_gives_all_addresses_but_five_and_rests_a_freed_one() {
    let mut world = World::consumer();
    let vpc = world.vpc("10.0.0.0/24");
    let subnet = world.subnet_of(&vpc, "10.0.0.16/28", "a");
    let free = |world: &World| world.state.free_addresses(&world.state.subnets[&subnet]);
    assert_eq!(free(&world), 11);
    let first = world.instance(&subnet, &[]);
    assert_eq!(world.interface_of(&first).address.to_string(), "10.0.0.20");
    world.run(Change::TerminateInstances { ids: vec![first] });
    let second = world.instance(&subnet, &[]);
    assert_eq!(world.interface_of(&second).address.to_string(), "10.0.0.21");
    for _ in 0..10 {
        world.instance(&subnet, &[]);
    }
    assert_eq!(free(&world), 0);
    let (_, change) = world.run_instances(&subnet, &[]);
    let text = format!("The subnet '{subnet}' does not have enough free addresses to satisfy the request.");
    world.refuses(change, "InsufficientFreeAddressesInSubnet", &text);
    let last = world.state.interfaces.values().find(|found| found.address.to_string() == "10.0.0.20");
    assert!(last.is_some(), "the range was gone around");
}

#[test]
fn an_address_asked_for_is_free_and_not_reserved() {
    let mut world = World::consumer();
    let vpc = world.vpc("10.0.0.0/16");
    let subnet = world.subnet_of(&vpc, "10.0.0.0/24", "a");
    let mut ask = |address: &str| {
        let (_, mut change) = world.run_instances(&subnet, &[]);
        if let Change::RunInstances { instances, .. } = &mut change {
            instances[0].interface.address = Some(address.parse().unwrap());
        }
        world.try_run(change).map_err(|error| error.code)
    };
    assert_eq!(ask("10.0.1.4"), Err("InvalidParameterValue"));
    assert_eq!(ask("10.0.0.3"), Err("InvalidParameterValue"));
    assert_eq!(ask("10.0.0.255"), Err("InvalidParameterValue"));
    assert_eq!(ask("10.0.0.200"), Ok(()));
    assert_eq!(ask("10.0.0.200"), Err("InvalidIPAddress.InUse"));
}

#[test]
fn public_addresses_end_and_are_given_back() {
    let mut world = World::consumer();
    let subnet = world.subnet("a");
    let mut ids = Vec::new();
    for _ in 0..127 {
        ids.push(world.instance(&subnet, &[]));
    }
    let taken: BTreeSet<_> = ids.iter().map(|id| world.interface_of(id).public_address.unwrap()).collect();
    assert_eq!(taken.len(), 127);
    assert_eq!(taken.first().unwrap().to_string(), "203.0.113.128");
    assert_eq!(taken.last().unwrap().to_string(), "203.0.113.254");
    let (_, change) = world.run_instances(&subnet, &[]);
    assert_eq!(world.refused(change.clone()).code, "InsufficientAddressCapacity");
    world.run(Change::StopInstances { ids: ids[..1].to_vec() });
    world.run(change);
    let start = Change::StartInstances { ids: ids[..1].to_vec() };
    assert_eq!(world.refused(start).code, "InsufficientAddressCapacity");
}

#[test]
fn group_names_are_unique_in_a_vpc_and_some_are_kept() {
    let mut world = World::consumer();
    let vpc = world.default_vpc();
    world.group(&vpc, "web");
    let change = world.create_group(&vpc, "web");
    let text = format!("The security group 'web' already exists for VPC '{vpc}'");
    world.refuses(change, "InvalidGroup.Duplicate", &text);
    let change = world.create_group(&vpc, "default");
    world.refuses(change, "InvalidParameterValue", "Cannot use reserved security group name: default");
    for name in ["sg-mine", "", "a\nb", &"x".repeat(256)] {
        let change = world.create_group(&vpc, name);
        assert_eq!(world.refused(change).code, "InvalidParameterValue", "{name}");
    }
}

#[test]
fn groups_in_use_and_default_groups_are_not_deleted() {
    let mut world = World::consumer();
    let vpc = world.default_vpc();
    let default = world.state.vpcs[&vpc].default_group.clone();
    let text = format!("the specified group: \"{default}\" name: \"default\" cannot be deleted by a user");
    world.refuses(Change::DeleteSecurityGroup { id: default }, "CannotDelete", &text);
    let (carried, named) = (world.group(&vpc, "carried"), world.group(&vpc, "named"));
    let subnet = world.subnet("a");
    let instance = world.instance(&subnet, &[&carried]);
    let change = world.allow(&carried, Direction::Ingress, Traffic::All, Peer::Group(named.clone()));
    world.run(change);
    for id in [&carried, &named] {
        let text = format!("resource {id} has a dependent object");
        world.refuses(Change::DeleteSecurityGroup { id: id.clone() }, "DependencyViolation", &text);
    }
    world.run(Change::TerminateInstances { ids: vec![instance] });
    world.run(Change::DeleteSecurityGroup { id: carried });
    world.run(Change::DeleteSecurityGroup { id: named.clone() });
    let text = format!("The security group '{named}' does not exist");
    world.refuses(Change::DeleteSecurityGroup { id: named }, "InvalidGroup.NotFound", &text);
}

#[test]
fn a_rule_is_there_once_and_revoked_once() {
    let mut world = World::consumer();
    let vpc = world.default_vpc();
    let group = world.group(&vpc, "web");
    let peer = || Peer::Cidr("10.1.2.3/8".parse().unwrap());
    let traffic = Traffic::Tcp(443, 443);
    let change = world.allow(&group, Direction::Ingress, traffic, peer());
    world.run(change);
    let change = world.allow(&group, Direction::Ingress, traffic, peer());
    let text =
        "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 443, to port: 443, ALLOW\" already exists";
    world.refuses(change, "InvalidPermission.Duplicate", text);
    let change = world.allow(&group, Direction::Egress, traffic, peer());
    world.run(change);
    let revoke = Change::RevokePermissions {
        group: group.clone(),
        direction: Direction::Ingress,
        permissions: vec![Permission { traffic, peer: peer() }],
    };
    world.run(revoke.clone());
    assert_eq!(world.refused(revoke).code, "InvalidPermission.NotFound");
    let unknown = Change::RevokeRules {
        group: group.clone(),
        direction: Direction::Ingress,
        rules: vec!["sgr-1".into()],
    };
    world.refuses(
        unknown,
        "InvalidSecurityGroupRuleId.NotFound",
        "The security group rule ID 'sgr-1' does not exist",
    );
    let change = world.allow(&group, Direction::Ingress, Traffic::Tcp(443, 80), anywhere());
    world.refuses(change, "InvalidParameterValue", "Invalid port range (443:80)");
    let other = world.vpc("10.0.0.0/16");
    let foreign = world.group(&other, "foreign");
    let change = world.allow(&group, Direction::Ingress, Traffic::All, Peer::Group(foreign));
    assert_eq!(world.refused(change).code, "InvalidGroup.NotFound");
}

#[test]
fn several_rules_are_made_together_or_not_at_all() {
    let mut world = World::consumer();
    let vpc = world.default_vpc();
    let group = world.group(&vpc, "web");
    let mut rules = Vec::new();
    for port in 1..=60 {
        let Change::AuthorizeRules { rules: mut one, .. } =
            world.allow(&group, Direction::Ingress, Traffic::Udp(port, port), anywhere())
        else {
            unreachable!()
        };
        rules.append(&mut one);
    }
    let mut twice = rules.clone();
    twice[59].allows = twice[0].allows.clone();
    let change = Change::AuthorizeRules { group: group.clone(), rules: twice };
    assert_eq!(world.refused(change).code, "InvalidPermission.Duplicate");
    world.run(Change::AuthorizeRules { group: group.clone(), rules });
    let change = world.allow(&group, Direction::Ingress, Traffic::All, anywhere());
    assert_eq!(world.refused(change).code, "RulesPerSecurityGroupLimitExceeded");
    let change = world.allow(&group, Direction::Egress, Traffic::Tcp(1, 1), anywhere());
    world.run(change);
}

#[test]
fn an_interface_of_an_endpoint_or_a_load_balancer_is_not_edited() {
    let (mut world, service) = World::with_service();
    let endpoint = world.endpoint(&service.name, &["a"], false);
    let interface = world.state.endpoints[&endpoint].interfaces.values().next().unwrap().clone();
    let edit = |id: &InterfaceId| Change::ModifyInterface {
        id: id.clone(),
        groups: None,
        description: Some("mine".to_owned()),
    };
    assert_eq!(world.refused(edit(&interface)).code, "OperationNotPermitted");
    world.account = PROVIDER.into();
    let node = world.state.load_balancers[&service.balancer].nodes.values().next().unwrap().interface.clone();
    assert_eq!(world.refused(edit(&node)).code, "OperationNotPermitted");
    let own = world.interface_of(&service.targets[0]).id.clone();
    world.run(edit(&own));
    assert_eq!(world.state.interfaces[&own].description, "mine");
}

#[test]
fn routes_lead_to_an_attached_gateway_outside_of_the_vpc() {
    let mut world = World::consumer();
    let vpc = world.default_vpc();
    let gateway = world.state.gateway_of(&vpc).unwrap().id.clone();
    let table = world.state.vpcs[&vpc].main_route_table.clone();
    let create = |to: &str, id: &GatewayId| Change::CreateRoute {
        table: table.clone(),
        destination: to.parse().unwrap(),
        target: RouteTarget::Gateway(id.clone()),
    };
    let text = "The route identified by 0.0.0.0/0 already exists.";
    world.refuses(create("0.0.0.0/0", &gateway), "RouteAlreadyExists", text);
    assert_eq!(world.refused(create("172.31.0.0/16", &gateway)).code, "RouteAlreadyExists");
    assert_eq!(world.refused(create("172.31.0.0/20", &gateway)).code, "InvalidParameterValue");
    let loose = GatewayId::new("igw-1");
    assert_eq!(world.refused(create("1.0.0.0/8", &loose)).code, "InvalidInternetGatewayID.NotFound");
    world.run(Change::CreateInternetGateway { id: loose.clone(), tags: Tags::new() });
    let text = format!("route table {table} and network gateway igw-1 belong to different networks");
    world.refuses(create("1.0.0.0/8", &loose), "InvalidParameterValue", &text);
    let attach = |id: &GatewayId| Change::AttachInternetGateway { id: id.clone(), vpc: vpc.clone() };
    let text = format!("Network {vpc} already has an internet gateway attached");
    world.refuses(attach(&loose), "InvalidParameterValue", &text);
    let text = format!("resource {gateway} is already attached to network {vpc}");
    world.refuses(attach(&gateway), "Resource.AlreadyAssociated", &text);
    let delete = |to: &str| Change::DeleteRoute { table: table.clone(), destination: to.parse().unwrap() };
    let text = format!("no route with destination-cidr-block 9.0.0.0/8 in route table {table}");
    world.refuses(delete("9.0.0.0/8"), "InvalidRoute.NotFound", &text);
    assert_eq!(world.refused(delete("172.31.0.0/16")).code, "InvalidParameterValue");
    let subnet = world.subnet("a");
    world.instance(&subnet, &[]);
    let detach = Change::DetachInternetGateway { id: gateway, vpc: vpc.clone() };
    assert!(world.refused(detach).message.contains("has some mapped public address(es)"));
}

#[test]
fn associations_are_one_a_subnet_and_the_main_one_stays() {
    let mut world = World::consumer();
    let (vpc, subnet) = (world.default_vpc(), world.subnet("a"));
    let (table, main) = (RouteTableId::new("rtb-1"), world.state.vpcs[&vpc].main_route_table.clone());
    world.run(Change::CreateRouteTable { id: table.clone(), vpc: vpc.clone(), tags: Tags::new() });
    let associate = |id: &str| Change::AssociateRouteTable {
        id: id.into(),
        table: table.clone(),
        subnet: subnet.clone(),
    };
    world.run(associate("rtbassoc-1"));
    assert_eq!(world.refused(associate("rtbassoc-2")).code, "Resource.AlreadyAssociated");
    let delete = Change::DeleteRouteTable { id: table.clone() };
    assert_eq!(world.refused(delete.clone()).code, "DependencyViolation");
    let main_association = world.state.route_tables[&main].associations.keys().next().unwrap().clone();
    let leave = Change::DisassociateRouteTable { id: main_association.clone() };
    let text = format!("cannot disassociate the main route table association {main_association}");
    world.refuses(leave, "InvalidParameterValue", &text);
    world.run(Change::DisassociateRouteTable { id: "rtbassoc-1".into() });
    assert_eq!(
        world.refused(Change::DisassociateRouteTable { id: "rtbassoc-1".into() }).code,
        "InvalidAssociationID.NotFound"
    );
    let replace = Change::ReplaceRouteTableAssociation {
        old: main_association,
        new: "rtbassoc-3".into(),
        table: table.clone(),
    };
    world.run(replace);
    assert_eq!(world.state.vpcs[&vpc].main_route_table, table);
    assert_eq!(world.refused(delete).code, "DependencyViolation");
    world.run(Change::DeleteRouteTable { id: main });
}

#[test]
fn load_balancers_have_sound_names_and_a_subnet_a_zone() {
    let mut world = World::consumer();
    let (vpc, subnet) = (world.default_vpc(), world.subnet("a"));
    for name in ["", "-a", "a-", "a_b", "internal-a", &"x".repeat(33)] {
        let change = world.create_balancer(name, Scheme::Internal, std::slice::from_ref(&subnet));
        assert_eq!(world.refused(change).code, "ValidationError", "{name}");
    }
    let arn = world.balancer("web", Scheme::Internal, std::slice::from_ref(&subnet));
    let change = world.create_balancer("web", Scheme::Internal, std::slice::from_ref(&subnet));
    let text = "A load balancer with the same name 'web' exists, but with different settings";
    world.refuses(change, "DuplicateLoadBalancerName", text);
    let twin = world.subnet_of(&vpc, "172.31.200.0/24", "a");
    let change = world.create_balancer("two", Scheme::Internal, &[subnet.clone(), twin]);
    let text = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
    world.refuses(change, "InvalidConfigurationRequest", text);
    let change = world.create_balancer("none", Scheme::Internal, &["subnet-1".into()]);
    world.refuses(change, "SubnetNotFound", "The subnet ID 'subnet-1' does not exist");
    let other = world.vpc("10.0.0.0/16");
    let inner = world.subnet_of(&other, "10.0.0.0/24", "a");
    let change = world.create_balancer("front", Scheme::InternetFacing, &[inner]);
    world.refuses(change, "InvalidSubnet", &format!("VPC {other} has no internet gateway"));
    world.run(Change::ModifyLoadBalancer {
        arn: arn.clone(),
        cross_zone: None,
        deletion_protection: Some(true),
    });
    let text = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
    world.refuses(Change::DeleteLoadBalancer { arn }, "OperationNotPermitted", &text);
}

#[test]
fn listeners_have_a_port_each_and_target_groups_one_load_balancer() {
    let (mut world, service) = World::with_service();
    world.account = PROVIDER.into();
    let change = world.create_listener(&service.balancer, 443, &service.group);
    let text =
        format!("A listener already exists on this port for this load balancer '{}': 443", service.balancer);
    world.refuses(change, "DuplicateListener", &text);
    let subnet = world.subnet("a");
    let other = world.balancer("other", Scheme::Internal, &[subnet]);
    let change = world.create_listener(&other, 443, &service.group);
    assert_eq!(world.refused(change).code, "TargetGroupAssociationLimit");
    let text = format!("Target group '{}' is currently in use by a listener or a rule", service.group);
    world.refuses(Change::DeleteTargetGroup { arn: service.group.clone() }, "ResourceInUse", &text);
    let arn = world.state.listeners.keys().next().unwrap().clone();
    for seconds in [59, 6001] {
        let change = Change::ModifyListener {
            arn: arn.clone(),
            port: None,
            target_group: None,
            idle_timeout: Some(seconds),
        };
        let text = format!("tcp.idle_timeout.seconds '{seconds}' must be from 60 to 6000");
        world.refuses(change, "ValidationError", &text);
    }
    world.account = CONSUMER.into();
    assert_eq!(world.refused(Change::DeleteListener { arn }).code, "ListenerNotFound");
}

#[test]
fn targets_are_running_instances_or_addresses_of_the_vpc_or_hosts() {
    let mut world = World::consumer();
    let subnet = world.subnet("a");
    let stopped = world.instance(&subnet, &[]);
    world.run(Change::StopInstances { ids: vec![stopped.clone()] });
    let kinds = [TargetKind::Instance, TargetKind::Ip, TargetKind::Host];
    let groups = kinds.map(|kind| (kind, world.target_group(&format!("{kind:?}"), kind)));
    for (kind, group) in groups {
        let bad: &[&str] = match kind {
            TargetKind::Instance => &["i-1", stopped.as_str()],
            TargetKind::Ip => &["no", "10.0.0.1"],
            TargetKind::Host => &["localhost", ":1", "a:b"],
        };
        for id in bad {
            let target = Target { id: (*id).to_owned(), port: 1 };
            let change = Change::RegisterTargets { group: group.clone(), targets: [target].into() };
            assert_eq!(world.refused(change).code, "InvalidTarget", "{id}");
        }
        let target = Target { id: "x".to_owned(), port: 1 };
        let change = Change::DeregisterTargets { group, targets: [target].into() };
        assert_eq!(world.refused(change).code, "InvalidTarget");
    }
    let mut change = world.create_target_group("late", TargetKind::Ip);
    if let Change::CreateTargetGroup { health, .. } = &mut change {
        health.interval = 4;
    }
    world.refuses(change, "ValidationError", "Health check interval '4' must be from 5 to 300");
}

#[test]
fn a_terminated_instance_stays_terminated_and_frees_its_interface() {
    let (mut world, service) = World::with_service();
    world.account = PROVIDER.into();
    let id = service.targets[0].clone();
    let interface = world.interface_of(&id).id.clone();
    world.run(Change::TerminateInstances { ids: vec![id.clone()] });
    assert!(!world.state.interfaces.contains_key(&interface));
    assert_eq!(world.state.target_groups[&service.group].targets.len(), 1, "deregistered with its end");
    let text = format!("The instance '{id}' is not in a state from which it can be started.");
    world.refuses(Change::StartInstances { ids: vec![id.clone()] }, "IncorrectInstanceState", &text);
    let both = vec![service.targets[1].clone(), InstanceId::new("i-1")];
    world.refuses(
        Change::TerminateInstances { ids: both },
        "InvalidInstanceID.NotFound",
        "The instance ID 'i-1' does not exist",
    );
    world.run(Change::ForgetInstances { ids: vec![id] });
    let change = Change::ForgetInstances { ids: vec![service.targets[1].clone()] };
    assert_eq!(world.refused(change).code, "IncorrectInstanceState");
}

#[test]
fn tags_are_set_on_all_or_none_and_are_fifty_at_most() {
    let mut world = World::consumer();
    let vpc = world.default_vpc();
    let rule = world.state.groups.values().next().unwrap().rules.keys().next().unwrap().to_string();
    let resources = vec![vpc.to_string(), rule.clone()];
    world.run(Change::SetTags { resources, tags: tags(&[("Name", "one"), ("b", "2")]) });
    assert_eq!(world.state.tags(&rule), Some(&tags(&[("Name", "one"), ("b", "2")])));
    let resources = vec![vpc.to_string(), "vpc-none".to_owned()];
    let change = Change::SetTags { resources, tags: tags(&[("c", "3")]) };
    world.refuses(change, "InvalidID", "The ID 'vpc-none' is not valid");
    let remove = [("Name".to_owned(), Some("other".to_owned())), ("b".to_owned(), None)].into();
    world.run(Change::RemoveTags { resources: vec![rule.clone()], tags: remove });
    assert_eq!(world.state.tags(&rule), Some(&tags(&[("Name", "one")])));
    let many = (0..51).map(|number| (number.to_string(), String::new())).collect();
    let change = Change::SetTags { resources: vec![rule.clone()], tags: many };
    assert_eq!(world.refused(change).code, "TagLimitExceeded");
    world.account = PROVIDER.into();
    let change = Change::SetTags { resources: vec![rule], tags: tags(&[("c", "3")]) };
    assert_eq!(world.refused(change).code, "InvalidID");
}
