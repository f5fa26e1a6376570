//! What others ask of the state.

use std::net::Ipv4Addr;

use crate::{ids::*, network, state::*};

impl State {
    /// An account's default VPC.
    #[must_use]
    pub fn default_vpc(&self, account: &AccountId) -> Option<&Vpc> {
        self.vpcs.values().find(|vpc| vpc.is_default && vpc.owner == *account)
    }

    /// The domain of the names that addresses have in their VPCs.
    #[must_use]
    pub fn host_domain(&self) -> String {
        match self.region.as_str() {
            "us-east-1" => "ec2.internal".to_owned(),
            region => format!("{region}.compute.internal"),
        }
    }

    /// The name an address has in its VPC: `ip-172-31-0-4.<region>.compute.internal`; in us-east-1 `….ec2.internal`.
    #[must_use]
    pub fn host_name(&self, address: Ipv4Addr) -> String {
        format!("{}.{}", host_label(address), self.host_domain())
    }

    /// The internet gateway attached to a VPC.
    #[must_use]
    pub fn gateway_of(&self, vpc: &VpcId) -> Option<&InternetGateway> {
        self.gateways.values().find(|gateway| gateway.vpc.as_ref() == Some(vpc))
    }

    /// The route table in force for a subnet: its own or the VPC's main one.
    #[must_use]
    pub fn route_table_of(&self, subnet: &Subnet) -> Option<&RouteTable> {
        let own = self
            .route_tables
            .values()
            .find(|table| table.associations.values().any(|id| id.as_ref() == Some(&subnet.id)));
        own.or_else(|| self.route_tables.get(&self.vpcs.get(&subnet.vpc)?.main_route_table))
    }

    /// How many addresses of a subnet are free; the five that AWS keeps are not counted.
    #[must_use]
    pub fn free_addresses(&self, subnet: &Subnet) -> usize {
        let taken = self.interfaces.values().filter(|interface| interface.subnet == subnet.id).count();
        network::usable(subnet.cidr).count().saturating_sub(taken)
    }

    /// The interface that has an address in a VPC.
    #[must_use]
    pub fn interface_at(&self, vpc: &VpcId, address: Ipv4Addr) -> Option<&NetworkInterface> {
        self.interfaces.values().find(|interface| interface.vpc == *vpc && interface.address == address)
    }

    /// The subnet of a VPC that an address lies in.
    #[must_use]
    pub fn subnet_at(&self, vpc: &VpcId, address: Ipv4Addr) -> Option<&Subnet> {
        self.subnets.values().find(|subnet| subnet.vpc == *vpc && subnet.cidr.contains(&address))
    }

    /// A service by its name, whoever may see it ([`EndpointService::is_visible_to`]).
    #[must_use]
    pub fn service_named(&self, name: &str) -> Option<&EndpointService> {
        self.services.get(name.rsplit('.').next()?).filter(|service| service.name == name)
    }

    /// Whether the link's own public zone has the TXT record that proves a service's private DNS name: under the
    /// name itself or a domain above it.
    #[must_use]
    pub fn has_proof(&self, name: &PrivateDnsName) -> bool {
        let parents = std::iter::successors(Some(name.name.as_str()), |name| Some(name.split_once('.')?.1));
        parents.filter(|domain| domain.contains('.')).any(|domain| {
            let record = format!("{}.{domain}", name.record_name).to_ascii_lowercase();
            self.public_texts.get(&record).is_some_and(|values| values.contains(&name.record_value))
        })
    }

    /// Whether something exists for an account, by any identifier or ARN.
    #[must_use]
    pub fn exists(&self, account: &AccountId, id: &str) -> bool {
        self.owner(id) == Some(account)
    }

    /// Whom something belongs to, by any identifier or ARN.
    #[must_use]
    pub fn owner(&self, id: &str) -> Option<&AccountId> {
        macro_rules! look {
            ($($map:ident),*) => {$(
                if let Some(found) = self.$map.get(id) {
                    return Some(&found.owner);
                }
            )*};
        }
        look!(vpcs, subnets, gateways, route_tables, groups, interfaces, instances);
        look!(load_balancers, target_groups, services, endpoints, stacks);
        if let Some(listener) = self.listeners.get(id) {
            return Some(&self.load_balancers.get(&listener.load_balancer)?.owner);
        }
        let rule = || self.groups.values().find(|group| group.rules.contains_key(id));
        let launch = || self.instances.values().find(|instance| instance.reservation.as_str() == id);
        rule().map(|group| &group.owner).or_else(|| launch().map(|instance| &instance.owner))
    }

