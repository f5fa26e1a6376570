//! What AWS refuses about endpoints and services, with its codes and texts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::collections::BTreeSet;

use common::*;
use kura_model::*;

#[test]
fn a_service_that_is_unknown_or_not_for_the_account_does_not_exist() {
    let (mut world, service) = World::with_service();
    let subnet = world.subnet("a");
    let seen = |world: &World| {
        let found = world.state.service_named(&service.name);
        found.is_some_and(|found| found.is_visible_to(&world.account))
    };
    for name in ["com.amazonaws.vpce.ap-northeast-1.vpce-svc-0000000000000dead", "nonsense", ""] {
        let (_, change) = world.create_endpoint(name, std::slice::from_ref(&subnet), false);
        world.refuses(
            change,
            "InvalidServiceName",
            &format!("The Vpc Endpoint Service '{name}' does not exist"),
        );
    }
    world.give_account("000000000002");
    let subnet = world.subnet("a");
    let (_, change) = world.create_endpoint(&service.name, &[subnet], false);
    let text = format!("The Vpc Endpoint Service '{}' does not exist", service.name);
    world.refuses(change.clone(), "InvalidServiceName", &text);
    assert!(!seen(&world));

    world.account = PROVIDER.into();
    assert!(seen(&world), "the owner sees its own");
    let add = BTreeSet::from(["*".to_owned()]);
    let permit = Change::ModifyServicePermissions {
        id: service.id.clone(),
        add: add.clone(),
        remove: BTreeSet::new(),
    };
    world.run(permit);
    world.account = "000000000002".into();
    world.run(change);
}

#[test]
fn a_principal_is_an_arn_without_a_path_or_a_star() {
    let (mut world, service) = World::with_service();
    world.account = PROVIDER.into();
    for name in ["", "000000000000", "arn:aws:iam::0:root", "arn:aws:iam::000000000000:user/a/b"] {
        let add = [name.to_owned()].into();
        let change =
            Change::ModifyServicePermissions { id: service.id.clone(), add, remove: BTreeSet::new() };
        assert_eq!(world.refused(change).code, "InvalidPrincipal", "{name}");
    }
    for name in ["*", "arn:aws:iam::000000000000:user/a", "arn:aws:iam::000000000000:role/b"] {
        let add = [name.to_owned()].into();
        world.run(Change::ModifyServicePermissions { id: service.id.clone(), add, remove: BTreeSet::new() });
    }
}

#[test]
fn two_subnets_of_one_zone_are_refused() {
    let (mut world, service) = World::with_service();
    let vpc = world.default_vpc();
    let (first, second) = (world.subnet("a"), world.subnet_of(&vpc, "172.31.200.0/24", "a"));
    let (_, change) = world.create_endpoint(&service.name, &[first.clone(), second.clone()], false);
    let text =
        |subnet: &SubnetId| format!("Found another VPC endpoint subnet in the availability zone of {subnet}");
    world.refuses(change, "DuplicateSubnetsInSameZone", &text(&second));
    let id = world.endpoint(&service.name, &["a"], false);
    let new = world.new_interface(&second);
    let mut change = modify_endpoint(&id);
    if let Change::ModifyEndpoint { add_interfaces, .. } = &mut change {
        add_interfaces.push(new);
    }
    world.refuses(change.clone(), "DuplicateSubnetsInSameZone", &text(&second));
    if let Change::ModifyEndpoint { remove_subnets, .. } = &mut change {
        remove_subnets.insert(first);
    }
    world.run(change);
}

#[test]
fn a_zone_the_service_is_not_in_is_refused() {
    let (mut world, service) = World::with_service();
    let subnet = world.subnet("d");
    let (_, change) = world.create_endpoint(&service.name, std::slice::from_ref(&subnet), false);
    let text = format!(
        "The VPC endpoint service {} does not support the availability zone of the subnet: {subnet}.",
        service.name
    );
    world.refuses(change, "InvalidParameter", &text);
}

