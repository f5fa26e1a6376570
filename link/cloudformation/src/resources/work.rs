//! What a handler works with: the cloud, the account, and the tags its resource gets.

use kura_model::{AccountId, Change, Cloud, State, SubnetId, Tags, Vpc};

use super::{Failure, Properties};

/// One resource's share of a stack operation.
pub(crate) struct Work<'a> {
    pub cloud: &'a mut dyn Cloud,
    pub account: AccountId,
    pub stack_name: String,
    pub logical_id: String,
    /// The stack's own tags and CloudFormation's three.
    pub stack_tags: Tags,
}

impl Work<'_> {
    pub(crate) fn state(&self) -> &State {
        self.cloud.state()
    }

    /// A new identifier.
    pub(crate) fn draw(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.cloud.hex(17))
    }

    /// A name of at most 32 characters from the stack's, the resource's and chance, as CloudFormation makes them.
    pub(crate) fn name(&mut self) -> String {
        let part = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
        let tail = self.cloud.hex(12).to_uppercase();
        format!("{}-{}-{tail}", part(&self.stack_name), part(&self.logical_id))
    }

    /// All tags of a new resource; its own win over the stack's.
    pub(crate) fn tags(&self, properties: &Properties) -> Tags {
        let mut tags = self.stack_tags.clone();
        tags.extend(properties.tags());
        tags
    }

    /// Commits a change of EC2's.
    pub(crate) fn ec2(&mut self, change: Change) -> Result<(), Failure> {
        self.commit(change, "Ec2")
    }

    /// Commits a change of Elastic Load Balancing's.
    pub(crate) fn elb(&mut self, change: Change) -> Result<(), Failure> {
        self.commit(change, "ElasticLoadBalancingV2")
    }

    fn commit(&mut self, change: Change, service: &'static str) -> Result<(), Failure> {
        let account = self.account.clone();
        self.cloud.change(&account, change, None).map_err(|error| match error.code {
            "InternalError" => Failure::Broken(error.message),
            code => Failure::Refused { service, code: code.to_owned(), message: error.message },
        })
    }

    /// The account's default VPC.
    pub(crate) fn default_vpc(&self) -> Result<&Vpc, Failure> {
        let mut own = self.state().vpcs.values().filter(|vpc| vpc.owner == self.account);
        own.find(|vpc| vpc.is_default).ok_or_else(|| {
            Failure::ec2("VPCIdNotSpecified", "No default VPC for this user. Name a VPC or a subnet.")
        })
    }

    /// The first subnet of the default VPC, in a zone if one is named.
    pub(crate) fn default_subnet(&self, zone: Option<&str>) -> Result<SubnetId, Failure> {
        let vpc = &self.default_vpc()?.id;
        let mut own: Vec<_> = self
            .state()
            .subnets
            .values()
            .filter(|subnet| subnet.vpc == *vpc && subnet.default_for_zone)
            .filter(|subnet| zone.is_none_or(|zone| subnet.zone == zone))
            .collect();
        own.sort_by(|a, b| a.zone.cmp(&b.zone));
        own.first().map(|subnet| subnet.id.clone()).ok_or_else(|| {
            Failure::ec2("MissingInput", "No subnets found for the default VPC. Name a subnet.")
        })
    }
}

/// A range as EC2 takes it.
pub(super) fn cidr(text: &str, parameter: &str) -> Result<ipnet::Ipv4Net, Failure> {
    text.parse().map_err(|_| {
        Failure::ec2(
            "InvalidParameterValue",
            format!("Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."),
        )
    })
}