    /// The tags of anything that can have some, by any identifier or ARN.
    #[must_use]
    pub fn tags(&self, id: &str) -> Option<&Tags> {
        macro_rules! look {
            ($($map:ident),*) => {$(
                if let Some(found) = self.$map.get(id) {
                    return Some(&found.tags);
                }
            )*};
        }
        look!(vpcs, subnets, gateways, route_tables, groups, interfaces, instances);
        look!(load_balancers, target_groups, listeners, services, endpoints, stacks);
        self.groups.values().find_map(|group| group.rules.get(id)).map(|rule| &rule.tags)
    }

    /// The DNS names of an endpoint with the identifiers of their zones, in AWS's order: regional, one a zone, and
    /// the private name if it is enabled. None before the connection is accepted.
    #[must_use]
    pub fn dns_entries(&self, endpoint: &Endpoint) -> Vec<(String, String)> {
        if endpoint.state != EndpointState::Available {
            return Vec::new();
        }
        let public = hosted_zone(&self.region);
        let mut entries = vec![(self.regional_name(endpoint), public.clone())];
        let subnets = endpoint.interfaces.keys().filter_map(|id| self.subnets.get(id));
        let mut zones: Vec<&str> = subnets.map(|subnet| subnet.zone.as_str()).collect();
        zones.sort_unstable();
        entries.extend(zones.iter().map(|zone| (self.zonal_name(endpoint, zone), public.clone())));
        if let Some(name) = self.private_name(endpoint) {
            let tail = endpoint.id.as_str().rsplit('-').next().unwrap_or_default();
            entries.push((name.to_owned(), format!("Z{}", tail.to_ascii_uppercase())));
        }
        entries
    }

    /// The private name an endpoint answers to: enabled by it, offered and verified by its service.
    #[must_use]
    pub fn private_name(&self, endpoint: &Endpoint) -> Option<&str> {
        let name = self.services.get(&endpoint.service)?.private_dns.as_ref()?;
        (endpoint.private_dns_enabled && name.state == Verification::Verified).then_some(name.name.as_str())
    }

    /// `vpce-….vpce-svc-….<region>.vpce.amazonaws.com`: the addresses of all zones.
    #[must_use]
    pub fn regional_name(&self, endpoint: &Endpoint) -> String {
        let Endpoint { id, dns_label, service, .. } = endpoint;
        format!("{id}-{dns_label}.{service}.{}.vpce.amazonaws.com", self.region)
    }

    /// The name of an endpoint's address in one zone.
    #[must_use]
    pub fn zonal_name(&self, endpoint: &Endpoint, zone: &str) -> String {
        let Endpoint { id, dns_label, service, .. } = endpoint;
        format!("{id}-{dns_label}-{zone}.{service}.{}.vpce.amazonaws.com", self.region)
    }
}

/// The first label of the name an address has in its VPC.
#[must_use]
pub fn host_label(address: Ipv4Addr) -> String {
    format!("ip-{}", address.to_string().replace('.', "-"))
}

impl Vpc {
    /// Where the VPC's names are answered, unless it has no DNS support: two after the first of its addresses.
    #[must_use]
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.dns_support.then(|| network::nth(self.cidr, 2))
    }
}

/// The Route 53 zone of a region's `vpce.amazonaws.com`, as `DescribeVpcEndpoints` shows it on AWS; for regions not
/// listed, one formed alike.
fn hosted_zone(region: &str) -> String {
    match region {
        "ap-northeast-1" => "Z2E726K9Y6RL4W".to_owned(),
        "ap-northeast-2" => "Z27UANNT0PRK1T".to_owned(),
        "ap-northeast-3" => "Z376B5OMM2JZL2".to_owned(),
        "ap-south-1" => "Z2KVTB3ZLFM7JR".to_owned(),
        "eu-west-2" => "Z7K1066E3PUKB".to_owned(),
        "us-east-2" => "ZC8PG0KIFKBRI".to_owned(),
        other => format!("Z{}", other.replace('-', "").to_ascii_uppercase()),
    }
}
