//! Listeners: a port of a load balancer that leads to a target group.

use kura_model::{Change, Listener, ListenerArn, LoadBalancerArn, TargetGroupArn};

use crate::{
    call::Call,
    elbv2::{
        draw, load_balancer, named, page,
        target_group::{only_tcp, port},
    },
    refusal::{Answer, Refusal},
    xml::Xml,
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let load_balancer = LoadBalancerArn::new(call.params.need("LoadBalancerArn")?);
    only_tcp(call, "Protocol")?;
    if call.params.text("Protocol").is_none() {
        return Err(Refusal::missing("Protocol"));
    }
    let port = port(call.params.number("Port", 1, 65_535)?).ok_or_else(|| Refusal::missing("Port"))?;
    let target_group = target(call)?.ok_or_else(|| Refusal::missing("DefaultActions"))?;
    let tags = call.params.tags("Tags.member")?;
    let id = draw(call);
    let path = load_balancer.as_str().replacen(":loadbalancer/", ":listener/", 1);
    let arn = ListenerArn::new(format!("{path}/{id}"));
    call.change(Change::CreateListener { arn: arn.clone(), load_balancer, port, target_group, tags })?;
    Ok(one(call, &arn))
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let state = call.state();
    let arns = call.params.texts("ListenerArns.member");
    let of = call.params.text("LoadBalancerArn");
    if of.is_none() && arns.is_empty() {
        return Err(Refusal::invalid("Give LoadBalancerArn or ListenerArns"));
    }
    if let Some(arn) = &of {
        load_balancer::find(call, arn)?;
    }
    let own = state
        .listeners
        .values()
        .filter(|listener| state.owner(listener.arn.as_str()) == Some(call.account()))
        .filter(|listener| of.as_ref().is_none_or(|arn| arn == listener.load_balancer.as_str()))
        .collect();
    let found =
        named(own, &arns, &[], |listener| (listener.arn.as_str(), ""), "ListenerNotFound", "Listener")?;
    let (found, next) = page(call, found, |listener| listener.arn.as_str())?;
    let mut x = Xml::query();
    x.list("Listeners", found, write).maybe("NextMarker", next);
    Ok(x)
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let arn = ListenerArn::new(call.params.need("ListenerArn")?);
    only_tcp(call, "Protocol")?;
    let port = port(call.params.number("Port", 1, 65_535)?);
    let target_group = target(call)?;
    call.change(Change::ModifyListener { arn: arn.clone(), port, target_group, idle_timeout: None })?;
    Ok(one(call, &arn))
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let arn = ListenerArn::new(call.params.need("ListenerArn")?);
    call.change(Change::DeleteListener { arn })?;
    Ok(Xml::query())
}

/// A listener of the account.
pub fn find<'a>(call: &'a Call<'_>, arn: &str) -> Answer<&'a Listener> {
    let own = call.state().owner(arn) == Some(call.account());
    let found = call.state().listeners.get(arn).filter(|_| own);
    found.ok_or_else(|| Refusal::new("ListenerNotFound", format!("Listener '{arn}' not found")))
}

/// The one target group of the one action.
fn target(call: &Call<'_>) -> Answer<Option<TargetGroupArn>> {
    let actions = call.params.list("DefaultActions.member");
    let [action] = actions.as_slice() else {
        return match actions.len() {
            0 => Ok(None),
            more => Err(Refusal::new("TooManyActions", format!("{more} default actions; one is taken"))),
        };
    };
    if action.need("Type")? != "forward" {
        return Err(Refusal::new("InvalidLoadBalancerAction", "Only actions of type 'forward' are here"));
    }
    action.number("Order", 1, 50_000)?;
    let forward = action.within("ForwardConfig");
    let groups = forward.list("TargetGroups.member");
    let listed = match groups.as_slice() {
        [] => None,
        [group] => {
            group.number("Weight", 0, 999)?;
            Some(group.need("TargetGroupArn")?)
        }
        _ => {
            let message = "A TCP listener forwards to one target group";
            return Err(Refusal::new("InvalidLoadBalancerAction", message));
        }
    };
    // Describe shows both forms, and what it shows may come back.
    match (action.text("TargetGroupArn"), listed) {
        (Some(one), Some(other)) if one != other => {
            Err(Refusal::invalid("TargetGroupArn and ForwardConfig name different target groups"))
        }
        (Some(arn), _) | (None, Some(arn)) => Ok(Some(TargetGroupArn::new(arn))),
        (None, None) => Err(Refusal::missing(&action.full_name("TargetGroupArn"))),
    }
}

fn one(call: &Call<'_>, arn: &ListenerArn) -> Xml {
    let mut x = Xml::query();
    x.list("Listeners", call.state().listeners.get(arn), write);
    x
}

fn write(x: &mut Xml, listener: &Listener) {
    x.text("ListenerArn", &listener.arn)
        .text("LoadBalancerArn", &listener.load_balancer)
        .text("Port", listener.port)
        .text("Protocol", "TCP")
        .list("DefaultActions", [&listener.target_group], |x, group| {
            x.text("Type", "forward").text("TargetGroupArn", group).text("Order", 1).within(
                "ForwardConfig",
                |x| {
                    x.list("TargetGroups", [group], |x, group| {
                        x.text("TargetGroupArn", group);
                    });
                },
            );
        });
}
