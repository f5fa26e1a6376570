//! Attributes: pairs of a key and a value, the few that mean something here.

use kura_model::{Change, ListenerArn, LoadBalancerArn, TargetGroupArn};

use crate::{
    call::Call,
    elbv2::{listener, load_balancer, target_group},
    refusal::{Answer, Refusal},
    xml::Xml,
};

const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const PROTECTION: &str = "deletion_protection.enabled";
const PROXY: &str = "proxy_protocol_v2.enabled";
const IDLE: &str = "tcp.idle_timeout.seconds";

pub fn describe_of_balancer(call: &mut Call<'_>) -> Answer {
    let one = load_balancer::find(call, &call.params.need("LoadBalancerArn")?)?;
    Ok(write(&[(PROTECTION, one.deletion_protection.to_string()), (CROSS_ZONE, one.cross_zone.to_string())]))
}

pub fn modify_of_balancer(call: &mut Call<'_>) -> Answer {
    let arn = LoadBalancerArn::new(call.params.need("LoadBalancerArn")?);
    let (mut cross_zone, mut deletion_protection) = (None, None);
    for (key, value) in pairs(call)? {
        match key.as_str() {
            CROSS_ZONE => cross_zone = Some(flag(&key, &value)?),
            PROTECTION => deletion_protection = Some(flag(&key, &value)?),
            _ => return Err(unknown(&key)),
        }
    }
    call.change(Change::ModifyLoadBalancer { arn, cross_zone, deletion_protection })?;
    describe_of_balancer(call)
}

pub fn describe_of_group(call: &mut Call<'_>) -> Answer {
    let one = target_group::find(call, &call.params.need("TargetGroupArn")?)?;
    Ok(write(&[(PROXY, one.proxy_protocol_v2.to_string())]))
}

pub fn modify_of_group(call: &mut Call<'_>) -> Answer {
    let arn = TargetGroupArn::new(call.params.need("TargetGroupArn")?);
    let mut proxy_protocol_v2 = None;
    for (key, value) in pairs(call)? {
        match key.as_str() {
            PROXY => proxy_protocol_v2 = Some(flag(&key, &value)?),
            _ => return Err(unknown(&key)),
        }
    }
    call.change(Change::ModifyTargetGroup { arn, health: None, proxy_protocol_v2 })?;
    describe_of_group(call)
}

pub fn describe_of_listener(call: &mut Call<'_>) -> Answer {
    let one = listener::find(call, &call.params.need("ListenerArn")?)?;
    Ok(write(&[(IDLE, one.idle_timeout.to_string())]))
}

pub fn modify_of_listener(call: &mut Call<'_>) -> Answer {
    let arn = ListenerArn::new(call.params.need("ListenerArn")?);
    let mut idle_timeout = None;
    for (key, value) in pairs(call)? {
        match key.as_str() {
            IDLE => {
                let seconds = value.parse().map_err(|_| wrong(&key, &value, "seconds from 60 to 6000"))?;
                idle_timeout = Some(seconds);
            }
            _ => return Err(unknown(&key)),
        }
    }
    call.change(Change::ModifyListener { arn, port: None, target_group: None, idle_timeout })?;
    describe_of_listener(call)
}

fn pairs(call: &Call<'_>) -> Answer<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for attribute in call.params.list("Attributes.member") {
        pairs.push((attribute.need("Key")?, attribute.text("Value").unwrap_or_default()));
    }
    if pairs.is_empty() { Err(Refusal::missing("Attributes")) } else { Ok(pairs) }
}

fn flag(key: &str, value: &str) -> Answer<bool> {
    value.parse().map_err(|_| wrong(key, value, "true or false"))
}

fn wrong(key: &str, value: &str, kind: &str) -> Refusal {
    Refusal::new("InvalidConfigurationRequest", format!("The value '{value}' of '{key}' must be {kind}"))
}

fn unknown(key: &str) -> Refusal {
    let message = format!("Load balancer attribute key '{key}' is not recognized or not supported here");
    Refusal::new("InvalidConfigurationRequest", message)
}

fn write(attributes: &[(&str, String)]) -> Xml {
    let mut x = Xml::query();
    x.list("Attributes", attributes, |x, (key, value)| {
        x.text("Key", key).text("Value", value);
    });
    x
}
