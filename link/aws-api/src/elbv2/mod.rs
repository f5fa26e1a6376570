//! Elastic Load Balancing v2, of which there are Network Load Balancers with TCP listeners.

mod attribute;
mod health;
mod listener;
mod load_balancer;
mod tag;
mod target;
mod target_group;

use crate::{
    api::Action,
    call::Call,
    refusal::{Answer, Refusal},
};

/// What is answered.
pub const ACTIONS: &[(&str, Action)] = &[
    ("AddTags", tag::add),
    ("CreateListener", listener::create),
    ("CreateLoadBalancer", load_balancer::create),
    ("CreateTargetGroup", target_group::create),
    ("DeleteListener", listener::delete),
    ("DeleteLoadBalancer", load_balancer::delete),
    ("DeleteTargetGroup", target_group::delete),
    ("DeregisterTargets", target::deregister),
    ("DescribeListenerAttributes", attribute::describe_of_listener),
    ("DescribeListeners", listener::describe),
    ("DescribeLoadBalancerAttributes", attribute::describe_of_balancer),
    ("DescribeLoadBalancers", load_balancer::describe),
    ("DescribeTags", tag::describe),
    ("DescribeTargetGroupAttributes", attribute::describe_of_group),
    ("DescribeTargetGroups", target_group::describe),
    ("DescribeTargetHealth", health::describe),
    ("ModifyListener", listener::modify),
    ("ModifyListenerAttributes", attribute::modify_of_listener),
    ("ModifyLoadBalancerAttributes", attribute::modify_of_balancer),
    ("ModifyTargetGroup", target_group::modify),
    ("ModifyTargetGroupAttributes", attribute::modify_of_group),
    ("RegisterTargets", target::register),
    ("RemoveTags", tag::remove),
    ("SetSecurityGroups", load_balancer::set_groups),
];

/// Draws the two parts of a new ARN that are random: AWS uses sixteen digits.
fn draw(call: &mut Call<'_>) -> String {
    call.cloud.hex(16)
}

/// `arn:aws:elasticloadbalancing:<region>:<account>:<resource>`
fn arn(call: &Call<'_>, resource: &str) -> String {
    format!("arn:aws:elasticloadbalancing:{}:{}:{resource}", call.state().region, call.account())
}

/// One page of `items`, by `PageSize` and `Marker`: the ARN after which to go on.
fn page<'a, T>(
    call: &Call<'_>,
    mut items: Vec<&'a T>,
    arn: fn(&T) -> &str,
) -> Answer<(Vec<&'a T>, Option<String>)> {
    items.sort_by(|a, b| arn(a).cmp(arn(b)));
    let size = call.params.number("PageSize", 1, 400)?.and_then(|size| usize::try_from(size).ok());
    if let Some(marker) = call.params.text("Marker").filter(|marker| !marker.is_empty()) {
        if !marker.starts_with("arn:") {
            return Err(Refusal::new("ValidationError", format!("The marker '{marker}' is invalid")));
        }
        items.retain(|item| arn(item) > marker.as_str());
    }
    let size = size.unwrap_or(400);
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|item| arn(item).to_owned());
    Ok((items, next))
}

/// The items that are named by ARN or by name, all of them if none is.
fn named<'a, T>(
    items: Vec<&'a T>,
    arns: &[String],
    names: &[String],
    of: fn(&T) -> (&str, &str),
    not_found: &'static str,
    what: &str,
) -> Answer<Vec<&'a T>> {
    for arn in arns {
        if !items.iter().any(|item| of(item).0 == arn) {
            return Err(Refusal::new(not_found, format!("{what} '{arn}' not found")));
        }
    }
    for name in names {
        if !items.iter().any(|item| of(item).1 == name) {
            return Err(Refusal::new(not_found, format!("{what}s '[{name}]' not found")));
        }
    }
    let wanted = |item: &&T| {
        let (arn, name) = of(item);
        (arns.is_empty() && names.is_empty())
            || arns.iter().any(|a| a == arn)
            || names.iter().any(|n| n == name)
    };
    Ok(items.into_iter().filter(wanted).collect())
}