#[test]
fn subnets_that_are_malformed_unknown_or_elsewhere_are_refused() {
    let (mut world, service) = World::with_service();
    let (_, change) = world.create_endpoint(&service.name, &["subnet-xyz".into()], false);
    world.refuses(change, "InvalidSubnetId.Malformed", "Invalid Id: 'subnet-xyz' (expecting 'subnet-...')");
    let (_, change) = world.create_endpoint(&service.name, &["subnet-0123456789abcdef0".into()], false);
    world.refuses(
        change,
        "InvalidSubnetId.NotFound",
        "The subnet ID 'subnet-0123456789abcdef0' does not exist",
    );
    let vpc = world.vpc("10.0.0.0/16");
    let other = world.subnet_of(&vpc, "10.0.0.0/24", "a");
    let (_, change) = world.create_endpoint(&service.name, &[other], false);
    assert_eq!(world.refused(change).code, "InvalidParameter");
}

#[test]
fn private_dns_needs_a_name_that_is_verified() {
    let mut world = World::new();
    world.give_account(PROVIDER);
    let service = world.service(&["a"], None);
    world.give_account(CONSUMER);
    let subnets = [world.subnet("a")];
    let (_, change) = world.create_endpoint(&service.name, &subnets, true);
    let text = format!(
        "Private DNS can't be enabled because the service {} does not provide a private DNS name.",
        service.name
    );
    world.refuses(change.clone(), "InvalidParameter", &text);
    world.account = PROVIDER.into();
    world.run(Change::ModifyService {
        id: service.id.clone(),
        add_load_balancers: BTreeSet::new(),
        remove_load_balancers: BTreeSet::new(),
        acceptance_required: None,
        private_dns: Some(private_name(DOMAIN)),
        remove_private_dns: false,
    });
    world.account = CONSUMER.into();
    assert!(world.refused(change.clone()).message.contains("has not verified its private DNS name"));
    world.account = PROVIDER.into();
    world.run(Change::VerifyPrivateDns { id: service.id.clone(), found: false });
    assert_eq!(world.state.services[&service.id].private_dns.as_ref().unwrap().state, Verification::Failed);
    world.run(Change::VerifyPrivateDns { id: service.id, found: true });
    world.account = CONSUMER.into();
    world.run(change);
}

#[test]
fn one_vpc_has_one_endpoint_for_a_private_name() {
    let (mut world, service) = World::with_service();
    let first = world.endpoint(&service.name, &["a"], true);
    let subnets = [world.subnet("c")];
    let (_, change) = world.create_endpoint(&service.name, &subnets, true);
    let vpc = world.default_vpc();
    let text = format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {DOMAIN} in the VPC \
         {vpc}"
    );
    world.refuses(change.clone(), "InvalidParameter", &text);
    world.run(Change::DeleteEndpoint { id: first });
    world.run(change);
}

#[test]
fn private_dns_needs_both_attributes_of_the_vpc() {
    let (mut world, service) = World::with_service();
    let (vpc, subnets) = (world.default_vpc(), [world.subnet("a")]);
    for (support, hostnames) in [(true, false), (false, true), (false, false)] {
        world.run(Change::ModifyVpc {
            id: vpc.clone(),
            dns_support: Some(support),
            dns_hostnames: Some(hostnames),
        });
        let (_, change) = world.create_endpoint(&service.name, &subnets, true);
        let text = format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true \
             for {vpc}"
        );
        world.refuses(change, "InvalidParameter", &text);
    }
    let new = world.vpc("10.0.0.0/16");
    assert!(world.state.vpcs[&new].dns_support && !world.state.vpcs[&new].dns_hostnames);
}

#[test]
fn an_endpoint_waits_for_acceptance_and_so_does_its_private_dns() {
    let (mut world, service) = World::with_service();
    let (id, balancers) = (service.id.clone(), BTreeSet::new());
    world.account = PROVIDER.into();
    world.run(Change::ModifyService {
        id: id.clone(),
        add_load_balancers: balancers.clone(),
        remove_load_balancers: balancers,
        acceptance_required: Some(true),
        private_dns: None,
        remove_private_dns: false,
    });
    world.account = CONSUMER.into();
    let subnets = [world.subnet("a")];
    let text = format!(
        "Private DNS can only be enabled after the endpoint connection is accepted by the owner of {}.",
        service.name
    );
    let (_, change) = world.create_endpoint(&service.name, &subnets, true);
    world.refuses(change, "InvalidParameter", &text);
    let endpoint = world.endpoint(&service.name, &["a"], false);
    assert_eq!(world.state.endpoints[&endpoint].state, EndpointState::PendingAcceptance);
    assert!(world.state.dns_entries(&world.state.endpoints[&endpoint]).is_empty());
    let mut enable = modify_endpoint(&endpoint);
    if let Change::ModifyEndpoint { private_dns_enabled, .. } = &mut enable {
        *private_dns_enabled = Some(true);
    }
    world.refuses(enable.clone(), "InvalidParameter", &text);

    let accept = Change::AcceptConnections { service: id, endpoints: vec![endpoint.clone()] };
    assert_eq!(
        world.refused(accept.clone()).code,
        "InvalidVpcEndpointServiceId.NotFound",
        "only the owner accepts"
    );
    world.account = PROVIDER.into();
    world.run(accept);
    world.account = CONSUMER.into();
    assert_eq!(world.state.endpoints[&endpoint].state, EndpointState::Available);
    world.run(enable);
}

