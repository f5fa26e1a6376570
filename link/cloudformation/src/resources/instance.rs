//! `AWS::EC2::Instance`: a namespace that behaves as a host.
//!
//! Its type and its user data are fixed when it is made, so a change of either makes another one; on AWS both change
//! while it is stopped.

use std::{collections::BTreeSet, net::Ipv4Addr};

use base64::Engine as _;
use kura_model::{Change, GroupId, InstanceState, NewInstance, NewInterface, State, SubnetId};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property, TAGS},
};

pub(super) struct Instance;

const HARDWARE: &str = "an instance is a network namespace and has no hardware";
const ROLES: &str = "there are no roles";

const INTERFACE: &[Property] = &[
    Property::new("AssociatePublicIpAddress", Kind::Boolean),
    Property::new("DeleteOnTermination", Kind::Boolean),
    Property::new("Description", Kind::Text),
    Property::new("DeviceIndex", Kind::Integer(0, 0)).required(),
    Property::new("GroupSet", Kind::Texts),
    Property::new("NetworkInterfaceId", Kind::Unsupported("an interface is made with its instance")),
    Property::new("PrivateIpAddress", Kind::Text),
    Property::new("SubnetId", Kind::Text),
];

/// What the instance's own properties and those of its interface say together.
struct Placement {
    subnet: Option<SubnetId>,
    groups: BTreeSet<GroupId>,
    address: Option<Ipv4Addr>,
    public: Option<bool>,
}

fn placement(work: &Work<'_>, properties: &Properties) -> Result<Placement, Failure> {
    let interfaces = properties.objects("NetworkInterfaces");
    let own = ["SubnetId", "SecurityGroupIds", "SecurityGroups", "PrivateIpAddress"];
    let source = match interfaces.as_slice() {
        [] => properties.clone(),
        [one] => {
            if let Some(name) = own.into_iter().find(|name| properties.has(name)) {
                return Err(Failure::ec2(
                    "InvalidParameterCombination",
                    format!(
                        "Network interfaces and an instance-level {name} may not be specified on the same request"
                    ),
                ));
            }
            one.clone()
        }
        several => {
            return Err(Failure::ec2(
                "AttachmentLimitExceeded",
                format!("An instance has one network interface here, not {}", several.len()),
            ));
        }
    };
    let subnet = source.optional("SubnetId").map(SubnetId::from);
    let mut groups: BTreeSet<GroupId> = source
        .texts("GroupSet")
        .into_iter()
        .chain(source.texts("SecurityGroupIds"))
        .map(GroupId::new)
        .collect();
    let state = work.state();
    for name in properties.texts("SecurityGroups") {
        // As on AWS, names are those of the default VPC.
        let vpc = &work.default_vpc()?.id;
        match state.groups.values().find(|group| group.vpc == *vpc && group.name == name) {
            Some(group) => groups.insert(group.id.clone()),
            None => {
                return Err(Failure::ec2(
                    "InvalidGroup.NotFound",
                    format!("The security group '{name}' does not exist"),
                ));
            }
        };
    }
    let address = match source.optional("PrivateIpAddress") {
        Some(text) => Some(text.parse().map_err(|_| {
            Failure::ec2("InvalidParameterValue", format!("Value ({text}) for parameter address is invalid."))
        })?),
        None => None,
    };
    Ok(Placement { subnet, groups, address, public: source.boolean("AssociatePublicIpAddress") })
}

fn user_data(properties: &Properties) -> Result<Option<String>, Failure> {
    let Some(text) = properties.optional("UserData") else { return Ok(None) };
    let refuse = |what: &str| Failure::ec2("InvalidParameterValue", what);
    let text: String = text.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(&text)
        .map_err(|_| refuse("Invalid BASE64 encoding of user data"))?;
    // EC2's own limit, counted before the encoding.
    if bytes.len() > 16 * 1024 {
        return Err(refuse("User data is limited to 16384 bytes"));
    }
    // It stays encoded, as with RunInstances.
    Ok(Some(text).filter(|text| !text.is_empty()))
}

