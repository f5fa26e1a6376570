//! Target groups and what is registered in them.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{Result, Step, balancer, tag};
use crate::{Change, Error, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_target_group(&mut self, change: Change) -> Result {
        let Change::CreateTargetGroup { arn, name, kind, port, vpc, health, tags } = change else {
            return Ok(());
        };
        tag::check(&tags)?;
        balancer::check_simple_name("target group", &name)?;
        self.vpc(&vpc)?;
        check_health(&health)?;
        check_port(port)?;
        if self.state.target_groups.values().any(|group| group.owner == *self.account && group.name == name) {
            return Err(Error::new(
                "DuplicateTargetGroupName",
                format!("A target group with the same name '{name}' exists, but with different settings"),
            ));
        }
        let group = TargetGroup {
            arn: arn.clone(),
            owner: self.account.clone(),
            name,
            kind,
            port,
            vpc,
            proxy_protocol_v2: false,
            health,
            targets: BTreeSet::new(),
            tags,
        };
        self.state.target_groups.insert(arn, group);
        Ok(())
    }

    pub(super) fn modify_target_group(
        &mut self,
        arn: &TargetGroupArn,
        health: Option<HealthCheck>,
        proxy_protocol_v2: Option<bool>,
    ) -> Result {
        let group = self.target_group_mut(arn)?;
        if let Some(health) = health {
            check_health(&health)?;
            group.health = health;
        }
        group.proxy_protocol_v2 = proxy_protocol_v2.unwrap_or(group.proxy_protocol_v2);
        Ok(())
    }

    pub(super) fn delete_target_group(&mut self, arn: &TargetGroupArn) -> Result {
        self.target_group(arn)?;
        if self.state.listeners.values().any(|listener| listener.target_group == *arn) {
            return Err(Error::new(
                "ResourceInUse",
                format!("Target group '{arn}' is currently in use by a listener or a rule"),
            ));
        }
        self.state.target_groups.remove(arn);
        Ok(())
    }

    pub(super) fn register_targets(&mut self, arn: &TargetGroupArn, targets: BTreeSet<Target>) -> Result {
        let group = self.target_group(arn)?;
        for target in &targets {
            check_port(target.port)?;
            self.check_target(group, target)?;
        }
        self.target_group_mut(arn)?.targets.extend(targets);
        Ok(())
    }

    pub(super) fn deregister_targets(&mut self, arn: &TargetGroupArn, targets: &BTreeSet<Target>) -> Result {
        let group = self.target_group_mut(arn)?;
        for target in targets {
            if !group.targets.remove(target) {
                return Err(Error::new(
                    "InvalidTarget",
                    format!("The following targets are not registered: '{}' port {}", target.id, target.port),
                ));
            }
        }
        Ok(())
    }

    fn check_target(&self, group: &TargetGroup, target: &Target) -> Result {
        let id = &target.id;
        let refuse = |why: String| Err(Error::new("InvalidTarget", why));
        match group.kind {
            TargetKind::Instance => match self.state.instances.get(id.as_str()) {
                Some(instance) if instance.owner == *self.account && instance.vpc == group.vpc => {
                    if instance.state == InstanceState::Running {
                        return Ok(());
                    }
                    refuse(format!(
                        "The following targets are not in a running state and cannot be registered: '{id}'"
                    ))
                }
                Some(instance) if instance.owner == *self.account => refuse(format!(
                    "The following targets are not in the target group VPC '{}': '{id}'",
                    group.vpc
                )),
                _ => refuse(format!("The target ID '{id}' is not valid: no such instance exists")),
            },
            TargetKind::Ip => {
                let Ok(address) = id.parse::<Ipv4Addr>() else {
                    return refuse(format!("The IP address '{id}' is not a valid IPv4 address"));
                };
                let vpc = self.vpc(&group.vpc)?;
                if !vpc.cidr.contains(&address) {
                    return refuse(format!(
                        "The IP address '{id}' is outside of the VPC {} with the range {}",
                        vpc.id, vpc.cidr
                    ));
                }
                Ok(())
            }
            TargetKind::Host => {
                let name = id
                    .rsplit_once(':')
                    .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
                if name.is_none() {
                    return refuse(format!("The target '{id}' must be written host:port"));
                }
                Ok(())
            }
        }
    }
}

pub(super) fn check_port(port: u16) -> Result {
    if port == 0 {
        return Err(Error::new("ValidationError", "The port 0 is not valid; use 1 to 65535"));
    }
    Ok(())
}

/// The ranges Elastic Load Balancing documents for health checks.
fn check_health(health: &HealthCheck) -> Result {
    let limits = [
        ("interval", health.interval, 5, 300),
        ("timeout", health.timeout, 2, 120),
        ("healthy threshold count", health.healthy_after, 2, 10),
        ("unhealthy threshold count", health.unhealthy_after, 2, 10),
    ];
    for (what, value, least, most) in limits {
        if !(least..=most).contains(&value) {
            return Err(Error::new(
                "ValidationError",
                format!("Health check {what} '{value}' must be from {least} to {most}"),
            ));
        }
    }
    if health.timeout > health.interval {
        return Err(Error::new(
            "ValidationError",
            format!(
                "Health check timeout '{}' must be smaller than or equal to the interval '{}'",
                health.timeout, health.interval
            ),
        ));
    }
    Ok(())
}
