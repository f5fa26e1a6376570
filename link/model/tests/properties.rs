//! What holds whatever happens: random changes by two accounts, and the same again from the written events.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{check::check, *};
use kura_model::{plan::NamespaceName, *};
use proptest::{prelude::*, strategy::ValueTree};

/// One of some, chosen by a number.
fn pick<T: Clone>(items: impl Iterator<Item = T>, number: usize) -> Option<T> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then(|| items[number % items.len()].clone())
}

/// A change made from four numbers: often sound, sometimes not.
fn change(world: &mut World, [what, a, b, c]: [usize; 4]) -> Option<Change> {
    let state = world.state.clone();
    let account = world.account.clone();
    let vpc = pick(state.vpcs.values().filter(|vpc| vpc.owner == account).cloned(), a)?;
    let subnets = state.subnets.values().filter(|subnet| subnet.owner == account);
    let subnet = pick(subnets.map(|found| found.id.clone()), b);
    let group = pick(state.groups.values().filter(|group| group.owner == account).cloned(), b)?;
    let instance = pick(state.instances.keys().cloned(), a);
    let balancer = pick(state.load_balancers.keys().cloned(), a);
    let target_group = pick(state.target_groups.keys().cloned(), b);
    let service = pick(state.services.values().cloned(), a);
    let endpoint = pick(state.endpoints.keys().cloned(), a);
    let name = format!("n{}", c % 12);
    let zone = ["a", "c", "d"][c % 3];
    Some(match what % 34 {
        0 => world.create_vpc(["10.0.0.0/16", "10.9.0.0/28", "172.31.0.0/16", "10.0.0.0/8"][c % 4]),
        1 => Change::DeleteVpc { id: vpc.id },
        2 => world.create_subnet(&vpc.id, &format!("10.0.{}.0/28", c % 4), zone),
        3 => Change::DeleteSubnet { id: subnet? },
        4 => Change::CreateInternetGateway { id: GatewayId::new(world.id("igw-")), tags: Tags::new() },
        5 => Change::AttachInternetGateway { id: pick(state.gateways.keys().cloned(), b)?, vpc: vpc.id },
        6 => Change::DetachInternetGateway { id: state.gateway_of(&vpc.id)?.id.clone(), vpc: vpc.id },
        7 => Change::CreateRouteTable {
            id: RouteTableId::new(world.id("rtb-")),
            vpc: vpc.id,
            tags: Tags::new(),
        },
        8 => Change::AssociateRouteTable {
            id: AssociationId::new(world.id("rtbassoc-")),
            table: pick(state.route_tables.keys().cloned(), a)?,
            subnet: subnet?,
        },
        9 => Change::CreateRoute {
            table: pick(state.route_tables.keys().cloned(), b)?,
            destination: ["0.0.0.0/0", "203.0.113.0/25"][c % 2].parse().unwrap(),
            target: RouteTarget::Gateway(pick(state.gateways.keys().cloned(), c)?),
        },
        10 => world.create_group(&vpc.id, &name),
        11 => Change::DeleteSecurityGroup { id: group.id },
        12 | 13 => {
            let direction = if c % 2 == 0 { Direction::Ingress } else { Direction::Egress };
            let peer = match c % 3 {
                0 => Peer::Group(pick(state.groups.keys().cloned(), a)?),
                _ => Peer::Cidr(format!("10.{}.0.0/16", c % 5).parse().unwrap()),
            };
            world.allow(&group.id, direction, Traffic::Tcp(443, 443 + (c % 4) as u16), peer)
        }
        14 => {
            let rule = pick(group.rules.values().cloned(), c)?;
            Change::RevokeRules { group: group.id, direction: rule.direction, rules: vec![rule.id] }
        }
        15 | 16 => {
            let groups = [&group.id];
            world.run_instances(&subnet?, if c % 2 == 0 { &[] } else { &groups }).1
        }
        17 => Change::StopInstances { ids: vec![instance?] },
        18 => Change::StartInstances { ids: vec![instance?] },
        19 => Change::TerminateInstances { ids: vec![instance?] },
        20 => {
            let scheme = if c % 2 == 0 { Scheme::Internal } else { Scheme::InternetFacing };
            world.create_balancer(&name, scheme, &[subnet?])
        }
        21 => Change::DeleteLoadBalancer { arn: balancer? },
        22 => Change::ModifyLoadBalancer {
            arn: balancer?,
            cross_zone: Some(c % 2 == 0),
            deletion_protection: None,
        },
        23 => {
            world.state.default_vpc(&account)?;
            world.create_target_group(&name, [TargetKind::Instance, TargetKind::Host][c % 2])
        }
        24 => {
            let found = &state.target_groups[&target_group?];
            let id = match found.kind {
                TargetKind::Instance => instance?.to_string(),
                _ => format!("localhost:{}", c % 3 + 1),
            };
            let target = Target { id, port: 8443 };
            Change::RegisterTargets { group: found.arn.clone(), targets: [target].into() }
        }
        25 => world.create_listener(&balancer?, 443 + (c % 2) as u16, &target_group?),
        26 => Change::ModifyTargetGroup {
            arn: target_group?,
            health: None,
            proxy_protocol_v2: Some(c % 2 == 0),
        },
        27 => Change::CreateService {
            id: ServiceId::new(world.id("vpce-svc-")),
            load_balancers: [balancer?].into(),
            acceptance_required: c % 2 == 0,
            private_dns: Some(private_name(&format!("{name}.example"))),
            tags: Tags::new(),
        },
        28 => Change::ModifyServicePermissions {
            id: service?.id,
            add: ["*".to_owned()].into(),
            remove: BTreeSet::new(),
        },
        29 => Change::VerifyPrivateDns { id: service?.id, found: true },
        30 | 31 => {
            let service = service?;
            let offered = state.service_zones(&service.id);
            let own =
                state.subnets.values().filter(|found| found.vpc == vpc.id && offered.contains(&found.zone));
            let subnet = pick(own, c)?.id.clone();
            let (_, mut change) = world.create_endpoint(&service.name, &[subnet], c % 2 == 0);
            if let Change::CreateEndpoint { vpc: place, .. } = &mut change {
                *place = vpc.id;
            }
            change
        }
        32 => {
            let (service, endpoints) = (service?.id, vec![endpoint?]);
            match c % 2 {
                0 => Change::AcceptConnections { service, endpoints },
                _ => Change::RejectConnections { service, endpoints },
            }
        }
        _ => Change::DeleteEndpoint { id: endpoint? },
    })
}

