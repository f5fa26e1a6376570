//! What a new AWS account has.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::{Change, ids::*, state::*};

/// The changes that give an account what a new AWS account has: the default VPC 172.31.0.0/16 with a /20 subnet a
/// zone, its group, and an internet gateway with the route to it.
///
/// `hex` draws as many random lower-case hexadecimal digits as it is asked for.
pub fn account_changes(zones: &[Zone], mut hex: impl FnMut(usize) -> String) -> Vec<Change> {
    let mut id = |prefix: &str| format!("{prefix}{}", hex(17));
    let vpc = VpcId::new(id(VpcId::PREFIX));
    let table = RouteTableId::new(id(RouteTableId::PREFIX));
    let gateway = GatewayId::new(id(GatewayId::PREFIX));
    let mut changes = vec![Change::CreateVpc {
        id: vpc.clone(),
        cidr: Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16),
        is_default: true,
        route_table: table.clone(),
        association: AssociationId::new(id(AssociationId::PREFIX)),
        default_group: GroupId::new(id(GroupId::PREFIX)),
        default_rules: [RuleId::new(id(RuleId::PREFIX)), RuleId::new(id(RuleId::PREFIX))],
        tags: BTreeMap::new(),
    }];
    for (zone, third) in zones.iter().zip((0u8..=240).step_by(16)) {
        let subnet = SubnetId::new(id(SubnetId::PREFIX));
        changes.push(Change::CreateSubnet {
            id: subnet.clone(),
            vpc: vpc.clone(),
            cidr: Ipv4Net::new_assert(Ipv4Addr::new(172, 31, third, 0), 20),
            zone: zone.name.clone(),
            default_for_zone: true,
            tags: BTreeMap::new(),
        });
        changes.push(Change::ModifySubnet { id: subnet, map_public_ip_on_launch: true });
    }
    changes.extend([
        Change::CreateInternetGateway { id: gateway.clone(), tags: BTreeMap::new() },
        Change::AttachInternetGateway { id: gateway.clone(), vpc },
        Change::CreateRoute {
            table,
            destination: Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0),
            target: RouteTarget::Gateway(gateway),
        },
    ]);
    changes
}
