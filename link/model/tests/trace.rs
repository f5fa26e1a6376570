//! The article's walk, as the trace tells it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use common::*;
use kura_model::*;

/// An instance of the consumer's, its group, and the endpoint's.
fn scene() -> (World, Service, InstanceId, GroupId, EndpointId) {
    let (mut world, service) = World::with_service();
    let vpc = world.default_vpc();
    let (host, inner) = (world.group(&vpc, "host"), world.group(&vpc, "endpoint"));
    let change = world.allow(&inner, Direction::Ingress, Traffic::Tcp(443, 443), Peer::Group(host.clone()));
    world.run(change);
    let instance = world.instance(&world.subnet("a"), &[&host]);
    let subnets = [world.subnet("a"), world.subnet("c")];
    let (id, mut change) = world.create_endpoint(&service.name, &subnets, true);
    if let Change::CreateEndpoint { groups, .. } = &mut change {
        groups.insert(inner);
    }
    world.run(change);
    (world, service, instance, host, id)
}

fn look(world: &World, from: &InstanceId, to: &str) -> Trace {
    trace(&world.state, &Health::default(), from, to, 443)
}

#[test]
fn a_private_name_leads_through_the_endpoint_to_the_target_of_its_zone() {
    let (world, service, instance, _, endpoint) = scene();
    let found = look(&world, &instance, DOMAIN);
    assert_eq!(found.verdict, Verdict::Private, "{}", found.reason);
    let answer = found.answer.unwrap();
    assert_eq!(answer.zone, AnswerZone::Private(DOMAIN.to_owned()));
    assert_eq!(answer.addresses.len(), 2);
    for (path, target) in found.paths.iter().zip(&service.targets) {
        assert_eq!(path.endpoint.as_ref().unwrap().endpoint, endpoint.to_string());
        assert!(
            path.egress.as_ref().unwrap().rule.is_some() && path.ingress.as_ref().unwrap().rule.is_some()
        );
        assert_eq!(path.nodes[0].targets[0].id, target.to_string());
    }
}

#[test]
fn locked_down_the_endpoint_is_reached_and_the_public_address_is_not() {
    let (mut world, service, instance, host, endpoint) = scene();
    world.account = PROVIDER.into();
    let public = world.balancer("front", Scheme::InternetFacing, &[world.subnet("a")]);
    let change = world.create_target_group("front", TargetKind::Instance);
    let Change::CreateTargetGroup { arn, .. } = &change else { unreachable!() };
    let group = arn.clone();
    world.run(change);
    world.register(&group, service.targets[0].as_str());
    let change = world.create_listener(&public, 443, &group);
    world.run(change);
    let name = world.state.load_balancers[&public].dns_name.clone();
    world.account = CONSUMER.into();
    assert_eq!(look(&world, &instance, &name).verdict, Verdict::Public);

    let rule = world.state.groups[&host].rules.keys().next().unwrap().clone();
    let revoke = Change::RevokeRules { group: host.clone(), direction: Direction::Egress, rules: vec![rule] };
    world.run(revoke);
    let inner = world.state.endpoints[&endpoint].groups.first().unwrap().clone();
    let change = world.allow(&host, Direction::Egress, Traffic::All, Peer::Group(inner));
    world.run(change);
    assert_eq!(look(&world, &instance, DOMAIN).verdict, Verdict::Private);
    let refused = look(&world, &instance, &name);
    assert_eq!(refused.verdict, Verdict::Refused);
    assert!(!refused.paths[0].egress.as_ref().unwrap().is_allowed);
    assert!(refused.advice.unwrap().contains("authorize-security-group-egress"));
}

#[test]
fn each_refusal_says_what_to_do() {
    let (mut world, service, instance, host, endpoint) = scene();
    let says = |world: &World, to: &str, reason: &str, advice: &str| {
        let found = look(world, &instance, to);
        assert_eq!(found.verdict, Verdict::Refused);
        assert!(found.reason.contains(reason), "{}", found.reason);
        assert!(found.advice.as_ref().unwrap().contains(advice), "{:?}", found.advice);
    };
    says(&world, "nowhere.example", "upstream", "publish");
    says(&world, &format!("api.{DOMAIN}"), "private zone", DOMAIN);
    says(&world, "172.31.0.200", "nobody has the address", "status");
    says(&world, "203.0.113.200", "nobody has the address", "status");
    let zonal = world.state.dns_entries(&world.state.endpoints[&endpoint])[1].0.clone();

    let other = trace(&world.state, &Health::default(), &instance, &zonal, 80);
    assert!(other.reason.contains("lets TCP 80 in from"), "{}", other.reason);
    assert!(other.advice.unwrap().contains("authorize-security-group-ingress"));

    world.account = PROVIDER.into();
    world.run(Change::RejectConnections { service: service.id.clone(), endpoints: vec![endpoint.clone()] });
    let address =
        world.state.interfaces[world.state.endpoints[&endpoint].interfaces.values().next().unwrap()].address;
    says(&world, &address.to_string(), "was rejected", "accept the connection");
    world.run(Change::AcceptConnections { service: service.id, endpoints: vec![endpoint] });
    world.run(Change::StopInstances { ids: service.targets.clone() });
    says(&world, DOMAIN, "has no target", "register a running target");

    world.account = CONSUMER.into();
    let vpc = world.default_vpc();
    world.run(Change::ModifyVpc { id: vpc, dns_support: Some(false), dns_hostnames: None });
    says(&world, DOMAIN, "enableDnsSupport is off", "modify-vpc-attribute");
    assert!(world.state.groups.contains_key(&host));
    world.run(Change::StopInstances { ids: vec![instance.clone()] });
    says(&world, DOMAIN, "is not running", "start it");
}

#[test]
fn a_route_to_a_detached_gateway_and_a_missing_public_address_are_told_apart() {
    let mut world = World::consumer();
    let vpc = world.vpc("10.0.0.0/16");
    let subnet = world.subnet_of(&vpc, "10.0.0.0/24", "a");
    let instance = world.instance(&subnet, &[]);
    let reason = |world: &World| look(world, &instance, "203.0.113.50").reason;
    assert!(reason(&world).contains("has no route to 203.0.113.50"), "{}", reason(&world));
    let gateway = GatewayId::new(world.id("igw-"));
    world.run(Change::CreateInternetGateway { id: gateway.clone(), tags: Tags::new() });
    world.run(Change::AttachInternetGateway { id: gateway.clone(), vpc: vpc.clone() });
    let table = world.state.vpcs[&vpc].main_route_table.clone();
    let target = RouteTarget::Gateway(gateway.clone());
    world.run(Change::CreateRoute { table, destination: "0.0.0.0/0".parse().unwrap(), target });
    assert!(reason(&world).contains("has no public address"), "{}", reason(&world));
    world.run(Change::DetachInternetGateway { id: gateway, vpc });
    assert!(reason(&world).contains("is not attached"), "{}", reason(&world));
}

#[test]
fn a_trace_is_json() {
    let (world, _, instance, ..) = scene();
    let json = serde_json::to_value(look(&world, &instance, DOMAIN)).unwrap();
    assert_eq!(json["verdict"], "private");
    assert_eq!(json["answer"]["zone"]["private"], DOMAIN);
    assert_eq!(json["paths"][0]["route"]["to"], "local");
}