#[test]
fn a_service_with_live_connections_is_not_deleted() {
    let (mut world, service) = World::with_service();
    let endpoint = world.endpoint(&service.name, &["a"], false);
    world.account = PROVIDER.into();
    let delete = Change::DeleteService { id: service.id.clone() };
    let text = "Service has existing active VPC Endpoint connections!";
    world.refuses(delete.clone(), "ExistingVpcEndpointConnections", text);
    world.run(Change::RejectConnections { service: service.id, endpoints: vec![endpoint.clone()] });
    world.run(delete.clone());
    assert_eq!(world.refused(delete).code, "InvalidVpcEndpointServiceId.NotFound");
    world.account = CONSUMER.into();
    world.run(Change::DeleteEndpoint { id: endpoint });
}

#[test]
fn endpoints_and_services_of_others_do_not_exist() {
    let (mut world, service) = World::with_service();
    let endpoint = world.endpoint(&service.name, &["a"], false);
    world.account = PROVIDER.into();
    let text = format!("The Vpc Endpoint Id '{endpoint}' does not exist");
    world.refuses(Change::DeleteEndpoint { id: endpoint.clone() }, "InvalidVpcEndpointId.NotFound", &text);
    let change = Change::AcceptConnections { service: service.id, endpoints: vec!["vpce-0".into()] };
    assert_eq!(world.refused(change).code, "InvalidVpcEndpointId.NotFound");
    assert!(!world.state.exists(&PROVIDER.into(), endpoint.as_str()));
    assert!(world.state.exists(&CONSUMER.into(), endpoint.as_str()));
}

#[test]
fn a_vpc_has_fifty_endpoints_at_most() {
    let (mut world, service) = World::with_service();
    for _ in 0..50 {
        world.endpoint(&service.name, &["a"], false);
    }
    let (_, change) = world.create_endpoint(&service.name, &[], false);
    assert_eq!(world.refused(change).code, "VpcEndpointLimitExceeded");
}

#[test]
fn an_endpoint_keeps_at_least_one_group_and_at_most_five() {
    let (mut world, service) = World::with_service();
    let vpc = world.default_vpc();
    let endpoint = world.endpoint(&service.name, &["a"], false);
    let default = world.state.vpcs[&vpc].default_group.clone();
    assert_eq!(world.state.endpoints[&endpoint].groups, BTreeSet::from([default.clone()]));
    let mut change = modify_endpoint(&endpoint);
    if let Change::ModifyEndpoint { remove_groups, .. } = &mut change {
        remove_groups.insert(default);
    }
    assert_eq!(world.refused(change).code, "InvalidParameter");
    let more: BTreeSet<GroupId> = (0..5).map(|n| world.group(&vpc, &format!("g{n}"))).collect();
    let mut change = modify_endpoint(&endpoint);
    if let Change::ModifyEndpoint { add_groups, .. } = &mut change {
        *add_groups = more.clone();
    }
    assert_eq!(world.refused(change.clone()).code, "SecurityGroupsPerInterfaceLimitExceeded");
    if let Change::ModifyEndpoint { add_groups, .. } = &mut change {
        add_groups.pop_first();
    }
    world.run(change);
    let endpoint = &world.state.endpoints[&endpoint];
    let interface = &world.state.interfaces[endpoint.interfaces.values().next().unwrap()];
    assert_eq!((interface.groups.len(), &interface.groups), (5, &endpoint.groups));
    assert_eq!(interface.description, format!("VPC Endpoint Interface {}", endpoint.id));
}

