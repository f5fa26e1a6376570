//! Instances: looking at them, starting, stopping, terminating.

use kura_model::{Change, Instance, InstanceId, InstanceState, NetworkInterface, State};

use crate::{
    call::Call,
    clock::iso,
    ec2::{done, group, interface, own, subnet::zone_id},
    listing::{Filter, Kind},
    refusal::{Answer, Refusal},
    xml::Xml,
};

const KIND: Kind<Instance> = Kind {
    parameter: "InstanceId",
    not_found: "InvalidInstanceID.NotFound",
    noun: "instance ID",
    prefix: InstanceId::PREFIX,
    id: |instance| instance.id.as_str(),
    tags: Some(|instance| &instance.tags),
    filters: FILTERS,
    page: (5, 1000),
};

/// Filters of instances and of their status.
pub const FILTERS: &[Filter<Instance>] = &[
    ("availability-zone", |state, instance| vec![zone(state, instance)]),
    ("dns-name", |_, _| vec![String::new()]),
    ("image-id", |_, instance| vec![instance.image.clone()]),
    ("instance-id", |_, instance| vec![instance.id.to_string()]),
    ("instance-state-code", |_, instance| vec![state_of(instance.state).0.to_string()]),
    ("instance-state-name", |_, instance| vec![state_of(instance.state).1.to_owned()]),
    ("instance-type", |_, instance| vec![instance.instance_type.clone()]),
    ("instance.group-id", |state, instance| {
        let groups = interface(state, instance).map(|interface| &interface.groups).into_iter().flatten();
        groups.map(ToString::to_string).collect()
    }),
    ("ip-address", |state, instance| {
        let address = interface(state, instance).and_then(|interface| interface.public_address);
        address.map(|address| address.to_string()).into_iter().collect()
    }),
    ("key-name", |_, instance| instance.key_name.iter().cloned().collect()),
    ("network-interface.network-interface-id", |_, instance| {
        instance.interface.iter().map(ToString::to_string).collect()
    }),
    ("owner-id", |_, instance| vec![instance.owner.to_string()]),
    ("private-ip-address", |state, instance| {
        interface(state, instance).map(|interface| interface.address.to_string()).into_iter().collect()
    }),
    ("reservation-id", |_, instance| vec![instance.reservation.to_string()]),
    ("subnet-id", |_, instance| vec![instance.subnet.to_string()]),
    ("vpc-id", |_, instance| vec![instance.vpc.to_string()]),
];

pub fn describe(call: &mut Call<'_>) -> Answer {
    call.params.without_effect(&["IncludeManagedResources"]);
    let page = KIND.page(call, own(call, call.state().instances.values(), |instance| &instance.owner))?;
    let mut reservations: Vec<(String, Vec<&Instance>)> = Vec::new();
    for instance in page.items {
        match reservations.iter_mut().find(|(id, _)| id == instance.reservation.as_str()) {
            Some((_, instances)) => instances.push(instance),
            None => reservations.push((instance.reservation.to_string(), vec![instance])),
        }
    }
    let mut x = Xml::ec2();
    x.list("reservationSet", reservations, |x, (id, instances)| {
        write_reservation(x, call.state(), &id, call.account().as_str(), instances);
    })
    .maybe("nextToken", page.next);
    Ok(x)
}

pub fn start(call: &mut Call<'_>) -> Answer {
    turn(call, |ids| Change::StartInstances { ids })
}

pub fn stop(call: &mut Call<'_>) -> Answer {
    // A namespace has nothing that could be asked first, nor written to a disk.
    call.params.without_effect(&["Force", "SkipOsShutdown"]);
    turn(call, |ids| Change::StopInstances { ids })
}

pub fn terminate(call: &mut Call<'_>) -> Answer {
    call.params.without_effect(&["Force", "SkipOsShutdown"]);
    turn(call, |ids| Change::TerminateInstances { ids })
}

/// An instance keeps everything over a reboot; here nothing is left to be done.
pub fn reboot(call: &mut Call<'_>) -> Answer {
    for id in call.params.need_texts("InstanceId")? {
        let instance = find(call, &id)?;
        if instance.state != InstanceState::Running {
            let state = state_of(instance.state).1;
            let message = format!("The instance '{id}' is {state}; only a running one can be rebooted");
            return Err(Refusal::new("IncorrectState", message));
        }
    }
    Ok(done())
}

