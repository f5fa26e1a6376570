//! `DescribeTargetHealth`: what the daemon's checks have found.

use kura_model::{State, Target, TargetGroup};

use crate::{
    call::Call,
    elbv2::{target, target_group},
    refusal::Answer,
    xml::Xml,
};

pub fn describe(call: &mut Call<'_>) -> Answer {
    let (arn, asked) = target::read(call)?;
    let group = target_group::find(call, arn.as_str())?;
    let shown: Vec<Target> =
        if asked.is_empty() { group.targets.iter().cloned().collect() } else { asked.into_iter().collect() };
    let mut x = Xml::query();
    x.list("TargetHealthDescriptions", shown, |x, target| {
        let port = group.health.port.unwrap_or(target.port);
        x.within("Target", |x| {
            x.text("Id", &target.id).text("Port", target.port);
        })
        .text("HealthCheckPort", port)
        .within("TargetHealth", |x| {
            let (state, why) = health(call, group, &target);
            x.text("State", state);
            if let Some((reason, description)) = why {
                x.text("Reason", reason).text("Description", description);
            }
        });
    });
    Ok(x)
}

type Why = Option<(&'static str, &'static str)>;

fn health(call: &Call<'_>, group: &TargetGroup, target: &Target) -> (&'static str, Why) {
    if !group.targets.contains(target) {
        return ("unused", Some(("Target.NotRegistered", "Target is not registered to the target group")));
    }
    let zones = zones(call.state(), group);
    if zones.is_empty() {
        let why = "Target group is not configured to receive traffic from the load balancer";
        return ("unused", Some(("Target.NotInUse", why)));
    }
    if zones.iter().any(|zone| call.health.is_healthy(&group.arn, target, zone)) {
        ("healthy", None)
    } else {
        ("unhealthy", Some(("Target.FailedHealthChecks", "Health checks failed")))
    }
}

/// The zones of the load balancers that use a group.
fn zones<'a>(state: &'a State, group: &TargetGroup) -> Vec<&'a str> {
    let listeners = state.listeners.values().filter(|listener| listener.target_group == group.arn);
    let balancers = listeners.filter_map(|listener| state.load_balancers.get(&listener.load_balancer));
    balancers.flat_map(|balancer| balancer.nodes.keys().map(String::as_str)).collect()
}
