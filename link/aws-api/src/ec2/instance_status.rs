//! `DescribeInstanceStatus`: a namespace that stands is well.

use kura_model::{Instance, InstanceId, InstanceState};

use crate::{
    call::Call,
    ec2::{
        instance::{self, write_state},
        own,
        subnet::zone_id,
    },
    listing::Kind,
    refusal::Answer,
    xml::Xml,
};

const KIND: Kind<Instance> = Kind {
    parameter: "InstanceId",
    not_found: "InvalidInstanceID.NotFound",
    noun: "instance ID",
    prefix: InstanceId::PREFIX,
    id: |instance| instance.id.as_str(),
    tags: Some(|instance| &instance.tags),
    filters: instance::FILTERS,
    page: (5, 1000),
};

pub fn describe(call: &mut Call<'_>) -> Answer {
    call.params.without_effect(&["IncludeManagedResources"]);
    let all = call.params.flag("IncludeAllInstances")?.unwrap_or(false);
    let mut page = KIND.page(call, own(call, call.state().instances.values(), |instance| &instance.owner))?;
    page.items.retain(|instance| all || instance.state == InstanceState::Running);
    let state = call.state();
    let mut x = Xml::ec2();
    x.list("instanceStatusSet", page.items, |x, instance| {
        let zone = instance::zone(state, instance);
        let word = if instance.state == InstanceState::Running { "ok" } else { "not-applicable" };
        x.text("instanceId", &instance.id)
            .text("availabilityZone", &zone)
            .text("availabilityZoneId", zone_id(state, &zone));
        write_state(x, "instanceState", instance.state);
        for name in ["systemStatus", "instanceStatus"] {
            let details = (word == "ok").then_some("passed");
            x.within(name, |x| {
                x.text("status", word).list("details", details, |x, status| {
                    x.text("name", "reachability").text("status", status);
                });
            });
        }
    })
    .maybe("nextToken", page.next);
    Ok(x)
}