/// An instance of the account.
pub fn find<'a>(call: &'a Call<'_>, id: &str) -> Answer<&'a Instance> {
    let found = call.state().instances.get(id).filter(|instance| instance.owner == *call.account());
    found.ok_or_else(|| Refusal::new(KIND.not_found, format!("The instance ID '{id}' does not exist")))
}

fn turn(call: &mut Call<'_>, change: fn(Vec<InstanceId>) -> Change) -> Answer {
    let ids: Vec<InstanceId> =
        call.params.need_texts("InstanceId")?.into_iter().map(InstanceId::new).collect();
    let states = |state: &State| -> Vec<Option<InstanceState>> {
        ids.iter().map(|id| state.instances.get(id).map(|instance| instance.state)).collect()
    };
    let before = states(call.state());
    call.change(change(ids.clone()))?;
    let after = states(call.state());
    let mut x = Xml::ec2();
    x.list("instancesSet", ids.iter().zip(after).zip(before), |x, ((id, after), before)| {
        x.text("instanceId", id);
        for (name, state) in [("currentState", after), ("previousState", before)] {
            if let Some(state) = state {
                write_state(x, name, state);
            }
        }
    });
    Ok(x)
}

/// Code and name, as EC2's `InstanceState` has them.
fn state_of(state: InstanceState) -> (u16, &'static str) {
    match state {
        InstanceState::Running => (16, "running"),
        InstanceState::Terminated => (48, "terminated"),
        InstanceState::Stopped => (80, "stopped"),
    }
}

pub fn write_state(x: &mut Xml, name: &str, state: InstanceState) {
    let (code, word) = state_of(state);
    x.within(name, |x| {
        x.text("code", code).text("name", word);
    });
}

pub fn interface<'a>(state: &'a State, instance: &Instance) -> Option<&'a NetworkInterface> {
    state.interfaces.get(instance.interface.as_ref()?)
}

pub fn zone(state: &State, instance: &Instance) -> String {
    state.subnets.get(&instance.subnet).map(|subnet| subnet.zone.clone()).unwrap_or_default()
}

/// Instances that were launched together.
pub fn write_reservation(x: &mut Xml, state: &State, id: &str, owner: &str, instances: Vec<&Instance>) {
    x.text("reservationId", id).text("ownerId", owner).texts("groupSet", [] as [&str; 0]).list(
        "instancesSet",
        instances,
        |x, instance| write(x, state, instance),
    );
}

fn write(x: &mut Xml, state: &State, instance: &Instance) {
    let interface = interface(state, instance);
    let zone = zone(state, instance);
    x.text("instanceId", &instance.id).text("imageId", &instance.image);
    write_state(x, "instanceState", instance.state);
    x.text("privateDnsName", interface.map(|one| state.host_name(one.address)).unwrap_or_default())
        .text("dnsName", "")
        .maybe("keyName", instance.key_name.as_ref())
        .text("amiLaunchIndex", instance.launch_index)
        .texts("productCodes", [] as [&str; 0])
        .text("instanceType", &instance.instance_type)
        .text("launchTime", iso(instance.launched))
        .within("placement", |x| {
            x.text("availabilityZone", &zone)
                .text("availabilityZoneId", zone_id(state, &zone))
                .text("groupName", "")
                .text("tenancy", "default");
        })
        .within("monitoring", |x| {
            x.text("state", "disabled");
        });
    if instance.state != InstanceState::Terminated {
        x.text("subnetId", &instance.subnet).text("vpcId", &instance.vpc);
    }
    if let Some(interface) = interface {
        x.text("privateIpAddress", interface.address).maybe("ipAddress", interface.public_address);
        group::write_set(x, state, &interface.groups);
    }
    x.text("sourceDestCheck", true)
        .text("architecture", if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" })
        .texts("blockDeviceMapping", [] as [&str; 0])
        .text("hypervisor", "xen")
        .text("virtualizationType", "hvm")
        .text("ebsOptimized", false)
        .list("networkInterfaceSet", interface, |x, interface| {
            interface::write_addresses(x, state, interface);
            interface::write_attachment(x, interface, false);
        })
        .tags(&instance.tags);
}
