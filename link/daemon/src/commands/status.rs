//! `kura-link status`: what stands, and what passed through it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use kura_model::plan::{NamespaceName, Plan};
use kura_model::{EndpointState, Health, Holder, InstanceState, State, TargetKind};
use kura_netns::Fabric;
use serde::{Deserialize, Serialize};

use super::print;
use crate::control::{Answer, Request, request};

/// Show what stands
#[derive(Args)]
pub struct Status {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub region: String,
    /// Why the kernel is not as it must be, if it is not.
    pub trouble: Option<String>,
    pub namespaces: usize,
    pub links: usize,
    pub vpcs: Vec<Vpc>,
    pub services: Vec<Service>,
}

/// A VPC and what is in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Vpc {
    pub id: String,
    pub account: String,
    pub cidr: String,
    pub resolver: Option<Ipv4Addr>,
    /// Packets that left by the internet gateway, counted after routing.
    pub packets_to_public: u64,
    pub interfaces: Vec<Interface>,
}

/// A network interface and what its router counted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Interface {
    pub id: String,
    /// The instance, endpoint or load balancer.
    pub holder: String,
    pub state: String,
    pub address: Ipv4Addr,
    pub public_address: Option<Ipv4Addr>,
    pub groups: Vec<String>,
    /// Packets of it that left by the internet gateway.
    pub packets_to_public: u64,
    /// Packets from it that its groups refused.
    pub packets_refused_out: u64,
    /// Packets to it that its groups refused.
    pub packets_refused_in: u64,
}

/// An endpoint service and who is connected.
#[derive(Debug, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    pub account: String,
    pub private_dns: Option<String>,
    pub endpoints: Vec<String>,
    pub targets: Vec<Target>,
}

/// Where a service's connections end.
#[derive(Debug, Serialize, Deserialize)]
pub struct Target {
    pub id: String,
    pub port: u16,
    /// `kernel`: packets all the way. `forwarder`: a process carries the bytes.
    pub path: String,
    pub healthy: bool,
}

/// Gathers what stands.
///
/// # Errors
/// Counters that cannot be read.
pub fn collect(
    state: &State,
    health: &Health,
    plan: &Plan,
    fabric: &Fabric,
    trouble: Option<String>,
) -> Result<Report> {
    let counters = |name: &NamespaceName| match fabric.counters(name) {
        // It could not be made; `trouble` says why.
        Err(_) if trouble.is_some() => Ok(BTreeMap::new()),
        other => other,
    };
    // By counter: what load balancers' groups refused on the way to their nodes.
    let mut on_the_way: BTreeMap<String, u64> = BTreeMap::new();
    for (name, namespace) in &plan.namespaces {
        if namespace.filter.guards().next().is_some() {
            for (counter, count) in counters(name)? {
                *on_the_way.entry(counter).or_default() += count.packets;
            }
        }
    }
    let vpcs = state.vpcs.values().map(|vpc| {
        let counters = counters(&NamespaceName::router(&vpc.id))?;
        let packets = |name: &str| counters.get(name).map_or(0, |counter| counter.packets);
        let interfaces = state.interfaces.values().filter(|interface| interface.vpc == vpc.id);
        Ok(Vpc {
            id: vpc.id.to_string(),
            account: vpc.owner.to_string(),
            cidr: vpc.cidr.to_string(),
            resolver: vpc.resolver(),
            packets_to_public: packets("left-gateway"),
            interfaces: interfaces
                .map(|interface| {
                    let (holder, of) = holder(state, &interface.holder);
                    Interface {
                        id: interface.id.to_string(),
                        holder,
                        state: of,
                        address: interface.address,
                        public_address: interface.public_address,
                        groups: interface.groups.iter().map(ToString::to_string).collect(),
                        packets_to_public: packets(&format!("left-{}", interface.id)),
                        packets_refused_out: packets(&format!("refused-out-{}", interface.id)),
                        packets_refused_in: {
                            let counter = format!("refused-in-{}", interface.id);
                            packets(&counter) + on_the_way.get(&counter).copied().unwrap_or_default()
                        },
                    }
                })
                .collect(),
        })
    });
    Ok(Report {
        region: state.region.clone(),
        namespaces: plan.namespaces.len(),
        links: plan.links.len(),
        vpcs: vpcs.collect::<Result<_>>()?,
        services: state.services.values().map(|service| self::service(state, health, service)).collect(),
        trouble,
    })
}

