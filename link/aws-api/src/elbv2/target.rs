//! Registering and deregistering targets.

use std::collections::BTreeSet;

use kura_model::{Change, Target, TargetGroupArn, TargetKind};

use crate::{
    call::Call,
    elbv2::target_group::{self, port},
    refusal::{Answer, Refusal},
    xml::Xml,
};

pub fn register(call: &mut Call<'_>) -> Answer {
    let (group, targets) = read(call)?;
    if targets.is_empty() {
        return Err(Refusal::missing("Targets"));
    }
    call.change(Change::RegisterTargets { group, targets })?;
    Ok(Xml::query())
}

/// Without a port, a target goes with all ports it is registered with.
pub fn deregister(call: &mut Call<'_>) -> Answer {
    let (group, mut targets) = read(call)?;
    for entry in call.params.list("Targets.member") {
        if entry.text("Port").is_none() {
            let id = entry.need("Id")?;
            let there = &target_group::find(call, group.as_str())?.targets;
            let all: Vec<Target> = there.iter().filter(|target| target.id == id).cloned().collect();
            if !all.is_empty() {
                targets.retain(|target| target.id != id);
                targets.extend(all);
            }
        }
    }
    if targets.is_empty() {
        return Err(Refusal::missing("Targets"));
    }
    call.change(Change::DeregisterTargets { group, targets })?;
    Ok(Xml::query())
}

/// The targets a request lists, with the group's port where it names none.
pub fn read(call: &Call<'_>) -> Answer<(TargetGroupArn, BTreeSet<Target>)> {
    let arn = call.params.need("TargetGroupArn")?;
    let group = target_group::find(call, &arn)?;
    let mut targets = BTreeSet::new();
    for entry in call.params.list("Targets.member") {
        let id = entry.need("Id")?;
        // The zone of an address inside the VPC is that of its subnet, which is what `all` and a name amount to here.
        entry.without_effect(&["AvailabilityZone"]);
        let given = port(entry.number("Port", 1, 65_535)?);
        // A process on the machine is named with its port.
        let own = || id.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port = match group.kind {
            TargetKind::Host => given.or_else(own),
            TargetKind::Instance | TargetKind::Ip => given,
        };
        targets.insert(Target { id, port: port.unwrap_or(group.port) });
    }
    Ok((group.arn.clone(), targets))
}
