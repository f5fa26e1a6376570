//! What stands for a state: the shapes that the kernel and the resolver are given.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::collections::BTreeSet;

use common::{check::check, *};
use kura_model::{plan::*, *};

fn router(plan: &Plan, vpc: &VpcId) -> RouterFilter {
    match &plan.namespaces[&NamespaceName::router(vpc)].filter {
        Filter::Router(filter) => filter.clone(),
        other => panic!("{other:?}"),
    }
}

fn endpoint_filter(world: &World, id: &EndpointId, plan: &Plan) -> EndpointFilter {
    let interface = world.state.endpoints[id].interfaces.values().next().unwrap();
    match &plan.namespaces[&NamespaceName(interface.to_string())].filter {
        Filter::Endpoint(filter) => filter.clone(),
        other => panic!("{other:?}"),
    }
}

fn nodes(world: &World, arn: &LoadBalancerArn, plan: &Plan) -> Vec<NodeFilter> {
    let nodes = world.state.load_balancers[arn].nodes.values();
    nodes
        .map(|node| match &plan.namespaces[&NamespaceName(node.interface.to_string())].filter {
            Filter::Node(filter) => filter.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn targets(world: &World, service: &Service) -> Vec<String> {
    service.targets.iter().map(|id| format!("{}:8443", world.interface_of(id).address)).collect()
}

fn texts<T: ToString>(set: &BTreeSet<T>) -> Vec<String> {
    set.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_region_has_a_public_side_that_leads_nowhere() {
    let plan = World::new().plan();
    assert_eq!(plan.namespaces.keys().collect::<Vec<_>>(), [&NamespaceName::public()]);
    assert!(plan.links.is_empty() && plan.forwarders.is_empty());
    assert_eq!(plan.names.public_resolver, Some((NamespaceName::public(), "203.0.113.2".parse().unwrap())));
}

#[test]
fn an_instance_hangs_at_its_router_and_leaves_by_the_gateway() {
    let mut world = World::consumer();
    let subnet = world.subnet("c");
    let instance = world.instance(&subnet, &[]);
    let (plan, vpc) = (world.plan(), world.default_vpc());
    check(&plan);
    let interface = world.interface_of(&instance);
    let (number, vpc_number) = (interface.number, world.state.vpcs[&vpc].number);
    assert_eq!(interface.address.to_string(), "172.31.16.4");
    let link = plan.links.iter().find(|link| link.a.namespace == NamespaceName::of(interface)).unwrap();
    assert_eq!(link.a.address.unwrap().to_string(), "172.31.16.4/20");
    assert_eq!((link.b.device.as_str(), link.b.address), (format!("e{number}").as_str(), None));
    assert!(link.b.proxy_arp);
    let own = &plan.namespaces[&NamespaceName::of(interface)];
    let default = To::Device("eth0".to_owned(), Some("172.31.16.1".parse().unwrap()));
    assert_eq!(own.routes.first().unwrap().to, default);

    let at_router = &plan.namespaces[&NamespaceName::router(&vpc)];
    let lines: BTreeSet<String> = at_router
        .routes
        .iter()
        .map(|route| format!("{} {} {:?}", route.table, route.destination, route.to))
        .collect();
    assert!(lines.contains("254 172.31.0.0/16 Unreachable"), "{lines:?}");
    assert!(lines.contains("254 169.254.0.0/16 Unreachable"), "{lines:?}");
    assert!(lines.contains(&format!("254 172.31.16.4/32 Device(\"e{number}\", None)")), "{lines:?}");
    let table = at_router.tables[&format!("e{number}")];
    let out =
        lines.iter().find(|line| line.starts_with(&format!("{table} 0.0.0.0/0 Device(\"igw0\""))).unwrap();
    assert!(at_router.local.contains(&"172.31.0.2".parse().unwrap()));
    let filter = router(&plan, &vpc);
    let pairs = filter.gateway.unwrap().addresses;
    assert_eq!(pairs.values().map(ToString::to_string).collect::<Vec<_>>(), ["203.0.113.128"]);
    let public = &plan.namespaces[&NamespaceName::public()];
    let back =
        public.routes.iter().find(|route| route.destination.to_string() == "203.0.113.128/32").unwrap();
    assert!(matches!(&back.to, To::Device(device, Some(_)) if *device == format!("v{vpc_number}")), "{out}");
}

#[test]
fn a_stopped_instance_keeps_its_address_and_nothing_stands_for_it() {
    let mut world = World::consumer();
    let subnet = world.subnet("a");
    let before = world.plan();
    let instance = world.instance(&subnet, &[]);
    world.run(Change::StopInstances { ids: vec![instance.clone()] });
    let plan = world.plan();
    assert_eq!(plan.namespaces.keys().collect::<Vec<_>>(), before.namespaces.keys().collect::<Vec<_>>());
    assert_eq!(plan.links, before.links);
    let address = world.interface_of(&instance).address;
    world.run(Change::StartInstances { ids: vec![instance.clone()] });
    assert_eq!(world.interface_of(&instance).address, address);
    assert!(world.plan().namespaces.contains_key(&NamespaceName::of(world.interface_of(&instance))));
}

#[test]
fn without_a_gateway_nothing_leads_out() {
    let mut world = World::consumer();
    let vpc = world.default_vpc();
    let gateway = world.state.gateway_of(&vpc).unwrap().id.clone();
    world.run(Change::DetachInternetGateway { id: gateway, vpc: vpc.clone() });
    let plan = world.plan();
    check(&plan);
    assert_eq!(router(&plan, &vpc).gateway, None);
    assert!(plan.links.is_empty());
    let routes = &plan.namespaces[&NamespaceName::router(&vpc)].routes;
    assert!(routes.iter().all(|route| route.to == To::Unreachable), "the default route is a black hole");
}

#[test]
fn an_endpoint_leads_to_the_node_of_its_zone_and_that_to_the_targets_of_its_zone() {
    let (mut world, service) = World::with_service();
    let endpoint = world.endpoint(&service.name, &["c"], false);
    let plan = world.plan();
    check(&plan);
    let filter = endpoint_filter(&world, &endpoint, &plan);
    let [(443, port)] = filter.ports.iter().map(|(n, port)| (*n, port)).collect::<Vec<_>>()[..] else {
        panic!("{filter:?}")
    };
    assert!(!port.forwarder && port.idle_timeout == 350);
    let fabric = port.nodes.first().unwrap();
    let nodes = nodes(&world, &service.balancer, &plan);
    assert_eq!(nodes[0].fronts.len(), 1, "the other zone's node has no front for it");
    assert!(nodes[1].fronts.values().any(|address| *address == fabric.node));
    assert_eq!(u32::from(fabric.own) ^ 1, u32::from(fabric.node), "a pair");
    let expected = targets(&world, &service);
    assert_eq!(texts(&nodes[0].listeners[&443].targets), expected[..1]);
    assert_eq!(texts(&nodes[1].listeners[&443].targets), expected[1..]);
    let arn = service.balancer.clone();
    world.account = PROVIDER.into();
    world.run(Change::ModifyLoadBalancer { arn, cross_zone: Some(true), deletion_protection: None });
    let plan = world.plan();
    let all = &common_nodes(&world, &service, &plan)[0].listeners[&443].targets;
    assert_eq!(all.len(), 2);
}

fn common_nodes(world: &World, service: &Service, plan: &Plan) -> Vec<NodeFilter> {
    nodes(world, &service.balancer, plan)
}

#[test]
fn traffic_goes_to_healthy_targets_and_to_all_when_none_is() {
    let (mut world, service) = World::with_service();
    world.account = PROVIDER.into();
    let arn = service.balancer.clone();
    world.run(Change::ModifyLoadBalancer { arn, cross_zone: Some(true), deletion_protection: None });
    let targets: Vec<Target> = world.state.target_groups[&service.group].targets.iter().cloned().collect();
    let zone = |letter: &str| Some(format!("ap-northeast-1{letter}"));
    let chosen = |found: &[(usize, Option<String>)]| -> Vec<usize> {
        let unhealthy = found
            .iter()
            .map(|(n, zone)| (service.group.clone(), targets[*n].clone(), zone.clone()))
            .collect();
        let plan = plan(&world.state, &Health { unhealthy });
        nodes(&world, &service.balancer, &plan)
            .iter()
            .map(|node| node.listeners[&443].targets.len())
            .collect()
    };
    assert_eq!(chosen(&[]), [2, 2]);
    assert_eq!(chosen(&[(0, zone("a"))]), [1, 2], "what one node found is its own");
    assert_eq!(chosen(&[(0, None)]), [1, 1]);
    assert_eq!(chosen(&[(0, None), (1, None)]), [2, 2], "fail open");
    assert_eq!(checks(&world.state).len(), 4, "each target from each node");
}

#[test]
fn a_load_balancers_groups_guard_the_ways_beside_its_router() {
    let mut world = World::new();
    world.give_account(PROVIDER);
    let vpc = world.default_vpc();
    let (inner, friends) = (world.group(&vpc, "balancer"), world.group(&vpc, "friends"));
    for (traffic, peer) in [
        (Traffic::Tcp(443, 443), Peer::Cidr("172.31.0.0/20".parse().unwrap())),
        (Traffic::All, Peer::Group(friends)),
    ] {
        let change = world.allow(&inner, Direction::Ingress, traffic, peer);
        world.run(change);
    }
    let mut change = world.create_balancer("front", Scheme::InternetFacing, &[world.subnet("a")]);
    let Change::CreateLoadBalancer { arn, groups, .. } = &mut change else { unreachable!() };
    groups.insert(inner.clone());
    let arn = arn.clone();
    world.run(change);
    let id = ServiceId::new(world.id("vpce-svc-"));
    world.run(Change::CreateService {
        id: id.clone(),
        load_balancers: BTreeSet::from([arn.clone()]),
        acceptance_required: false,
        private_dns: None,
        tags: Tags::new(),
    });
    let add = BTreeSet::from(["*".to_owned()]);
    world.run(Change::ModifyServicePermissions { id: id.clone(), add, remove: BTreeSet::new() });
    let name = world.state.services[&id].name.clone();
    world.give_account(CONSUMER);
    let endpoint = world.endpoint(&name, &["a"], false);

    // Ranges alone: a group's members are not in the client's VPC. The public side is always held against them.
    let node = world.state.load_balancers[&arn].nodes.values().next().unwrap().interface.clone();
    let opening = Opening { traffic: Traffic::Tcp(443, 443), from: "172.31.0.0/20".parse().unwrap() };
    let guard = Guard { name: node.to_string(), openings: BTreeSet::from([opening]) };
    let plan = world.plan();
    check(&plan);
    let found = endpoint_filter(&world, &endpoint, &plan).guards;
    assert_eq!(found.values().collect::<Vec<_>>(), [&guard]);
    let device = format!("f{}", world.state.interfaces[&node].number);
    assert_eq!(found.keys().collect::<Vec<_>>(), [&device]);
    assert_eq!(nodes(&world, &arn, &plan)[0].guards, [("pub0".to_owned(), guard.clone())].into());

    let set = Change::SetLoadBalancerGroups {
        arn: arn.clone(),
        groups: BTreeSet::from([inner]),
        enforce_on_private_link: Some(false),
    };
    world.account = PROVIDER.into();
    world.run(set);
    let plan = world.plan();
    assert!(endpoint_filter(&world, &endpoint, &plan).guards.is_empty());
    assert_eq!(nodes(&world, &arn, &plan)[0].guards.len(), 1);
}

#[test]
fn an_endpoint_that_is_not_available_forwards_nothing() {
    let (mut world, service) = World::with_service();
    let endpoint = world.endpoint(&service.name, &["a"], true);
    world.account = PROVIDER.into();
    let endpoints = vec![endpoint.clone()];
    world.run(Change::RejectConnections { service: service.id.clone(), endpoints: endpoints.clone() });
    let plan = world.plan();
    check(&plan);
    assert!(endpoint_filter(&world, &endpoint, &plan).ports.is_empty());
    assert!(nodes(&world, &service.balancer, &plan).iter().all(|node| node.fronts.len() == 1));
    assert!(plan.names.resolvers.values().all(|resolver| resolver.zones.is_empty()));
    world.run(Change::AcceptConnections { service: service.id, endpoints });
    assert_eq!(world.plan().names.resolvers.values().filter(|found| !found.zones.is_empty()).count(), 1);
}

#[test]
fn proxy_protocol_goes_through_forwarders_that_tell_the_endpoint() {
    let (mut world, service) = World::with_service();
    let endpoint = world.endpoint(&service.name, &["a"], false);
    world.account = PROVIDER.into();
    let set = |on| Change::ModifyTargetGroup {
        arn: service.group.clone(),
        health: None,
        proxy_protocol_v2: Some(on),
    };
    world.run(set(true));
    let plan = world.plan();
    check(&plan);
    let filter = endpoint_filter(&world, &endpoint, &plan);
    assert!(filter.ports[&443].forwarder);
    let found: Vec<&Forwarder> =
        plan.forwarders.iter().filter(|found| *found.listen.1.ip() == filter.address).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].proxy_v2, Some(ProxyV2 { endpoint: Some(endpoint.to_string()) }));
    let node = world.state.load_balancers[&service.balancer].nodes.values().next().unwrap();
    let target = targets(&world, &service)[0].parse().unwrap();
    assert_eq!(found[0].dial, [Dial::Within(NamespaceName(node.interface.to_string()), target)].into());
    let own = plan.forwarders.iter().filter(|found| found.proxy_v2 == Some(ProxyV2 { endpoint: None }));
    assert_eq!(own.count(), 2, "both nodes, for those who come to them themselves");
    world.run(set(false));
    assert!(world.plan().forwarders.is_empty());
}

#[test]
fn a_process_on_the_machine_is_reached_by_a_forwarder_in_the_node() {
    let mut world = World::consumer();
    let subnet = world.subnet("a");
    let balancer = world.balancer("host", Scheme::InternetFacing, &[subnet]);
    let group = world.target_group("host", TargetKind::Host);
    let change = world.create_listener(&balancer, 443, &group);
    world.run(change);
    assert!(world.plan().forwarders.is_empty(), "no target: refused with a reset");
    world.register(&group, "127.0.0.1:8443");
    let plan = world.plan();
    check(&plan);
    let forwarder = plan.forwarders.first().unwrap();
    assert_eq!(forwarder.listen.1.to_string(), "0.0.0.0:443");
    assert_eq!(forwarder.dial, [Dial::Machine("127.0.0.1:8443".to_owned())].into());
    assert_eq!(forwarder.proxy_v2, None);
    let node = &nodes(&world, &balancer, &plan)[0];
    assert!(node.listeners[&443].forwarder);
    assert_eq!(node.fronts["pub0"].to_string(), "203.0.113.128");
    let name = &world.state.load_balancers[&balancer].dns_name;
    assert_eq!(plan.names.public[name], addresses(&["203.0.113.128"]));
    assert_eq!(plan.names.public[&format!("ap-northeast-1a.{name}")], addresses(&["203.0.113.128"]));
}

#[test]
fn names_are_regional_zonal_and_private_in_that_order() {
    let (mut world, service) = World::with_service();
    let endpoint = world.endpoint(&service.name, &["a", "c"], true);
    let found = &world.state.endpoints[&endpoint];
    let tail = format!("{}.ap-northeast-1.vpce.amazonaws.com", service.id);
    let label = format!("{endpoint}-{}", found.dns_label);
    let entries = world.state.dns_entries(found);
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        format!("{label}.{tail}"),
        format!("{label}-ap-northeast-1a.{tail}"),
        format!("{label}-ap-northeast-1c.{tail}"),
        DOMAIN.to_owned(),
    ];
    assert_eq!(names, expected);
    assert_eq!(entries[0].1, "Z2E726K9Y6RL4W");
    assert_ne!(entries[3].1, entries[0].1);

    let (plan, vpc) = (world.plan(), world.default_vpc());
    assert_eq!(plan.names.public[&expected[0]].len(), 2);
    assert_eq!(plan.names.public[&expected[1]].len(), 1);
    let zones = &plan.names.resolvers[&NamespaceName::router(&vpc)].zones;
    assert_eq!(zones[DOMAIN].alias, expected[0]);
    let others = plan.names.resolvers.values().filter(|found| found.zones.is_empty()).count();
    assert_eq!(others, 1, "the provider's VPC is as it was");
    let addresses = texts(&plan.names.resolvers[&NamespaceName::router(&vpc)].addresses);
    assert_eq!(addresses, ["169.254.169.253", "172.31.0.2"]);

    world.run(Change::ModifyVpc { id: vpc.clone(), dns_support: None, dns_hostnames: Some(false) });
    assert!(world.plan().names.resolvers[&NamespaceName::router(&vpc)].zones.is_empty());
    world.run(Change::ModifyVpc { id: vpc.clone(), dns_support: Some(false), dns_hostnames: Some(true) });
    let plan = world.plan();
    assert_eq!(plan.names.resolvers[&NamespaceName::router(&vpc)], Resolver::default());
    assert!(router(&plan, &vpc).resolver.is_empty());
}

#[test]
fn an_instance_has_a_name_of_its_own() {
    let mut world = World::consumer();
    let subnet = world.subnet("a");
    world.instance(&subnet, &[]);
    let vpc = world.default_vpc();
    let hosts = &world.plan().names.resolvers[&NamespaceName::router(&vpc)].hosts;
    assert_eq!(hosts["ip-172-31-0-4.ap-northeast-1.compute.internal"].to_string(), "172.31.0.4");
}

#[test]
fn public_records_are_lower_case_and_an_empty_set_removes_one() {
    let mut world = World::new();
    let put = |list: &[&str]| Change::PublicRecord {
        name: "Cache.Example.".to_owned(),
        addresses: addresses(list),
    };
    world.run(put(&["203.0.113.10"]));
    assert_eq!(world.plan().names.public["cache.example"], addresses(&["203.0.113.10"]));
    world.run(put(&[]));
    assert!(world.plan().names.public.is_empty());
    let values: BTreeSet<String> = ["vpce:x".to_owned()].into();
    world.run(Change::PublicText { name: "_x.example".to_owned(), values: values.clone() });
    assert_eq!(world.plan().names.public_txt["_x.example"], values);
}

#[test]
fn a_group_that_is_named_stands_for_the_addresses_that_carry_it() {
    let mut world = World::consumer();
    let (vpc, subnet) = (world.default_vpc(), world.subnet("a"));
    let (web, client) = (world.group(&vpc, "web"), world.group(&vpc, "client"));
    let change = world.allow(&web, Direction::Ingress, Traffic::Tcp(443, 443), Peer::Group(client.clone()));
    world.run(change);
    let instance = world.instance(&subnet, &[&client]);
    let filter = router(&world.plan(), &vpc);
    let address = world.interface_of(&instance).address;
    assert_eq!(filter.groups[client.as_str()].members, [address].into());
    let allow = Allow { traffic: Traffic::Tcp(443, 443), peer: AllowPeer::Members(client.to_string()) };
    assert_eq!(filter.groups[web.as_str()].ingress, [allow].into());
    assert_eq!(filter.groups[web.as_str()].egress.len(), 1);
    world.run(Change::TerminateInstances { ids: vec![instance] });
    assert!(router(&world.plan(), &vpc).groups[client.as_str()].members.is_empty());
}

#[test]
fn a_load_balancer_without_groups_passes_everything() {
    let (world, service) = World::with_service();
    let vpc = world.state.load_balancers[&service.balancer].vpc.clone();
    let filter = router(&world.plan(), &vpc);
    let unfiltered = &filter.groups["unfiltered"];
    assert_eq!((unfiltered.members.len(), unfiltered.ingress.len(), unfiltered.egress.len()), (2, 1, 1));
}

#[test]
fn a_router_forgets_no_connection_before_its_listener_does() {
    let (mut world, service) = World::with_service();
    let listener = world.state.listeners.keys().next().unwrap().clone();
    world.endpoint(&service.name, &["a"], false);
    let (consumer, other) = (world.default_vpc(), world.vpc("10.0.0.0/16"));
    world.account = PROVIDER.into();
    let change =
        Change::ModifyListener { arn: listener, port: None, target_group: None, idle_timeout: Some(6000) };
    world.run(change);
    let plan = world.plan();
    assert_eq!(router(&plan, &consumer).idle_timeout, 6000);
    assert_eq!(router(&plan, &world.default_vpc()).idle_timeout, 6000);
    assert_eq!(router(&plan, &other).idle_timeout, 350);
}

#[test]
fn what_happens_in_one_vpc_leaves_the_others_as_they_were() {
    let (mut world, service) = World::with_service();
    world.endpoint(&service.name, &["a"], true);
    let before = world.plan();
    world.give_account("000000000002");
    let (vpc, subnet) = (world.default_vpc(), world.subnet("a"));
    world.group(&vpc, "more");
    let instance = world.instance(&subnet, &[]);
    let after = world.plan();
    check(&after);
    for (name, namespace) in before.namespaces.iter().filter(|(name, _)| **name != NamespaceName::public()) {
        assert_eq!(after.namespaces[name], *namespace);
    }
    assert!(before.links.is_subset(&after.links));
    assert_eq!(before.forwarders, after.forwarders);
    for (name, resolver) in &before.names.resolvers {
        assert_eq!(after.names.resolvers[name], *resolver);
    }
    let own = [NamespaceName::router(&vpc), NamespaceName::of(world.interface_of(&instance))];
    let new: Vec<_> = after.namespaces.keys().filter(|name| !before.namespaces.contains_key(name)).collect();
    assert_eq!(new.len(), 2);
    assert!(own.iter().all(|name| new.contains(&name)));
}

#[test]
fn vpcs_of_one_range_live_side_by_side() {
    let (mut world, service) = World::with_service();
    world.endpoint(&service.name, &["a", "c"], false);
    let ranges: BTreeSet<_> = world.state.vpcs.values().map(|vpc| vpc.cidr).collect();
    assert_eq!((ranges.len(), world.state.vpcs.len()), (1, 2));
    check(&world.plan());
}
