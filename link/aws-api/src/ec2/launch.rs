//! `RunInstances`: an instance is a namespace with one network interface; its image is a name and no more.

use std::{collections::BTreeSet, net::Ipv4Addr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kura_model::{
    AttachmentId, Change, GroupId, InstanceId, InterfaceId, NewInstance, NewInterface, ReservationId,
    SubnetId,
};

use crate::{
    call::Call,
    ec2::{group, instance, rule::group_set},
    query::Params,
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// AWS's limit for user data before it is encoded.
const USER_DATA_BYTES: usize = 16 * 1024;

/// The most instances of one request.
const MOST: i64 = 100;

/// Where an instance is to be on the network.
struct Place {
    subnet: SubnetId,
    groups: BTreeSet<GroupId>,
    address: Option<Ipv4Addr>,
    public_address: Option<bool>,
}

pub fn run(call: &mut Call<'_>) -> Answer {
    let least = call.params.number("MinCount", 1, MOST)?.ok_or_else(|| Refusal::missing("MinCount"))?;
    let most = call.params.number("MaxCount", 1, MOST)?.ok_or_else(|| Refusal::missing("MaxCount"))?;
    if most < least {
        return Err(Refusal::combination(format!(
            "MaxCount ({most}) must not be less than MinCount ({least})"
        )));
    }
    let image = call.params.need("ImageId")?;
    if !image.starts_with("ami-") {
        let message = format!("Invalid id: \"{image}\" (expecting \"ami-...\")");
        return Err(Refusal::new("InvalidAMIID.Malformed", message));
    }
    let instance_type = call.params.text("InstanceType").unwrap_or_else(|| "m1.small".into());
    let place = place(call)?;
    if most > 1 && place.address.is_some() {
        return Err(Refusal::combination(
            "PrivateIpAddress names one address, and more than one instance is wanted",
        ));
    }
    let user_data = call.params.text("UserData").map(check_user_data).transpose()?;
    let key_name = call.params.text("KeyName");
    // Of machines: disks, clocks and credits of a namespace there are none. Nor can an instance shut itself down.
    call.params.without_effect(&[
        "BlockDeviceMapping",
        "CreditSpecification",
        "EbsOptimized",
        "InstanceInitiatedShutdownBehavior",
        "MaintenanceOptions",
        "MetadataOptions",
        "Monitoring",
    ]);
    for refused in ["DisableApiTermination", "DisableApiStop"] {
        if call.params.flag(refused)?.unwrap_or(false) {
            return Err(Refusal::unsupported(format!("{refused}: instances have no such protection here")));
        }
    }
    let mut tags = call.tags_by_kind(&["instance", "network-interface", "volume"])?;
    let reservation = call.draw(ReservationId::PREFIX);
    let instances = (0..most)
        .map(|_| NewInstance {
            id: InstanceId::new(call.draw(InstanceId::PREFIX)),
            interface: NewInterface {
                id: InterfaceId::new(call.draw(InterfaceId::PREFIX)),
                subnet: place.subnet.clone(),
                address: place.address,
            },
            attachment: AttachmentId::new(call.draw(AttachmentId::PREFIX)),
        })
        .collect();
    let change = Change::RunInstances {
        reservation: ReservationId::new(reservation.clone()),
        instances,
        image,
        instance_type,
        key_name,
        groups: place.groups,
        user_data,
        public_address: place.public_address,
        tags: tags.remove("instance").unwrap_or_default(),
        interface_tags: tags.remove("network-interface").unwrap_or_default(),
    };
    let made = call.create(&reservation, change)?;
    let mut launched: Vec<_> =
        call.state().instances.values().filter(|one| one.reservation.as_str() == made).collect();
    launched.sort_by_key(|instance| instance.launch_index);
    let mut x = Xml::ec2();
    instance::write_reservation(&mut x, call.state(), &made, call.account().as_str(), launched);
    Ok(x)
}

/// From the one interface that is described, or from the request itself.
fn place(call: &Call<'_>) -> Answer<Place> {
    let interfaces = call.params.list("NetworkInterface");
    let placement = call.params.within("Placement");
    placement.without_effect(&["Tenancy", "GroupName"]);
    let zone = placement.text("AvailabilityZone");
    let (from, public_address): (&Params, _) = match interfaces.as_slice() {
        [] => (call.params, None),
        [one] => {
            one.without_effect(&["DeleteOnTermination", "NetworkCardIndex"]);
            if one.number("DeviceIndex", 0, 0)?.is_none() {
                return Err(Refusal::missing(&one.full_name("DeviceIndex")));
            }
            (one, one.flag("AssociatePublicIpAddress")?)
        }
        _ => {
            return Err(Refusal::unsupported(
                "NetworkInterface.2: an instance has one network interface here",
            ));
        }
    };
    if !interfaces.is_empty() && call.params.text("SubnetId").is_some() {
        return Err(Refusal::combination(
            "Network interfaces and an instance-level subnet ID may not be specified on the same request",
        ));
    }
    let subnet = match from.text("SubnetId") {
        Some(id) => SubnetId::new(id),
        None => default_subnet(call, zone.as_deref())?,
    };
    let mut groups = group_set(from.texts("SecurityGroupId"));
    for name in call.params.texts("SecurityGroup") {
        groups.insert(group::by_name(call, &name)?);
    }
    let address = from.value("PrivateIpAddress", "an IPv4 address")?;
    Ok(Place { subnet, groups, address, public_address })
}

/// The default VPC's subnet of a zone, or of the first.
fn default_subnet(call: &Call<'_>, zone: Option<&str>) -> Answer<SubnetId> {
    let vpc = call.state().default_vpc(call.account()).ok_or_else(|| {
        Refusal::new("VPCIdNotSpecified", "No default VPC for this user; name a subnet with SubnetId")
    })?;
    let mut subnets: Vec<_> = call
        .state()
        .subnets
        .values()
        .filter(|subnet| subnet.vpc == vpc.id && subnet.default_for_zone)
        .filter(|subnet| zone.is_none_or(|zone| subnet.zone == zone))
        .collect();
    subnets.sort_by_key(|subnet| &subnet.zone);
    subnets.first().map(|subnet| subnet.id.clone()).ok_or_else(|| {
        let message = format!("No default subnet for availability zone: '{}'", zone.unwrap_or("null"));
        Refusal::new("MissingInput", message)
    })
}

/// It stays encoded, as it came: that is how `DescribeInstanceAttribute` shows it again.
fn check_user_data(encoded: String) -> Answer<String> {
    let decoded = STANDARD
        .decode(encoded.as_bytes())
        .map_err(|_| Refusal::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data"))?;
    if decoded.len() > USER_DATA_BYTES {
        return Err(Refusal::invalid(format!(
            "User data is limited to {USER_DATA_BYTES} bytes, this has {}",
            decoded.len()
        )));
    }
    Ok(encoded)
}
