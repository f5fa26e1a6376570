//! `AWS::ElasticLoadBalancingV2::TargetGroup`, with targets by instance or address and health checks by TCP.

use std::collections::BTreeSet;

use kura_model::{Change, HealthCheck, State, Target, TargetGroupArn, TargetKind};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    load_balancer::{ATTRIBUTE, attributes, flag, name_in},
    schema::{Kind, Property, TAGS},
};

pub(super) struct TargetGroup;

const PROXY: &str = "proxy_protocol_v2.enabled";
const TCP_ONLY: &str = "health is a TCP connection";

const TARGET: &[Property] = &[
    Property::new("AvailabilityZone", Kind::Unsupported("a target's zone is its subnet's")),
    Property::new("Id", Kind::Text).required(),
    Property::new("Port", Kind::Integer(1, 65535)),
    Property::new("QuicServerId", Kind::Unsupported("the link balances TCP")),
];

fn number(properties: &Properties, name: &str, default: u32) -> u32 {
    properties.integer(name).and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

fn health(properties: &Properties) -> Result<HealthCheck, Failure> {
    let port = match properties.optional("HealthCheckPort") {
        None | Some("traffic-port") => None,
        Some(text) => Some(text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| {
            Failure::elb(
                "ValidationError",
                format!("Health check port '{text}' must be a port or traffic-port"),
            )
        })?),
    };
    // Elastic Load Balancing's defaults for TCP.
    Ok(HealthCheck {
        port,
        interval: number(properties, "HealthCheckIntervalSeconds", 30),
        timeout: number(properties, "HealthCheckTimeoutSeconds", 10),
        healthy_after: number(properties, "HealthyThresholdCount", 5),
        unhealthy_after: number(properties, "UnhealthyThresholdCount", 2),
    })
}

fn port(properties: &Properties) -> u16 {
    properties.integer("Port").and_then(|port| u16::try_from(port).ok()).unwrap_or_default()
}

fn targets(properties: &Properties) -> BTreeSet<Target> {
    let target = |target: &Properties| Target {
        id: target.text("Id").to_owned(),
        port: if target.has("Port") { self::port(target) } else { port(properties) },
    };
    properties.objects("Targets").iter().map(target).collect()
}

impl Handler for TargetGroup {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("HealthCheckEnabled", Kind::Choice(&["true"])),
                Property::new("HealthCheckIntervalSeconds", Kind::Integer(5, 300)),
                Property::new("HealthCheckPath", Kind::Unsupported(TCP_ONLY)),
                Property::new("HealthCheckPort", Kind::Text),
                Property::new("HealthCheckProtocol", Kind::Choice(&["TCP"])),
                Property::new("HealthCheckTimeoutSeconds", Kind::Integer(2, 120)),
                Property::new("HealthyThresholdCount", Kind::Integer(2, 10)),
                Property::new("IpAddressType", Kind::Choice(&["ipv4"])).create_only(),
                Property::new("Matcher", Kind::Unsupported(TCP_ONLY)),
                Property::new("Name", Kind::Text).create_only(),
                Property::new("Port", Kind::Integer(1, 65535)).create_only(),
                Property::new("Protocol", Kind::Choice(&["TCP"])).create_only(),
                Property::new("ProtocolVersion", Kind::Unsupported("the link balances TCP")),
                TAGS,
                Property::new("TargetControlPort", Kind::Unsupported("the link balances TCP")),
                Property::new("TargetGroupAttributes", Kind::Objects(ATTRIBUTE)),
                Property::new("TargetType", Kind::Choice(&["instance", "ip"])).create_only(),
                Property::new("Targets", Kind::Objects(TARGET)),
                Property::new("UnhealthyThresholdCount", Kind::Integer(2, 10)),
                Property::new("VpcId", Kind::Text).create_only(),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["LoadBalancerArns", "TargetGroupArn", "TargetGroupFullName", "TargetGroupName"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.target_groups.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, properties: &Properties) -> Result<String, Failure> {
        let name = properties.optional("Name").map(str::to_owned).unwrap_or_else(|| work.name());
        let tail = work.cloud.hex(16);
        let (region, account) = (&work.state().region, &work.account);
        Ok(format!("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{tail}"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        for name in ["Port", "Protocol", "VpcId"] {
            if !properties.has(name) {
                return Err(Failure::elb("ValidationError", format!("A {name} must be specified")));
            }
        }
        flag(&attributes(properties, "TargetGroupAttributes", &[PROXY])?, PROXY)?;
        let change = Change::CreateTargetGroup {
            arn: id.into(),
            name: name_in(id).to_owned(),
            kind: match properties.optional("TargetType") {
                Some("ip") => TargetKind::Ip,
                _ => TargetKind::Instance,
            },
            port: port(properties),
            vpc: properties.text("VpcId").into(),
            health: health(properties)?,
            tags: work.tags(properties),
        };
        work.elb(change)?;
        self.update(work, id, properties, properties).map(drop)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        old: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let proxy = flag(&attributes(new, "TargetGroupAttributes", &[PROXY])?, PROXY)?;
        let health = health(new)?;
        let Some(stands) = work.state().target_groups.get(id) else {
            return Err(Failure::elb("TargetGroupNotFound", format!("Target group '{id}' not found")));
        };
        let arn = stands.arn.clone();
        let wanted = targets(new);
        let add: BTreeSet<Target> = wanted.difference(&stands.targets).cloned().collect();
        // Targets that others registered stay.
        let remove: BTreeSet<Target> = targets(old)
            .into_iter()
            .filter(|target| !wanted.contains(target) && stands.targets.contains(target))
            .collect();
        if stands.health != health || stands.proxy_protocol_v2 != proxy {
            work.elb(Change::ModifyTargetGroup {
                arn: arn.clone(),
                health: Some(health),
                proxy_protocol_v2: Some(proxy),
            })?;
        }
        if !add.is_empty() {
            work.elb(Change::RegisterTargets { group: arn.clone(), targets: add })?;
        }
        if !remove.is_empty() {
            work.elb(Change::DeregisterTargets { group: arn, targets: remove })?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.elb(Change::DeleteTargetGroup { arn: TargetGroupArn::new(id) })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let group = state.target_groups.get(id)?;
        Some(match name {
            "LoadBalancerArns" => {
                let listeners =
                    state.listeners.values().filter(|listener| listener.target_group == group.arn);
                let arns: BTreeSet<&str> =
                    listeners.map(|listener| listener.load_balancer.as_str()).collect();
                arns.into_iter().collect()
            }
            "TargetGroupArn" => id.into(),
            "TargetGroupFullName" => id.rsplit(':').next()?.into(),
            "TargetGroupName" => group.name.as_str().into(),
            _ => return None,
        })
    }
}
