//! Network interfaces.

use kura_model::{Holder, InterfaceId, NetworkInterface, State};

use crate::{
    call::Call,
    clock::iso,
    ec2::{group, own, subnet::zone_id},
    listing::Kind,
    refusal::Answer,
    xml::Xml,
};

const KIND: Kind<NetworkInterface> = Kind {
    parameter: "NetworkInterfaceId",
    not_found: "InvalidNetworkInterfaceID.NotFound",
    noun: "networkInterface ID",
    prefix: InterfaceId::PREFIX,
    id: |interface| interface.id.as_str(),
    tags: Some(|interface| &interface.tags),
    filters: &[
        ("addresses.private-ip-address", |_, interface| vec![interface.address.to_string()]),
        ("association.public-ip", |_, interface| {
            interface.public_address.iter().map(ToString::to_string).collect()
        }),
        ("attachment.instance-id", |_, interface| instance_id(interface).into_iter().collect()),
        ("availability-zone", |state, interface| vec![zone(state, interface)]),
        ("description", |_, interface| vec![interface.description.clone()]),
        ("group-id", |_, interface| interface.groups.iter().map(ToString::to_string).collect()),
        ("group-name", |state, interface| {
            let names = interface.groups.iter().filter_map(|id| state.groups.get(id));
            names.map(|group| group.name.clone()).collect()
        }),
        ("interface-type", |_, interface| vec![kind(interface).to_owned()]),
        ("network-interface-id", |_, interface| vec![interface.id.to_string()]),
        ("owner-id", |_, interface| vec![interface.owner.to_string()]),
        ("private-dns-name", |state, interface| vec![state.host_name(interface.address)]),
        ("private-ip-address", |_, interface| vec![interface.address.to_string()]),
        ("requester-managed", |_, interface| vec![is_managed(interface).to_string()]),
        ("status", |_, _| vec!["in-use".into()]),
        ("subnet-id", |_, interface| vec![interface.subnet.to_string()]),
        ("vpc-id", |_, interface| vec![interface.vpc.to_string()]),
    ],
    page: (5, 1000),
};

pub fn describe(call: &mut Call<'_>) -> Answer {
    // They are always among the answers.
    call.params.without_effect(&["IncludeManagedResources"]);
    let page = KIND.page(call, own(call, call.state().interfaces.values(), |interface| &interface.owner))?;
    let mut x = Xml::ec2();
    x.list("networkInterfaceSet", page.items, |x, interface| write(x, call.state(), interface))
        .maybe("nextToken", page.next);
    Ok(x)
}

fn instance_id(interface: &NetworkInterface) -> Option<String> {
    match &interface.holder {
        Holder::Instance(id, _) => Some(id.to_string()),
        Holder::Endpoint(_) | Holder::LoadBalancer(_) => None,
    }
}

fn kind(interface: &NetworkInterface) -> &'static str {
    match interface.holder {
        Holder::Instance(..) => "interface",
        Holder::Endpoint(_) => "vpc_endpoint",
        Holder::LoadBalancer(_) => "network_load_balancer",
    }
}

fn is_managed(interface: &NetworkInterface) -> bool {
    !matches!(interface.holder, Holder::Instance(..))
}

fn zone(state: &State, interface: &NetworkInterface) -> String {
    state.subnets.get(&interface.subnet).map(|subnet| subnet.zone.clone()).unwrap_or_default()
}

/// Address, names and addresses: what an interface looks like by itself and inside an instance.
pub fn write_addresses(x: &mut Xml, state: &State, interface: &NetworkInterface) {
    let name = state.host_name(interface.address);
    let association = |x: &mut Xml| {
        if let Some(public) = interface.public_address {
            x.within("association", |x| {
                x.text("publicIp", public).text("ipOwnerId", "amazon");
            });
        }
    };
    association(x);
    x.text("description", &interface.description)
        .text("networkInterfaceId", &interface.id)
        .text("ownerId", &interface.owner)
        .text("privateDnsName", &name)
        .text("privateIpAddress", interface.address)
        .list("privateIpAddressesSet", [interface], |x, interface| {
            association(x);
            x.text("primary", true).text("privateDnsName", &name).text("privateIpAddress", interface.address);
        })
        .texts("ipv6AddressesSet", [] as [&str; 0])
        .text("interfaceType", kind(interface))
        .text("sourceDestCheck", true)
        .text("status", "in-use")
        .text("subnetId", &interface.subnet)
        .text("vpcId", &interface.vpc);
    group::write_set(x, state, &interface.groups);
}

/// How an interface is attached to its instance.
pub fn write_attachment(x: &mut Xml, interface: &NetworkInterface, with_instance: bool) {
    x.within("attachment", |x| {
        if let Holder::Instance(instance, attachment) = &interface.holder {
            x.text("attachmentId", attachment);
            if with_instance {
                x.text("instanceId", instance).text("instanceOwnerId", &interface.owner);
            }
        } else {
            let tail = interface.id.as_str().replacen(InterfaceId::PREFIX, "ela-attach-", 1);
            x.text("attachmentId", tail).text("instanceOwnerId", "amazon-aws");
        }
        let of_instance = !is_managed(interface);
        x.text("attachTime", iso(interface.created))
            .text("deleteOnTermination", of_instance)
            .text("deviceIndex", if of_instance { 0 } else { 1 })
            .text("networkCardIndex", 0)
            .text("status", "attached");
    });
}

fn write(x: &mut Xml, state: &State, interface: &NetworkInterface) {
    write_addresses(x, state, interface);
    write_attachment(x, interface, true);
    let zone = zone(state, interface);
    x.text("availabilityZone", &zone).text("availabilityZoneId", zone_id(state, &zone));
    match &interface.holder {
        Holder::Endpoint(_) => {
            x.text("requesterId", &interface.owner);
        }
        Holder::LoadBalancer(_) => {
            x.text("requesterId", "amazon-elb");
        }
        Holder::Instance(..) => {}
    }
    x.text("requesterManaged", is_managed(interface)).tags(&interface.tags);
}
