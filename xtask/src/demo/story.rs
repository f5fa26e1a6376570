//! The steps, in the article's order.

use std::{net::Ipv4Addr, path::Path};

use anyhow::{Result, ensure};

use super::{
    CELL, PUBLIC_ADDRESS,
    check::{self, Sdk},
    flows,
    host::Way,
    lockdown,
    names::{self, Leads},
    provider::Service,
    refusals,
    scene::Scene,
    stack::{self, Endpoint},
    world::Counters,
};
use crate::{
    report::{Report, Stopped},
    verbose,
};

/// A stack that stands.
pub(crate) struct Deployed {
    /// Its endpoints, the cache's first.
    endpoints: Vec<Endpoint>,
    /// The cache name's addresses.
    addresses: Vec<Ipv4Addr>,
}

/// Without endpoints: the public path.
pub(crate) fn before(scene: &Scene<'_>, report: &mut Report) -> Result<(), Stopped> {
    let (world, host) = (scene.world, &scene.consumer.host);
    report.step("Before the stack the cache's name has its public address", |seen| {
        let found = host.resolve(world, &cache())?;
        ensure!(found == [PUBLIC_ADDRESS], "{} has {found:?}", cache());
        seen.resolved_before = Some(found);
        host.traces(world, &cache(), Leads::Public)
    })?;
    report.step("momento configure, set and get, by the public path", |_| {
        host.configure(world, &scene.key)?;
        host.set_and_get(world)
    })
}

/// The stack, its endpoints, and the name's new answer.
pub(crate) fn deploy(scene: &Scene<'_>, report: &mut Report, template: &Path) -> Result<Deployed, Stopped> {
    let (world, consumer, host) = (scene.world, &scene.consumer, &scene.consumer.host);
    report.step("aws cloudformation create-stack with the five parameters", |_| {
        stack::create(consumer, template, &scene.two)
    })?;
    report.step("The stack is complete, and its events say how", |_| {
        stack::complete(consumer, scene.two.len())
    })?;
    let endpoints = report.step("Two interface endpoints, available, in two subnets", |_| {
        stack::endpoints(consumer, &scene.two, 2)
    })?;
    report.step("Each endpoint has several names", |_| {
        let both = endpoints.iter().zip(&scene.two);
        both.into_iter().try_for_each(|(endpoint, service)| stack::check_names(consumer, endpoint, service))
    })?;
    report.step("The host is in an endpoints' subnet, its resolver is the VPC's", |_| {
        let subnet = &consumer.subnets(1)[0];
        ensure!(subnet.holds(host.address)?, "{} is not in {}", host.address, subnet.cidr);
        let (resolver, wanted) = (host.resolver(world)?, consumer.resolver()?);
        ensure!(resolver == wanted, "the resolver is {resolver}, not {wanted}");
        Ok(())
    })?;
    let addresses = report.step("Now the same name has the endpoint's private addresses", |seen| {
        let found = resolved_to_interfaces(scene, &endpoints[0])?;
        seen.resolved_after = Some(found.clone());
        host.traces(world, &cache(), Leads::Private)?;
        anyhow::Ok(found)
    })?;
    Ok(Deployed { endpoints, addresses })
}

/// The article's commands.
pub(crate) fn use_it(scene: &Scene<'_>, report: &mut Report, deployed: &Deployed) -> Result<(), Stopped> {
    let (world, host) = (scene.world, &scene.consumer.host);
    report.step("momento cache set foo bar, momento cache get foo", |_| host.set_and_get(world))?;
    report.step("momento cache set foo bar --verbose shows a private address", |_| {
        let said = host.momento(world, &["cache", "set", "foo", "bar", "--verbose"])?;
        if let Some(words) = verbose::missing(&said.all, CELL) {
            anyhow::bail!("no line says {words}");
        }
        let connected = verbose::connected(&said.all);
        let is_private = connected.iter().all(|one| deployed.addresses.contains(one));
        ensure!(is_private && !connected.is_empty(), "connected to {connected:?}");
        Ok(())
    })
}

/// 100 writes and 100 reads, by three clients and both ways.
pub(crate) fn measure(scene: &Scene<'_>, report: &mut Report) -> Result<(), Stopped> {
    let (world, host) = (scene.world, &scene.consumer.host);
    let momento = report.step("100 writes and 100 reads, momento's channel, both ways", |_| {
        check::momento(world, host, &scene.key)
    })?;
    report.measured("momento", momento);
    for (sdk, title) in [
        (Sdk::Node, "Set, get and the check, official Node SDK, both ways"),
        (Sdk::Python, "Set, get and the check, official Python SDK, both ways"),
    ] {
        let compared = report.step(title, |_| check::sdk(world, sdk, &scene.elsewhere, host, &scene.key))?;
        report.measured(sdk.name(), compared);
    }
    Ok(())
}

