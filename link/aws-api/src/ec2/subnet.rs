//! Subnets.

use kura_model::{Change, State, Subnet, SubnetId, VpcId};

use crate::{
    call::Call,
    ec2::{cidr, done, no_ipv6, own},
    listing::Kind,
    refusal::{Answer, Refusal},
    xml::Xml,
};

const KIND: Kind<Subnet> = Kind {
    parameter: "SubnetId",
    not_found: "InvalidSubnetID.NotFound",
    noun: "subnet ID",
    prefix: SubnetId::PREFIX,
    id: |subnet| subnet.id.as_str(),
    tags: Some(|subnet| &subnet.tags),
    filters: &[
        ("availability-zone", |_, subnet| vec![subnet.zone.clone()]),
        ("availabilityZone", |_, subnet| vec![subnet.zone.clone()]),
        ("availability-zone-id", |state, subnet| vec![zone_id(state, &subnet.zone)]),
        ("availabilityZoneId", |state, subnet| vec![zone_id(state, &subnet.zone)]),
        ("available-ip-address-count", |state, subnet| vec![state.free_addresses(subnet).to_string()]),
        ("cidr", |_, subnet| vec![subnet.cidr.to_string()]),
        ("cidr-block", |_, subnet| vec![subnet.cidr.to_string()]),
        ("cidrBlock", |_, subnet| vec![subnet.cidr.to_string()]),
        ("default-for-az", |_, subnet| vec![subnet.default_for_zone.to_string()]),
        ("defaultForAz", |_, subnet| vec![subnet.default_for_zone.to_string()]),
        ("map-public-ip-on-launch", |_, subnet| vec![subnet.map_public_ip_on_launch.to_string()]),
        ("owner-id", |_, subnet| vec![subnet.owner.to_string()]),
        ("state", |_, _| vec!["available".into()]),
        ("subnet-arn", |state, subnet| vec![arn(state, subnet)]),
        ("subnet-id", |_, subnet| vec![subnet.id.to_string()]),
        ("vpc-id", |_, subnet| vec![subnet.vpc.to_string()]),
    ],
    page: (5, 1000),
};

/// The identifier of a zone by its name.
pub fn zone_id(state: &State, name: &str) -> String {
    state.zones.iter().find(|zone| zone.name == name).map(|zone| zone.id.clone()).unwrap_or_default()
}

fn arn(state: &State, subnet: &Subnet) -> String {
    format!("arn:aws:ec2:{}:{}:subnet/{}", state.region, subnet.owner, subnet.id)
}

pub fn create(call: &mut Call<'_>) -> Answer {
    let vpc = VpcId::new(call.params.need("VpcId")?);
    let range = cidr(&call.params.need("CidrBlock")?, "cidrBlock")?;
    no_ipv6(call, &["Ipv6CidrBlock", "Ipv6Native"])?;
    let named = call.params.text("AvailabilityZone");
    let zone = match (named, call.params.text("AvailabilityZoneId")) {
        (Some(_), Some(_)) => {
            return Err(Refusal::combination("Give AvailabilityZone or AvailabilityZoneId, not both"));
        }
        (Some(name), None) => name,
        (None, Some(id)) => {
            let found = call.state().zones.iter().find(|zone| zone.id == id).map(|zone| zone.name.clone());
            found.ok_or_else(|| Refusal::invalid(format!("Invalid availability zone-id: [{id}]")))?
        }
        (None, None) => call.state().zones.first().map(|zone| zone.name.clone()).unwrap_or_default(),
    };
    let tags = call.tags_for("subnet")?;
    let id = SubnetId::new(call.draw(SubnetId::PREFIX));
    call.change(Change::CreateSubnet {
        id: id.clone(),
        vpc,
        cidr: range,
        zone,
        default_for_zone: false,
        tags,
    })?;
    let mut x = Xml::ec2();
    if let Some(subnet) = call.state().subnets.get(&id) {
        x.within("subnet", |x| write(x, call.state(), subnet));
    }
    Ok(x)
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let page = KIND.page(call, own(call, call.state().subnets.values(), |subnet| &subnet.owner))?;
    let mut x = Xml::ec2();
    x.list("subnetSet", page.items, |x, subnet| write(x, call.state(), subnet)).maybe("nextToken", page.next);
    Ok(x)
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let id = SubnetId::new(call.params.need("SubnetId")?);
    call.change(Change::DeleteSubnet { id })?;
    Ok(done())
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let id = SubnetId::new(call.params.need("SubnetId")?);
    let maps = call.params.flag("MapPublicIpOnLaunch.Value")?;
    let map_public_ip_on_launch = maps.ok_or_else(|| {
        Refusal::new("MissingParameter", "Only MapPublicIpOnLaunch can be modified, and it is not given")
    })?;
    call.change(Change::ModifySubnet { id, map_public_ip_on_launch })?;
    Ok(done())
}

fn write(x: &mut Xml, state: &State, subnet: &Subnet) {
    x.text("subnetId", &subnet.id)
        .text("subnetArn", arn(state, subnet))
        .text("state", "available")
        .text("ownerId", &subnet.owner)
        .text("vpcId", &subnet.vpc)
        .text("cidrBlock", subnet.cidr)
        .texts("ipv6CidrBlockAssociationSet", [] as [&str; 0])
        .text("assignIpv6AddressOnCreation", false)
        .text("availableIpAddressCount", state.free_addresses(subnet))
        .text("availabilityZone", &subnet.zone)
        .text("availabilityZoneId", zone_id(state, &subnet.zone))
        .text("defaultForAz", subnet.default_for_zone)
        .text("mapPublicIpOnLaunch", subnet.map_public_ip_on_launch)
        .text("mapCustomerOwnedIpOnLaunch", false)
        .text("enableDns64", false)
        .text("ipv6Native", false)
        .within("privateDnsNameOptionsOnLaunch", |x| {
            x.text("hostnameType", "ip-name")
                .text("enableResourceNameDnsARecord", false)
                .text("enableResourceNameDnsAAAARecord", false);
        })
        .tags(&subnet.tags);
}
