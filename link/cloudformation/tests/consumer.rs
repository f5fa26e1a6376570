//! The templates of `deploy/`, as a user deploys them: default VPC, two subnets, a group.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is missing")]

mod common;

use std::collections::BTreeSet;

use common::Memory;
use kura_model::{Change, Cloud, NewPrivateDnsName};

const TWO: &str = include_str!("../../../deploy/consumer.yaml");
const FOUR: &str = include_str!("../../../deploy/consumer-four.yaml");

const PROVIDER: &str = "
Resources:
  Net: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 172.31.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Net, CidrBlock: 172.31.0.0/20, AvailabilityZone: !Select [0, !GetAZs '']}}
  C: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Net, CidrBlock: 172.31.16.0/20, AvailabilityZone: !Select [1, !GetAZs '']}}
  D: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Net, CidrBlock: 172.31.32.0/20, AvailabilityZone: !Select [2, !GetAZs '']}}
  Nlb: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Type: network, Scheme: internal, Subnets: [!Ref A, !Ref C, !Ref D]}}
  cache: {Type: AWS::EC2::VPCEndpointService, Properties: {AcceptanceRequired: false, NetworkLoadBalancerArns: [!Ref Nlb]}}
  cacheAll: {Type: AWS::EC2::VPCEndpointServicePermissions, Properties: {ServiceId: !Ref cache, AllowedPrincipals: ['*']}}
";

/// A provider with the cell's services, each with its verified private name, and what a consumer passes on.
fn cell(names: &[&str]) -> (Memory, Vec<(String, String)>) {
    let mut cloud = Memory::new();
    let account = cloud.account.clone();
    let mut given = Vec::new();
    for name in names {
        let host = if *name == "apicache" { "api.cache" } else { name };
        let stack = format!("provider-{name}");
        cloud.create(&stack, PROVIDER, &[]).unwrap();
        assert_eq!(cloud.status(&stack), "CREATE_COMPLETE", "{}", cloud.events(&stack, 0));
        let id = cloud.physical(&stack, "cache");
        let private = NewPrivateDnsName {
            name: format!("{host}.cell-ap-northeast-1-1.prod.a.momentohq.com"),
            record_name: format!("_{name}"),
            record_value: format!("vpce:{name}"),
        };
        let change = Change::ModifyService {
            id: id.as_str().into(),
            add_load_balancers: BTreeSet::new(),
            remove_load_balancers: BTreeSet::new(),
            acceptance_required: None,
            private_dns: Some(private),
            remove_private_dns: false,
        };
        cloud.change(&account, change, None).unwrap();
        cloud
            .change(&account, Change::VerifyPrivateDns { id: id.as_str().into(), found: true }, None)
            .unwrap();
        given.push((format!("{name}servicename"), cloud.state.services[id.as_str()].name.clone()));
    }
    given.push(("vpcid".to_owned(), cloud.default_vpc()));
    given.push(("subnetids".to_owned(), cloud.default_subnets(2)));
    let group = cloud.state.default_vpc(&account).unwrap().default_group.to_string();
    given.push(("securitygroupids".to_owned(), group));
    (cloud, given)
}

fn deploys(template: &str, names: &[&str]) {
    let (mut cloud, given) = cell(names);
    let before = cloud.rest();
    let given: Vec<(&str, &str)> = given.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    cloud.create("momento", template, &given).unwrap();
    assert_eq!(cloud.status("momento"), "CREATE_COMPLETE", "{}", cloud.events("momento", 0));
    assert_eq!(cloud.state.endpoints.len(), names.len());
    for name in names {
        let id = cloud.physical("momento", &format!("momento{name}vpcendpoint"));
        let endpoint = &cloud.state.endpoints[id.as_str()];
        assert!(endpoint.private_dns_enabled);
        assert_eq!(endpoint.interfaces.len(), 2);
        let entries = cloud.state.dns_entries(endpoint);
        assert_eq!(entries.len(), 4, "regional, two zones, private: {entries:?}");
    }
    // Both start together.
    let events = cloud.events("momento", 0);
    let order: Vec<&str> = events.lines().map(|line| line.split(" id").next().unwrap_or(line)).collect();
    assert!(
        order[1].ends_with("CREATE_IN_PROGRESS --") && order[2].ends_with("CREATE_IN_PROGRESS --"),
        "{events}"
    );
    cloud.delete("momento").unwrap();
    assert_eq!(cloud.rest(), before);
}

#[test]
fn the_two_services_of_a_cell() {
    deploys(TWO, &["cache", "control"]);
}

#[test]
fn all_four_services_of_a_cell() {
    deploys(FOUR, &["cache", "control", "token", "apicache"]);
}
