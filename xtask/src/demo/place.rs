//! Where an account's machines stand: its default VPC, subnets, groups and instances.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::aws::{Aws, text};

/// An account's default VPC.
pub(crate) struct Place {
    pub(crate) vpc: String,
    pub(crate) cidr: String,
    /// A subnet of each zone, by zone.
    pub(crate) subnets: Vec<Subnet>,
}

/// A subnet.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) zone: String,
    pub(crate) cidr: String,
}

/// An instance.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) address: Ipv4Addr,
}

impl Place {
    /// Looks it up.
    pub(crate) fn find(aws: &Aws) -> Result<Self> {
        let vpcs = aws.ask([
            "ec2",
            "describe-vpcs",
            "--filters",
            "Name=is-default,Values=true",
            "--query",
            "Vpcs[].{VpcId:VpcId,CidrBlock:CidrBlock,IsDefault:IsDefault}",
        ])?;
        let vpc = text(&vpcs, "/0/VpcId")?.to_owned();
        let cidr = text(&vpcs, "/0/CidrBlock")?.to_owned();
        let filter = format!("Name=vpc-id,Values={vpc}");
        let subnets = aws.ask([
            "ec2",
            "describe-subnets",
            "--filters",
            &filter,
            "--query",
            "sort_by(Subnets,&AvailabilityZone)[].{SubnetId:SubnetId,Zone:AvailabilityZone,CidrBlock:CidrBlock}",
        ])?;
        let subnets = subnets.as_array().map(Vec::as_slice).unwrap_or_default();
        let subnets = subnets.iter().map(Subnet::read).collect::<Result<Vec<_>>>()?;
        ensure!(subnets.len() == 3, "a default VPC has a subnet in each of three zones");
        Ok(Self { vpc, cidr, subnets })
    }

    /// Makes a security group.
    pub(crate) fn group(&self, aws: &Aws, name: &str, description: &str) -> Result<String> {
        let create = ["ec2", "create-security-group", "--group-name", name, "--description", description];
        aws.word(create.into_iter().chain(["--vpc-id", &self.vpc, "--query", "GroupId"]))
    }
}

impl Subnet {
    fn read(answer: &Value) -> Result<Self> {
        let field = |name| text(answer, name).map(str::to_owned);
        Ok(Self { id: field("/SubnetId")?, zone: field("/Zone")?, cidr: field("/CidrBlock")? })
    }

    /// Whether an address is one of its.
    pub(crate) fn holds(&self, address: Ipv4Addr) -> Result<bool> {
        let (base, length) = self.cidr.split_once('/').context("a CIDR has a length")?;
        let (base, length): (Ipv4Addr, u32) = (base.parse()?, length.parse()?);
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        Ok(u32::from(base) & mask == u32::from(address) & mask)
    }
}

/// Starts an instance.
pub(crate) fn launch(aws: &Aws, subnet: &Subnet, group: Option<&str>) -> Result<Machine> {
    let image = aws.word(["ec2", "describe-images", "--query", "Images[0].ImageId"])?;
    let mut args = vec!["ec2", "run-instances", "--image-id", &image, "--subnet-id", &subnet.id];
    if let Some(group) = group {
        args.extend(["--security-group-ids", group]);
    }
    args.extend([
        "--query",
        "Instances[].{InstanceId:InstanceId,PrivateIpAddress:PrivateIpAddress,PublicIpAddress:PublicIpAddress,\
         SubnetId:SubnetId,SecurityGroups:SecurityGroups}",
    ]);
    let made = aws.ask(args)?;
    let id = text(&made, "/0/InstanceId")?.to_owned();
    let address = text(&made, "/0/PrivateIpAddress")?.parse()?;
    aws.ask(["ec2", "wait", "instance-running", "--instance-ids", &id])?;
    ensure!(subnet.holds(address)?, "{address} is not in {}", subnet.cidr);
    Ok(Machine { id, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_holds_its_addresses() {
        let subnet = Subnet { id: String::new(), zone: String::new(), cidr: "172.31.16.0/20".to_owned() };
        assert!(subnet.holds(Ipv4Addr::new(172, 31, 31, 255)).unwrap());
        assert!(!subnet.holds(Ipv4Addr::new(172, 31, 32, 0)).unwrap());
    }
}