/// The lock-down, and all four names before and after it; what had been counted until then.
pub(crate) fn lock(scene: &Scene<'_>, report: &mut Report) -> Result<Counters, Stopped> {
    let (world, consumer) = (scene.world, &scene.consumer);
    report.step("With two endpoints: what each of the four names leads to", |_| {
        names::look(world, consumer, &scene.services, |service| two_endpoints(service, Leads::Public))
    })?;
    report.step("The public address can still be reached", |seen| {
        let reached = consumer.host.reaches(world, Way::Public, &scene.key)?;
        seen.public_reachable_before_lockdown = Some(reached);
        ensure!(reached, "no cache get by the public address");
        Ok(())
    })?;
    let counted = report.step("Lock-down: the host may reach the endpoints' group only", |seen| {
        let counted = lockdown::lock(world, consumer)?;
        seen.packets_to_public_before_lockdown = Some(counted.to_public);
        ensure!(counted.to_public > 0, "no packet had left to the public side before");
        Ok(counted)
    })?;
    report.step("The endpoint works on, the public address does not", |seen| {
        lockdown::look(world, consumer, &scene.key, counted, seen)
    })?;
    report.step("Locked down with two endpoints: token. is refused", |_| {
        names::look(world, consumer, &scene.services, |service| two_endpoints(service, Leads::Nowhere))
    })?;
    Ok(counted)
}

/// The stack changed in place: one subnet more, then the cell's other two names.
pub(crate) fn change(scene: &Scene<'_>, report: &mut Report, deployed: &Deployed) -> Result<(), Stopped> {
    let (world, consumer, host) = (scene.world, &scene.consumer, &scene.consumer.host);
    report.step("update-stack adds a subnet: in place, a new interface and a new answer", |_| {
        stack::update(consumer, None, &scene.two, 3)?;
        let now = stack::endpoints(consumer, &scene.two, 3)?;
        for (before, now) in deployed.endpoints.iter().zip(&now) {
            ensure!(before.id == now.id, "{} was replaced", before.id);
            ensure!(before.interfaces.is_subset(&now.interfaces), "an interface of {} went", before.id);
        }
        stack::check_names(consumer, &now[0], &scene.two[0])?;
        let found = resolved_to_interfaces(scene, &now[0])?;
        let kept = deployed.addresses.iter().all(|old| found.contains(old));
        ensure!(found.len() == 3 && kept, "from {:?} to {found:?}", deployed.addresses);
        host.set_and_get(world)
    })?;
    report.step("The four-service template: every name works behind the lock-down", |_| {
        let template = world.project.source("deploy/consumer-four.yaml");
        stack::update(consumer, Some(&template), &scene.services, 3)?;
        let now = stack::endpoints(consumer, &scene.services, 3)?;
        for before in &deployed.endpoints {
            ensure!(now.iter().any(|now| now.id == before.id), "{} was replaced", before.id);
        }
        names::look(world, consumer, &scene.services, |_| Leads::Private)?;
        host.set_and_get(world)
    })
}

/// What the link and AWS's answers tell of all this.
pub(crate) fn evidence(scene: &Scene<'_>, report: &mut Report, counted: Counters) -> Result<(), Stopped> {
    report.step("Flow records show what was accepted and what was refused", |_| {
        flows::look(scene.world, &scene.consumer)
    })?;
    report.step("What AWS refuses is refused in AWS's words", |_| refusals::all(scene))?;
    report.step("Since the lock-down not one packet left to the public side", |seen| {
        lockdown::count(scene.world, &scene.consumer, counted, seen)
    })
}

/// The stack's end, and the public path's return.
pub(crate) fn remove(scene: &Scene<'_>, report: &mut Report, deployed: &Deployed) -> Result<(), Stopped> {
    let (world, consumer, host) = (scene.world, &scene.consumer, &scene.consumer.host);
    report.step("delete-stack: endpoints and interfaces go, the public answer returns", |_| {
        stack::delete(consumer)?;
        let found = host.resolve(world, &cache())?;
        ensure!(found == [PUBLIC_ADDRESS], "{} has {found:?}", cache());
        host.traces(world, &cache(), Leads::Nowhere)?;
        for gone in &deployed.addresses {
            host.traces(world, &gone.to_string(), Leads::Nowhere)?;
        }
        Ok(())
    })?;
    report.step("With the host's rules as before the public path works again", |_| {
        lockdown::unlock(consumer)?;
        host.traces(world, &cache(), Leads::Public)?;
        host.set_and_get(world)
    })
}

fn cache() -> String {
    format!("cache.{CELL}")
}

/// What the name of `service` leads to while only cache. and control. have endpoints, `outside` being where everything
/// public leads.
fn two_endpoints(service: &Service, outside: Leads) -> Leads {
    match service.parameter.as_str() {
        "cacheservicename" | "controlservicename" => Leads::Private,
        // api.cache. is below cache., and below a private name nothing falls through to the public zone.
        "apicacheservicename" => Leads::Nowhere,
        _ => outside,
    }
}

/// The cache name's addresses on the host, which must be those of the endpoint's interfaces.
fn resolved_to_interfaces(scene: &Scene<'_>, endpoint: &Endpoint) -> Result<Vec<Ipv4Addr>> {
    let mut found = scene.consumer.host.resolve(scene.world, &cache())?;
    found.sort();
    let wanted = stack::interface_addresses(&scene.consumer, endpoint)?;
    ensure!(found == wanted, "{} has {found:?}, its interfaces {wanted:?}", cache());
    Ok(found)
}
