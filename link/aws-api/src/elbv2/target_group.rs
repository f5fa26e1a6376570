//! Target groups and how their health is checked.

use kura_model::{Change, HealthCheck, State, TargetGroup, TargetGroupArn, TargetKind, VpcId};

use crate::{
    call::Call,
    elbv2::{arn, draw, load_balancer, named, page},
    refusal::{Answer, Refusal},
    xml::Xml,
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("Name")?;
    only_tcp(call, "Protocol")?;
    if call.params.text("Protocol").is_none() {
        return Err(Refusal::missing("Protocol"));
    }
    if let Some(kind) = call.params.text("IpAddressType").filter(|kind| kind != "ipv4") {
        return Err(Refusal::invalid(format!("IpAddressType '{kind}': there is no IPv6 on this link")));
    }
    let port = port(call.params.number("Port", 1, 65_535)?).ok_or_else(|| Refusal::missing("Port"))?;
    let vpc = VpcId::new(call.params.need("VpcId")?);
    let kind = match call.params.text("TargetType").as_deref() {
        None | Some("instance") => TargetKind::Instance,
        Some("ip") => TargetKind::Ip,
        Some("host") => TargetKind::Host,
        Some(other) => {
            return Err(Refusal::invalid(format!(
                "TargetType '{other}' is not here; use instance, ip or host"
            )));
        }
    };
    // What AWS takes for a Network Load Balancer's target group where nothing is said.
    let standard =
        HealthCheck { port: None, interval: 30, timeout: 10, healthy_after: 5, unhealthy_after: 2 };
    let health = health(call, &standard)?;
    let tags = call.params.tags("Tags.member")?;
    let id = draw(call);
    let new = TargetGroupArn::new(arn(call, &format!("targetgroup/{name}/{id}")));
    call.change(Change::CreateTargetGroup { arn: new.clone(), name, kind, port, vpc, health, tags })?;
    let mut x = Xml::query();
    x.list("TargetGroups", call.state().target_groups.get(&new), |x, group| write(x, call.state(), group));
    Ok(x)
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let state = call.state();
    let own = state.target_groups.values().filter(|group| group.owner == *call.account()).collect();
    let arns = call.params.texts("TargetGroupArns.member");
    let names = call.params.texts("Names.member");
    let mut found = named(
        own,
        &arns,
        &names,
        |group| (group.arn.as_str(), group.name.as_str()),
        "TargetGroupNotFound",
        "Target group",
    )?;
    if let Some(arn) = call.params.text("LoadBalancerArn") {
        let balancer = load_balancer::find(call, &arn)?;
        found.retain(|group| balancers(state, group).contains(&balancer.arn.as_str()));
    }
    let (found, next) = page(call, found, |group| group.arn.as_str())?;
    let mut x = Xml::query();
    x.list("TargetGroups", found, |x, group| write(x, state, group)).maybe("NextMarker", next);
    Ok(x)
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let arn = call.params.need("TargetGroupArn")?;
    let now = find(call, &arn)?.health.clone();
    let health = Some(health(call, &now)?);
    let arn = TargetGroupArn::new(arn);
    call.change(Change::ModifyTargetGroup { arn: arn.clone(), health, proxy_protocol_v2: None })?;
    let mut x = Xml::query();
    x.list("TargetGroups", call.state().target_groups.get(&arn), |x, group| write(x, call.state(), group));
    Ok(x)
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let arn = TargetGroupArn::new(call.params.need("TargetGroupArn")?);
    if call.state().exists(call.account(), arn.as_str()) {
        call.change(Change::DeleteTargetGroup { arn })?;
    }
    Ok(Xml::query())
}

/// A target group of the account.
pub fn find<'a>(call: &'a Call<'_>, arn: &str) -> Answer<&'a TargetGroup> {
    let found = call.state().target_groups.get(arn).filter(|group| group.owner == *call.account());
    found.ok_or_else(|| Refusal::new("TargetGroupNotFound", format!("Target group '{arn}' not found")))
}

/// Refuses a protocol that is given and is not TCP.
pub fn only_tcp(call: &Call<'_>, name: &str) -> Answer<()> {
    match call.params.text(name).filter(|protocol| protocol != "TCP") {
        None => Ok(()),
        Some(other) => {
            Err(Refusal::new("UnsupportedProtocol", format!("{name} '{other}' is not here; use TCP")))
        }
    }
}

/// A number that was found to be a port.
pub fn port(number: Option<i64>) -> Option<u16> {
    number.and_then(|number| u16::try_from(number).ok())
}

/// What is asked for, over what is there.
fn health(call: &Call<'_>, now: &HealthCheck) -> Answer<HealthCheck> {
    only_tcp(call, "HealthCheckProtocol")?;
    if call.params.flag("HealthCheckEnabled")? == Some(false) {
        return Err(Refusal::invalid("Health checks cannot be turned off for targets of these kinds"));
    }
    let number = |name: &str, now: u32| -> Answer<u32> {
        let number = call.params.number(name, 0, 86_400)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()).unwrap_or(now))
    };
    let port = match call.params.text("HealthCheckPort").as_deref() {
        None => now.port,
        Some("traffic-port") => None,
        Some(_) => port(call.params.number("HealthCheckPort", 1, 65_535)?),
    };
    Ok(HealthCheck {
        port,
        interval: number("HealthCheckIntervalSeconds", now.interval)?,
        timeout: number("HealthCheckTimeoutSeconds", now.timeout)?,
        healthy_after: number("HealthyThresholdCount", now.healthy_after)?,
        unhealthy_after: number("UnhealthyThresholdCount", now.unhealthy_after)?,
    })
}

fn balancers<'a>(state: &'a State, group: &TargetGroup) -> Vec<&'a str> {
    let mut arns: Vec<&str> = state
        .listeners
        .values()
        .filter(|listener| listener.target_group == group.arn)
        .map(|listener| listener.load_balancer.as_str())
        .collect();
    arns.sort_unstable();
    arns.dedup();
    arns
}

fn write(x: &mut Xml, state: &State, group: &TargetGroup) {
    let kind = match group.kind {
        TargetKind::Instance => "instance",
        TargetKind::Ip => "ip",
        TargetKind::Host => "host",
    };
    let health = &group.health;
    x.text("TargetGroupArn", &group.arn)
        .text("TargetGroupName", &group.name)
        .text("Protocol", "TCP")
        .text("Port", group.port)
        .text("VpcId", &group.vpc)
        .text("HealthCheckProtocol", "TCP")
        .text("HealthCheckPort", health.port.map_or("traffic-port".into(), |port| port.to_string()))
        .text("HealthCheckEnabled", true)
        .text("HealthCheckIntervalSeconds", health.interval)
        .text("HealthCheckTimeoutSeconds", health.timeout)
        .text("HealthyThresholdCount", health.healthy_after)
        .text("UnhealthyThresholdCount", health.unhealthy_after)
        .texts("LoadBalancerArns", balancers(state, group))
        .text("TargetType", kind)
        .text("IpAddressType", "ipv4");
}