/// Whom a network interface belongs to, and its state.
pub fn holder(state: &State, holder: &Holder) -> (String, String) {
    match holder {
        Holder::Instance(id, _) => {
            let of = state.instances.get(id).map_or("", |instance| match instance.state {
                InstanceState::Running => "running",
                InstanceState::Stopped => "stopped",
                InstanceState::Terminated => "terminated",
            });
            (id.to_string(), of.to_owned())
        }
        Holder::Endpoint(id) => {
            let of = state.endpoints.get(id).map_or("", |endpoint| match endpoint.state {
                EndpointState::PendingAcceptance => "pendingAcceptance",
                EndpointState::Available => "available",
                EndpointState::Rejected => "rejected",
            });
            (id.to_string(), of.to_owned())
        }
        Holder::LoadBalancer(arn) => {
            let name = state.load_balancers.get(arn).map_or(arn.as_str(), |balancer| &balancer.name);
            (name.to_owned(), "active".to_owned())
        }
    }
}

fn service(state: &State, health: &Health, service: &kura_model::EndpointService) -> Service {
    let listeners =
        state.listeners.values().filter(|found| service.load_balancers.contains(&found.load_balancer));
    let groups = listeners.filter_map(|listener| state.target_groups.get(&listener.target_group));
    let targets = groups.flat_map(|group| {
        let kernel = group.kind != TargetKind::Host && !group.proxy_protocol_v2;
        group.targets.iter().map(move |target| Target {
            // The id of a process of the machine ends with its port.
            id: target.id.trim_end_matches(&format!(":{}", target.port)).to_owned(),
            port: target.port,
            path: if kernel { "kernel" } else { "forwarder" }.to_owned(),
            healthy: !health.unhealthy.iter().any(|(of, found, _)| *of == group.arn && found == target),
        })
    });
    let endpoints = state.endpoints.values().filter(|endpoint| endpoint.service == service.id);
    Service {
        name: service.name.clone(),
        account: service.owner.to_string(),
        private_dns: service.private_dns.as_ref().map(|name| name.name.clone()),
        endpoints: endpoints.map(|endpoint| endpoint.id.to_string()).collect(),
        targets: targets.collect(),
    }
}

impl Status {
    /// Runs the command; exits with 1 while the kernel is not as it must be.
    ///
    /// # Errors
    /// That no daemon runs, or what it could not read.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        let Answer::Status(report) = request(state_dir, &Request::Status)? else {
            bail!("the daemon answered another question");
        };
        if self.json {
            print(serde_json::to_string_pretty(&report)? + "\n")?;
        } else {
            print(report.to_string())?;
        }
        Ok(if report.trouble.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} namespaces, {} links", self.region, self.namespaces, self.links)?;
        if let Some(trouble) = &self.trouble {
            writeln!(f, "NOT AS IT MUST BE: {trouble}")?;
        }
        for vpc in &self.vpcs {
            let resolver = vpc.resolver.map_or("none".to_owned(), |address| address.to_string());
            writeln!(f, "\n{} {} of {}, resolver {resolver}", vpc.id, vpc.cidr, vpc.account)?;
            writeln!(f, "  {} packets left by the internet gateway", vpc.packets_to_public)?;
            for interface in &vpc.interfaces {
                let public =
                    interface.public_address.map_or(String::new(), |address| format!(" ({address})"));
                let Interface { holder, state, address, groups, .. } = interface;
                writeln!(f, "  {address:<15}{public} {holder} {state} {}", groups.join(" "))?;
                writeln!(
                    f,
                    "    {} packets to the public side, refused: {} from it, {} to it",
                    interface.packets_to_public, interface.packets_refused_out, interface.packets_refused_in
                )?;
            }
        }
        for service in &self.services {
            let name = service.private_dns.as_deref().unwrap_or("no private name");
            writeln!(f, "\n{} of {}: {name}", service.name, service.account)?;
            for target in &service.targets {
                let health = if target.healthy { "healthy" } else { "unhealthy" };
                let Target { id, port, path, .. } = target;
                // A process of the machine has its port in its name.
                let place = if id.contains(':') { id.clone() } else { format!("{id}:{port}") };
                writeln!(f, "  to {place} by {path}, {health}")?;
            }
            for endpoint in &service.endpoints {
                writeln!(f, "  from {endpoint}")?;
            }
        }
        Ok(())
    }
}