fn steps() -> impl Strategy<Value = Vec<[usize; 4]>> {
    prop::collection::vec(prop::array::uniform4(0usize..1000), 1..120)
}

fn play(steps: &[[usize; 4]], mut after: impl FnMut(&World)) -> World {
    let mut world = World::new();
    world.give_account(PROVIDER);
    world.service(&["a", "c"], Some(DOMAIN));
    world.give_account(CONSUMER);
    for step in steps {
        world.account = if step[0] / 34 % 2 == 0 { CONSUMER.into() } else { PROVIDER.into() };
        if world.state.default_vpc(&world.account).is_none() && matches!(step[0] % 34, 30 | 31 | 23) {
            continue;
        }
        if let Some(change) = change(&mut world, *step) {
            let before = world.state.clone();
            if world.try_run(change).is_err() {
                assert_eq!(world.state, before);
            }
            after(&world);
        }
    }
    world
}

/// Addresses are unique in their subnet and not AWS's own; public ones and numbers are unique everywhere.
fn check_addresses(state: &State) {
    let (mut private, mut public, mut numbers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for interface in state.interfaces.values() {
        let subnet = &state.subnets[&interface.subnet];
        assert!(subnet.cidr.hosts().skip(3).any(|host| host == interface.address), "{interface:?}");
        assert!(private.insert((&interface.subnet, interface.address)), "{interface:?}");
        assert!(interface.public_address.is_none_or(|address| public.insert(address)), "{interface:?}");
        assert!(numbers.insert(interface.number), "{interface:?}");
        assert!(interface.groups.iter().all(|group| state.groups[group].vpc == interface.vpc));
    }
    assert!(state.vpcs.values().all(|vpc| numbers.insert(vpc.number)));
}

/// Deletes everything, in an order that AWS takes.
fn delete_everything(world: &mut World) {
    let state = world.state.clone();
    let as_owner = |world: &mut World, owner: &AccountId, change| {
        world.account = owner.clone();
        world.run(change);
    };
    for endpoint in state.endpoints.values() {
        as_owner(world, &endpoint.owner, Change::DeleteEndpoint { id: endpoint.id.clone() });
    }
    for service in state.services.values() {
        as_owner(world, &service.owner, Change::DeleteService { id: service.id.clone() });
    }
    for balancer in state.load_balancers.values() {
        as_owner(world, &balancer.owner, Change::DeleteLoadBalancer { arn: balancer.arn.clone() });
    }
    for group in state.target_groups.values() {
        as_owner(world, &group.owner, Change::DeleteTargetGroup { arn: group.arn.clone() });
    }
    for instance in state.instances.values() {
        let ids = vec![instance.id.clone()];
        as_owner(world, &instance.owner, Change::TerminateInstances { ids: ids.clone() });
        as_owner(world, &instance.owner, Change::ForgetInstances { ids });
    }
    for group in state.groups.values() {
        for direction in [Direction::Ingress, Direction::Egress] {
            let rules = group.rules.values().filter(|rule| rule.direction == direction);
            let rules = rules.map(|rule| rule.id.clone()).collect();
            as_owner(world, &group.owner, Change::RevokeRules { group: group.id.clone(), direction, rules });
        }
    }
    for group in state.groups.values().filter(|group| state.vpcs[&group.vpc].default_group != group.id) {
        as_owner(world, &group.owner, Change::DeleteSecurityGroup { id: group.id.clone() });
    }
    for subnet in state.subnets.values() {
        as_owner(world, &subnet.owner, Change::DeleteSubnet { id: subnet.id.clone() });
    }
    for table in
        state.route_tables.values().filter(|table| state.vpcs[&table.vpc].main_route_table != table.id)
    {
        as_owner(world, &table.owner, Change::DeleteRouteTable { id: table.id.clone() });
    }
    for gateway in state.gateways.values() {
        if let Some(vpc) = gateway.vpc.clone() {
            as_owner(world, &gateway.owner, Change::DetachInternetGateway { id: gateway.id.clone(), vpc });
        }
        as_owner(world, &gateway.owner, Change::DeleteInternetGateway { id: gateway.id.clone() });
    }
    for vpc in state.vpcs.values() {
        as_owner(world, &vpc.owner, Change::DeleteVpc { id: vpc.id.clone() });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_state_is_sound_and_every_plan_can_stand(steps in steps()) {
        play(&steps, |world| {
            check_addresses(&world.state);
            check(&world.plan());
        });
    }

    #[test]
    fn the_written_events_make_the_same_state_and_plan(steps in steps()) {
        let world = play(&steps, |_| {});
        let mut replayed = State::new("ap-northeast-1").unwrap();
        for event in &world.events {
            let text = serde_json::to_string(event).unwrap();
            replayed = apply(&replayed, &serde_json::from_str(&text).unwrap()).unwrap();
        }
        prop_assert_eq!(&replayed, &world.state);
        let text = serde_json::to_string(&world.state).unwrap();
        let read: State = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &world.state);
        prop_assert_eq!(plan(&read, &Health::default()), world.plan());
    }

    #[test]
    fn deleting_everything_leaves_only_the_public_side(steps in steps()) {
        let mut world = play(&steps, |_| {});
        delete_everything(&mut world);
        let plan = world.plan();
        prop_assert_eq!(plan.namespaces.keys().collect::<Vec<_>>(), [&NamespaceName::public()]);
        prop_assert!(plan.links.is_empty() && plan.forwarders.is_empty() && plan.names.public.is_empty());
        let mut fresh = State::new("ap-northeast-1").unwrap();
        fresh.next_number = world.state.next_number;
        fresh.last_public_address = world.state.last_public_address;
        prop_assert_eq!(world.state, fresh);
    }

    #[test]
    fn a_link_keeps_its_addresses_while_others_come_and_go(steps in steps()) {
        let mut known = BTreeMap::new();
        play(&steps, |world| {
            for link in world.plan().links {
                let ends = [(link.a.namespace, link.a.device), (link.b.namespace, link.b.device)];
                let addresses = (link.a.address, link.b.address);
                assert_eq!(*known.entry(ends).or_insert(addresses), addresses);
            }
        });
    }
}

/// How many of the random changes are taken, so that the properties are about something.
#[test]
fn random_changes_reach_every_kind_of_resource() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut taken, mut endpoints, mut forwarders) = (0, 0, 0);
    for _ in 0..40 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut last = World::new();
        play(&steps, |world| {
            last.state = world.state.clone();
            endpoints = endpoints.max(world.state.endpoints.len());
            forwarders = forwarders.max(world.plan().forwarders.len());
        });
        taken += last.state.instances.len() + last.state.load_balancers.len() + last.state.services.len();
    }
    assert!(taken > 200 && endpoints >= 3 && forwarders >= 2, "{taken} {endpoints} {forwarders}");
}
