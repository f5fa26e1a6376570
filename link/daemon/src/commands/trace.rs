//! `kura-link trace`: where a name leads, and why.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use kura_model::{AnswerZone, EndpointHop, RuleHop, Trace, Verdict};

use super::print;
use crate::control::{Answer, Request, Traced, request};

/// Tell where a name leads from an instance, and why; exits with 0 for a private way, 3 for a public one, 4 when
/// refused
#[derive(Args)]
pub struct TraceCommand {
    /// The instance to look from
    #[arg(long, value_name = "INSTANCE")]
    from: String,
    /// A name or an address, with a port if it is not 443
    #[arg(value_name = "NAME[:PORT]")]
    to: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The port a cell is reached on.
const PORT: u16 = 443;

impl TraceCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// What the daemon refused, or that none runs.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        let (name, port) = match self.to.rsplit_once(':') {
            None => (self.to.clone(), PORT),
            Some((name, port)) => match port.parse() {
                Ok(port) => (name.to_owned(), port),
                Err(_) => bail!("{port:?} in {:?} is no port", self.to),
            },
        };
        let asked = Request::Trace { from: self.from, name, port };
        let Answer::Trace(traced) = request(state_dir, &asked)? else {
            bail!("the daemon answered another question");
        };
        if self.json {
            print(serde_json::to_string_pretty(&traced.json)? + "\n")?;
        } else {
            print(&traced.text)?;
        }
        Ok(ExitCode::from(traced.code))
    }
}

/// A trace as the command line is told it.
///
/// # Errors
/// None that a trace can cause.
pub fn told(trace: &Trace) -> Result<Traced> {
    let code = match trace.verdict {
        Verdict::Private => 0,
        Verdict::Public => 3,
        Verdict::Refused => 4,
    };
    Ok(Traced { code, text: text(trace), json: serde_json::to_value(trace)? })
}

fn text(trace: &Trace) -> String {
    let mut lines = Vec::new();
    let source = trace.source.map(|address| format!(" ({address})")).unwrap_or_default();
    lines.push(format!("from     {}{source}", trace.from));
    if let Some(answer) = &trace.answer {
        let zone = match &answer.zone {
            AnswerZone::Literal => "an address".to_owned(),
            AnswerZone::Private(apex) => format!("the VPC's private zone {apex}"),
            AnswerZone::Vpc => "the VPC's own names".to_owned(),
            AnswerZone::Public => "the public zone".to_owned(),
        };
        lines.push(format!("name     {} is answered by {zone}", trace.target));
        lines.extend(answer.alias.iter().map(|alias| format!("         as an alias of {alias}")));
        let addresses: Vec<String> = answer.addresses.iter().map(ToString::to_string).collect();
        lines.push(format!("         with {}", addresses.join(", ")));
    }
    for path in &trace.paths {
        lines.push(format!("address  {}:{}", path.address, trace.port));
        if let Some(route) = &path.route {
            lines.push(format!("  route    {} to {}", route.destination, route.to));
        }
        lines.extend(path.egress.iter().map(|rule| format!("  egress   {}", rule_text(rule))));
        lines.extend(path.ingress.iter().map(|rule| format!("  ingress  {}", rule_text(rule))));
        if let Some(EndpointHop { endpoint, interface, zone, service }) = &path.endpoint {
            lines.push(format!("  endpoint {endpoint} by {interface} in {zone}, of {service}"));
        }
        for node in &path.nodes {
            lines.push(format!("  node     {} in {} at {}", node.load_balancer, node.zone, node.address));
            lines.extend(node.ingress.iter().map(|rule| format!("    ingress  {}", rule_text(rule))));
            if !node.groups_not_asked.is_empty() {
                let groups = node.groups_not_asked.join(", ");
                lines.push(format!(
                    "    ingress  {groups} not asked: EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic is off"
                ));
            }
            for target in &node.targets {
                let health = if target.is_healthy { "healthy" } else { "unhealthy" };
                lines.push(if target.is_on_machine {
                    format!("  target   {} {health}, by a relay to a process of this machine", target.id)
                } else {
                    format!("  target   {}:{} {health}", target.id, target.port)
                });
                lines.extend(target.ingress.iter().map(|rule| format!("    ingress  {}", rule_text(rule))));
            }
        }
        lines.push(format!("  {} {}", verdict(path.verdict), path.reason));
    }
    lines.push(format!("{} {}", verdict(trace.verdict), trace.reason));
    lines.extend(trace.advice.iter().map(|advice| format!("do       {advice}")));
    lines.into_iter().fold(String::new(), |text, line| text + &line + "\n")
}

fn rule_text(hop: &RuleHop) -> String {
    let groups = if hop.groups.is_empty() { "no groups".to_owned() } else { hop.groups.join(", ") };
    match &hop.rule {
        Some(rule) => format!("allowed at {} by {rule} of {groups}", hop.interface),
        None if hop.is_allowed => format!("allowed at {}, which has {groups}", hop.interface),
        None => format!("refused at {}: no rule of {groups} allows it", hop.interface),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Private => "PRIVATE",
        Verdict::Public => "PUBLIC ",
        Verdict::Refused => "REFUSED",
    }
}
