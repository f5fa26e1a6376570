//! The host's way out, narrowed to the endpoints' group and opened again.

use anyhow::{Result, ensure};

use super::{
    aws::texts,
    consumer::Consumer,
    host::Way,
    world::{Counters, World},
};
use crate::report::Seen;

/// All protocols to everywhere: what a new group lets out.
const EVERYWHERE: [&str; 4] = ["--protocol", "all", "--cidr", "0.0.0.0/0"];

/// Replaces the host's rules by one to the endpoints' group; what had been counted until then.
pub(crate) fn lock(world: &World<'_>, consumer: &Consumer) -> Result<Counters> {
    change(consumer, "authorize-security-group-egress", &only_endpoints(consumer))?;
    change(consumer, "revoke-security-group-egress", &EVERYWHERE.map(str::to_owned))?;
    let groups = consumer.aws.ask([
        "ec2",
        "describe-security-groups",
        "--group-ids",
        &consumer.host_group,
        "--query",
        "SecurityGroups[0].IpPermissionsEgress[].[FromPort,ToPort,IpRanges[].CidrIp,UserIdGroupPairs[].GroupId]",
    ])?;
    let rules = groups.as_array().map(Vec::as_slice).unwrap_or_default();
    let [rule] = rules else { anyhow::bail!("{} rules are left, not one", rules.len()) };
    ensure!(rule[0] == 443 && rule[1] == 443, "not port 443 alone: {rule}");
    ensure!(texts(&rule[2]).is_empty() && texts(&rule[3]) == [consumer.endpoints_group.as_str()], "{rule}");
    world.counters(&consumer.host.instance)
}

/// What still works, what does not, and what the link counted of it.
pub(crate) fn look(
    world: &World<'_>,
    consumer: &Consumer,
    key: &str,
    before: Counters,
    seen: &mut Seen,
) -> Result<()> {
    let host = &consumer.host;
    let private = host.reaches(world, Way::Private, key)?;
    seen.private_reachable_after_lockdown = Some(private);
    let public = host.reaches(world, Way::Public, key)?;
    seen.public_reachable_after_lockdown = Some(public);
    count(world, consumer, before, seen)?;
    ensure!(private, "the cache cannot be reached by the endpoint any more");
    ensure!(!public, "the cache can still be reached by the public address");
    host.set_and_get(world)
}

/// Notes what was counted since the lock-down; fails if a packet left, or none was refused.
pub(crate) fn count(world: &World<'_>, consumer: &Consumer, before: Counters, seen: &mut Seen) -> Result<()> {
    let now = world.counters(&consumer.host.instance)?;
    let left = now.to_public.saturating_sub(before.to_public);
    let refused = now.refused.saturating_sub(before.refused);
    println!("since the lock-down: {left} packets left to the public side, {refused} were refused");
    seen.packets_to_public_after_lockdown = Some(left);
    seen.packets_refused_after_lockdown = Some(refused);
    ensure!(now.to_public >= before.to_public && now.refused >= before.refused, "a counter went backwards");
    ensure!(left == 0, "{left} packets left to the public side after the lock-down");
    ensure!(refused > 0, "no packet was refused after the lock-down");
    Ok(())
}

/// Lets everything out again.
pub(crate) fn unlock(consumer: &Consumer) -> Result<()> {
    change(consumer, "authorize-security-group-egress", &EVERYWHERE.map(str::to_owned))?;
    change(consumer, "revoke-security-group-egress", &only_endpoints(consumer))
}

fn change(consumer: &Consumer, action: &str, rule: &[String]) -> Result<()> {
    let args = ["ec2", action, "--group-id", &consumer.host_group];
    consumer.aws.ask(args.into_iter().chain(rule.iter().map(String::as_str))).map(drop)
}

/// One rule to the endpoints' group: the command line names a group only in the long form.
fn only_endpoints(consumer: &Consumer) -> [String; 2] {
    let group = &consumer.endpoints_group;
    let rule = format!("IpProtocol=tcp,FromPort=443,ToPort=443,UserIdGroupPairs=[{{GroupId={group}}}]");
    ["--ip-permissions".to_owned(), rule]
}
