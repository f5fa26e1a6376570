//! The consumer: an account with a default VPC, a group for endpoints, and a Linux host.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};

use super::{
    aws::{Aws, texts},
    host::Host,
    place::{Place, Subnet, launch},
    world::World,
};

/// The consumer's side.
pub(crate) struct Consumer {
    pub(crate) aws: Aws,
    pub(crate) place: Place,
    /// The endpoints' group: lets the host's group in on port 443.
    pub(crate) endpoints_group: String,
    /// The host's group: lets everything out, until the lock-down.
    pub(crate) host_group: String,
    pub(crate) host: Host,
}

impl Consumer {
    /// Looks at the default VPC, makes the groups and starts the host, in the first of the endpoints' subnets.
    pub(crate) fn settle(world: &World<'_>, aws: Aws) -> Result<Self> {
        let place = Place::find(&aws)?;
        let host_group = place.group(&aws, "host", "the host")?;
        let endpoints_group = place.group(&aws, "endpoints", "the endpoints")?;
        aws.ask([
            "ec2",
            "authorize-security-group-ingress",
            "--group-id",
            &endpoints_group,
            "--protocol",
            "tcp",
            "--port",
            "443",
            "--source-group",
            &host_group,
        ])?;
        let groups = aws.ask([
            "ec2",
            "describe-security-groups",
            "--group-ids",
            &host_group,
            &endpoints_group,
            "--query",
            "SecurityGroups[].{GroupId:GroupId,Ingress:IpPermissions[].UserIdGroupPairs[].GroupId,\
             Egress:IpPermissionsEgress[].IpRanges[].CidrIp}",
        ])?;
        let all_out = |group: &serde_json::Value| texts(&group["Egress"]) == ["0.0.0.0/0"];
        ensure!(
            groups.as_array().is_some_and(|groups| groups.iter().all(all_out)),
            "a new group lets all out"
        );
        let machine = launch(&aws, &place.subnets[0], Some(&host_group))?;
        let host = Host::new(world, machine, "consumer");
        Ok(Self { aws, place, endpoints_group, host_group, host })
    }

    /// The VPC's resolver: its base address and two.
    pub(crate) fn resolver(&self) -> Result<Ipv4Addr> {
        let base: Ipv4Addr = self.place.cidr.split('/').next().unwrap_or_default().parse()?;
        Ok(Ipv4Addr::from(u32::from(base) + 2))
    }

    /// The first `count` subnets, as the template's parameter has them.
    pub(crate) fn subnets(&self, count: usize) -> &[Subnet] {
        &self.place.subnets[..count.min(self.place.subnets.len())]
    }
}