#[test]
fn a_policy_has_a_longest_length() {
    let (mut world, service) = World::with_service();
    let (_, mut change) = world.create_endpoint(&service.name, &[], false);
    if let Change::CreateEndpoint { policy, .. } = &mut change {
        *policy = Some("x".repeat(20_481));
    }
    assert_eq!(world.refused(change).code, "InvalidPolicyDocument");
}

#[test]
fn a_load_balancer_serves_one_service() {
    let (mut world, service) = World::with_service();
    world.account = PROVIDER.into();
    let create = |load_balancers: &[&LoadBalancerArn]| Change::CreateService {
        id: "vpce-svc-0123456789abcdef0".into(),
        load_balancers: load_balancers.iter().map(|arn| (*arn).clone()).collect(),
        acceptance_required: true,
        private_dns: None,
        tags: Tags::new(),
    };
    let text = format!(
        "The load balancer '{}' is already associated with the service {}",
        service.balancer, service.id
    );
    world.refuses(create(&[&service.balancer]), "InvalidParameter", &text);
    let unknown = LoadBalancerArn::new("arn:none");
    let text = "The Network Load Balancer 'arn:none' does not exist";
    world.refuses(create(&[&unknown]), "InvalidParameter", text);
    assert_eq!(world.refused(create(&[])).code, "InvalidParameter");
    let text = format!(
        "Load balancer '{}' cannot be deleted because it is currently associated with another service",
        service.balancer
    );
    world.refuses(Change::DeleteLoadBalancer { arn: service.balancer.clone() }, "ResourceInUse", &text);
}

#[test]
fn a_domain_that_is_verified_covers_what_is_below_it() {
    let (mut world, service) = World::with_service();
    world.account = PROVIDER.into();
    let name = PrivateDnsName {
        name: format!("a.{DOMAIN}"),
        state: Verification::Pending,
        record_name: "_key".to_owned(),
        record_value: "vpce:proof".to_owned(),
    };
    assert!(!world.state.has_proof(&name));
    let values = ["vpce:proof".to_owned()].into();
    world.run(Change::PublicText { name: format!("_KEY.{DOMAIN}."), values });
    assert!(world.state.has_proof(&name), "under a domain above it, whatever the case");

    let subnet = world.subnet("a");
    let balancer = world.balancer("second", Scheme::Internal, &[subnet]);
    let mut state_of = |domain: &str, id: &str| {
        world.run(Change::CreateService {
            id: id.into(),
            load_balancers: [balancer.clone()].into(),
            acceptance_required: false,
            private_dns: Some(private_name(domain)),
            tags: Tags::new(),
        });
        let state = world.state.services[&ServiceId::new(id)].private_dns.as_ref().unwrap().state;
        world.run(Change::DeleteService { id: id.into() });
        state
    };
    assert_eq!(state_of(&format!("below.{DOMAIN}"), "vpce-svc-1"), Verification::Verified);
    assert_eq!(state_of(&format!("not{DOMAIN}"), "vpce-svc-2"), Verification::Pending);
    let mut change = Change::CreateService {
        id: "vpce-svc-3".into(),
        load_balancers: [balancer.clone()].into(),
        acceptance_required: false,
        private_dns: None,
        tags: Tags::new(),
    };
    for bad in ["", "one", "-a.b", "a..b", "a b.c"] {
        if let Change::CreateService { private_dns, .. } = &mut change {
            *private_dns = Some(private_name(bad));
        }
        assert_eq!(world.refused(change.clone()).code, "InvalidParameter", "{bad}");
    }
    assert!(world.state.services.contains_key(&service.id));
}

#[test]
fn a_client_token_makes_a_request_once() {
    let (mut world, service) = World::with_service();
    let subnets = [world.subnet("a")];
    let token = |parameters: &str| Some(Token { token: "t".to_owned(), parameters: parameters.to_owned() });
    let (id, change) = world.create_endpoint(&service.name, &subnets, false);
    world.try_event(change, token("p")).unwrap();
    let before = world.state.clone();
    let (_, again) = world.create_endpoint(&service.name, &subnets, false);
    world.try_event(again.clone(), token("p")).unwrap();
    assert_eq!(world.state, before);
    assert_eq!(world.state.made_by(&world.account, "t"), Some(id.as_str()));
    let error = world.try_event(again.clone(), token("q")).unwrap_err();
    assert_eq!(error.code, "IdempotentParameterMismatch");
    world.run(Change::DeleteEndpoint { id });
    world.try_event(again, token("q")).unwrap();
}