impl Handler for Instance {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("AdditionalInfo", Kind::Unsupported("it is reserved")),
                Property::new("Affinity", Kind::Unsupported(HARDWARE)),
                Property::new("AvailabilityZone", Kind::Text).create_only(),
                Property::new("BlockDeviceMappings", Kind::Unsupported(HARDWARE)),
                Property::new("CpuOptions", Kind::Unsupported(HARDWARE)),
                Property::new("CreditSpecification", Kind::Unsupported(HARDWARE)),
                Property::new(
                    "DisableApiTermination",
                    Kind::Unsupported("instances have no termination protection"),
                ),
                Property::new("EbsOptimized", Kind::Unsupported(HARDWARE)),
                Property::new("ElasticGpuSpecifications", Kind::Unsupported(HARDWARE)),
                Property::new("ElasticInferenceAccelerators", Kind::Unsupported(HARDWARE)),
                Property::new("EnclaveOptions", Kind::Unsupported(HARDWARE)),
                Property::new("HibernationOptions", Kind::Unsupported(HARDWARE)),
                Property::new("HostId", Kind::Unsupported(HARDWARE)),
                Property::new("HostResourceGroupArn", Kind::Unsupported(HARDWARE)),
                Property::new("IamInstanceProfile", Kind::Unsupported(ROLES)),
                Property::new("ImageId", Kind::Text).create_only(),
                Property::new(
                    "InstanceInitiatedShutdownBehavior",
                    Kind::Unsupported("it cannot shut itself down"),
                ),
                Property::new("InstanceType", Kind::Text).create_only(),
                Property::new("Ipv6AddressCount", Kind::Unsupported("the link carries IPv4 only")),
                Property::new("Ipv6Addresses", Kind::Unsupported("the link carries IPv4 only")),
                Property::new("KernelId", Kind::Unsupported(HARDWARE)),
                Property::new("KeyName", Kind::Text).create_only(),
                Property::new("LaunchTemplate", Kind::Unsupported("there are no launch templates")),
                Property::new("LicenseSpecifications", Kind::Unsupported("there are no licenses")),
                Property::new("MetadataOptions", Kind::Unsupported("there is no metadata service")),
                Property::new("Monitoring", Kind::Unsupported("there is no monitoring")),
                Property::new("NetworkInterfaces", Kind::Objects(INTERFACE)).create_only(),
                Property::new("PlacementGroupName", Kind::Unsupported(HARDWARE)),
                Property::new("PrivateDnsNameOptions", Kind::Unsupported("names follow the address")),
                Property::new("PrivateIpAddress", Kind::Text).create_only(),
                Property::new("PropagateTagsToVolumeOnCreation", Kind::Unsupported(HARDWARE)),
                Property::new("RamdiskId", Kind::Unsupported(HARDWARE)),
                Property::new("SecurityGroupIds", Kind::Texts),
                Property::new("SecurityGroups", Kind::Texts).create_only(),
                Property::new("SourceDestCheck", Kind::Unsupported("sources are always checked")),
                Property::new("SsmAssociations", Kind::Unsupported("there is no systems manager")),
                Property::new("SubnetId", Kind::Text).create_only(),
                TAGS,
                Property::new("Tenancy", Kind::Choice(&["default"])),
                Property::new("UserData", Kind::Text).create_only(),
                Property::new("Volumes", Kind::Unsupported(HARDWARE)),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &[
            "AvailabilityZone",
            "InstanceId",
            "PrivateDnsName",
            "PrivateIp",
            "PublicDnsName",
            "PublicIp",
            "VpcId",
        ]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.instances.get(id).is_some_and(|instance| instance.state != InstanceState::Terminated)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("i-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        let Some(image) = properties.optional("ImageId") else {
            return Err(Failure::ec2("MissingParameter", "The request must contain the parameter ImageId"));
        };
        let user_data = user_data(properties)?;
        let placement = placement(work, properties)?;
        let zone = properties.optional("AvailabilityZone");
        let subnet = match placement.subnet {
            Some(subnet) => {
                let own = work.state().subnets.get(&subnet).map(|subnet| subnet.zone.as_str());
                if let (Some(own), Some(zone)) = (own, zone)
                    && own != zone
                {
                    return Err(Failure::ec2(
                        "InvalidParameterValue",
                        format!("The subnet {subnet} is in the availability zone {own}, not in {zone}."),
                    ));
                }
                subnet
            }
            None => work.default_subnet(zone)?,
        };
        let change = Change::RunInstances {
            reservation: work.draw("r-").as_str().into(),
            instances: vec![NewInstance {
                id: id.into(),
                interface: NewInterface {
                    id: work.draw("eni-").as_str().into(),
                    subnet,
                    address: placement.address,
                },
                attachment: work.draw("eni-attach-").as_str().into(),
            }],
            image: image.to_owned(),
            instance_type: properties.optional("InstanceType").unwrap_or("m1.small").to_owned(),
            key_name: properties.optional("KeyName").map(str::to_owned),
            groups: placement.groups,
            user_data,
            public_address: placement.public,
            tags: work.tags(properties),
            interface_tags: kura_model::Tags::new(),
        };
        work.ec2(change)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let mut groups = placement(work, new)?.groups;
        let state = work.state();
        let Some(instance) = state.instances.get(id) else {
            return Err(Failure::ec2(
                "InvalidInstanceID.NotFound",
                format!("The instance ID '{id}' does not exist"),
            ));
        };
        if groups.is_empty() {
            groups.extend(state.vpcs.get(&instance.vpc).map(|vpc| vpc.default_group.clone()));
        }
        let interface = instance.interface.as_ref().and_then(|id| state.interfaces.get(id));
        if let Some(interface) = interface.filter(|interface| interface.groups != groups) {
            let change =
                Change::ModifyInterface { id: interface.id.clone(), groups: Some(groups), description: None };
            work.ec2(change)?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::TerminateInstances { ids: vec![id.into()] })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let instance = state.instances.get(id)?;
        let interface = instance.interface.as_ref().and_then(|id| state.interfaces.get(id));
        let public = interface.and_then(|interface| interface.public_address);
        Some(match name {
            "AvailabilityZone" => state.subnets.get(&instance.subnet)?.zone.as_str().into(),
            "InstanceId" => id.into(),
            "PrivateDnsName" => state.host_name(interface?.address).into(),
            "PrivateIp" => interface?.address.to_string().into(),
            // Public addresses have no names here.
            "PublicDnsName" => "".into(),
            "PublicIp" => public.map(|address| address.to_string()).unwrap_or_default().into(),
            "VpcId" => instance.vpc.as_str().into(),
            _ => return None,
        })
    }
}
