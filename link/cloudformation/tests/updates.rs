//! Updates: in place, by replacement, undone, through change sets, and cut off by a crash.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is missing")]

mod common;

use common::{Memory, parameters};
use kura_cloudformation::{
    CreateChangeSet, Error, ExecuteChangeSet, ParameterInput, create_change_set, describe_change_set,
    execute_change_set, recover,
};

const PROVIDER: &str = include_str!("templates/provider.yaml");
const CONSUMER: &str = include_str!("templates/consumer.yaml");

fn consumer() -> (Memory, String) {
    let mut cloud = Memory::new();
    cloud.create("provider", PROVIDER, &[]).unwrap();
    let service = cloud.output("provider", "ServiceName");
    cloud.create("consumer", CONSUMER, &[("Service", &service)]).unwrap();
    assert_eq!(cloud.status("consumer"), "CREATE_COMPLETE");
    (cloud, service)
}

#[test]
fn a_subnet_is_added_in_place() {
    let (mut cloud, service) = consumer();
    let id = cloud.physical("consumer", "Endpoint");
    let first: Vec<_> = cloud.state.endpoints[id.as_str()].interfaces.values().cloned().collect();
    let from = cloud.stack("consumer").events.len();
    cloud.update("consumer", CONSUMER, &[("Service", &service), ("Second", "yes")]).unwrap();
    assert_eq!(cloud.physical("consumer", "Endpoint"), id);
    let interfaces = &cloud.state.endpoints[id.as_str()].interfaces;
    assert_eq!(interfaces.len(), 2);
    assert!(interfaces.values().any(|interface| *interface == first[0]), "the first interface stays");
    assert_eq!(cloud.output("consumer", "Interfaces").split(',').count(), 2);
    insta::assert_snapshot!(cloud.events("consumer", from), @r#"
    consumer UPDATE_IN_PROGRESS id User Initiated
    Endpoint UPDATE_IN_PROGRESS id
    Endpoint UPDATE_COMPLETE id
    consumer UPDATE_COMPLETE_CLEANUP_IN_PROGRESS id
    consumer UPDATE_COMPLETE id
    "#);
}

#[test]
fn a_replacement_comes_before_what_it_replaces_goes() {
    let (mut cloud, service) = consumer();
    let (network, group, endpoint) = (
        cloud.physical("consumer", "Network"),
        cloud.physical("consumer", "Group"),
        cloud.physical("consumer", "Endpoint"),
    );
    let from = cloud.stack("consumer").events.len();
    cloud.update("consumer", CONSUMER, &[("Service", &service), ("Label", "two")]).unwrap();
    assert_eq!(cloud.physical("consumer", "Network"), network);
    assert_eq!(cloud.state.vpcs[network.as_str()].tags["Label"], "two");
    let new = cloud.physical("consumer", "Group");
    assert_ne!(new, group);
    assert!(!cloud.state.groups.contains_key(group.as_str()));
    assert_eq!(cloud.physical("consumer", "Endpoint"), endpoint);
    assert!(cloud.state.endpoints[endpoint.as_str()].groups.contains(new.as_str()));
    insta::assert_snapshot!(cloud.events("consumer", from), @r#"
    consumer UPDATE_IN_PROGRESS id User Initiated
    Network UPDATE_IN_PROGRESS id
    Network UPDATE_COMPLETE id
    Group UPDATE_IN_PROGRESS id Requested update requires the creation of a new physical resource; hence creating one.
    Group UPDATE_IN_PROGRESS id Resource creation Initiated
    Group UPDATE_COMPLETE id
    Endpoint UPDATE_IN_PROGRESS id
    Endpoint UPDATE_COMPLETE id
    consumer UPDATE_COMPLETE_CLEANUP_IN_PROGRESS id
    Group DELETE_IN_PROGRESS id
    Group DELETE_COMPLETE id
    consumer UPDATE_COMPLETE id
    "#);
}

#[test]
fn a_failed_update_restores_what_was() {
    let (mut cloud, service) = consumer();
    let before = cloud.rest();
    let template = CONSUMER.replace("PrivateDnsEnabled: false", "").replace(
        "      VpcEndpointType: Interface\n",
        "      VpcEndpointType: Interface\n      PrivateDnsEnabled: true\n",
    );
    let from = cloud.stack("consumer").events.len();
    cloud.update("consumer", &template, &[("Service", &service), ("Label", "two")]).unwrap();
    assert_eq!(cloud.status("consumer"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(cloud.rest(), before);
    assert_eq!(cloud.stack("consumer").parameters["Label"], "one");
    assert_eq!(cloud.stack("consumer").template, CONSUMER);
    insta::assert_snapshot!(cloud.events("consumer", from), @r#"
    consumer UPDATE_IN_PROGRESS id User Initiated
    Network UPDATE_IN_PROGRESS id
    Network UPDATE_COMPLETE id
    Group UPDATE_IN_PROGRESS id Requested update requires the creation of a new physical resource; hence creating one.
    Group UPDATE_IN_PROGRESS id Resource creation Initiated
    Group UPDATE_COMPLETE id
    Endpoint UPDATE_IN_PROGRESS id
    Endpoint UPDATE_FAILED id Resource handler returned message: "Private DNS can't be enabled because the service com.amazonaws.vpce.ap-northeast-1.vpce-svc-28b7bd766a05068b7 does not provide a private DNS name. (Service: Ec2, Status Code: 400, Request ID: uuid-1)" (RequestToken: uuid-2, HandlerErrorCode: InvalidRequest)
    consumer UPDATE_ROLLBACK_IN_PROGRESS id The following resource(s) failed to update: [Endpoint].
    Network UPDATE_IN_PROGRESS id
    Network UPDATE_COMPLETE id
    Group UPDATE_COMPLETE id
    Endpoint UPDATE_IN_PROGRESS id
    Endpoint UPDATE_COMPLETE id
    consumer UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS id
    Group DELETE_IN_PROGRESS id
    Group DELETE_COMPLETE id
    consumer UPDATE_ROLLBACK_COMPLETE id
    "#);
    // And it can be updated from there.
    cloud.update("consumer", CONSUMER, &[("Service", &service), ("Second", "yes")]).unwrap();
    assert_eq!(cloud.status("consumer"), "UPDATE_COMPLETE");
}

#[test]
fn stack_tags_reach_the_resources() {
    let (mut cloud, _) = consumer();
    let account = cloud.account.clone();
    let mut update = |tags: &[(&str, &str)]| {
        let request = kura_cloudformation::UpdateStack {
            stack_name: "consumer".to_owned(),
            use_previous_template: true,
            parameters: vec![ParameterInput {
                key: "Service".to_owned(),
                value: None,
                use_previous_value: true,
            }],
            tags: Some(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()),
            ..Default::default()
        };
        kura_cloudformation::update_stack(&mut cloud, &account, request).unwrap();
        let endpoint = cloud.physical("consumer", "Endpoint");
        cloud.state.endpoints[endpoint.as_str()].tags.clone()
    };
    assert_eq!(update(&[("team", "a"), ("cost", "1")])["team"], "a");
    let tags = update(&[("team", "b")]);
    assert_eq!(tags["team"], "b");
    assert!(!tags.contains_key("cost"));
    assert_eq!(tags["aws:cloudformation:stack-name"], "consumer");
}

#[test]
fn an_association_is_moved_and_not_doubled() {
    let template = |table: &str| {
        format!(
            "Resources:
  Net: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.9.0.0/16}}}}
  Subnet: {{Type: AWS::EC2::Subnet, Properties: {{VpcId: !Ref Net, CidrBlock: 10.9.0.0/24}}}}
  One: {{Type: AWS::EC2::RouteTable, Properties: {{VpcId: !Ref Net}}}}
  Two: {{Type: AWS::EC2::RouteTable, Properties: {{VpcId: !Ref Net}}}}
  Link: {{Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {{SubnetId: !Ref Subnet, RouteTableId: !Ref {table}}}}}
"
        )
    };
    let mut cloud = Memory::new();
    let before = cloud.rest();
    cloud.create("moved", &template("One"), &[]).unwrap();
    let old = cloud.physical("moved", "Link");
    cloud.update("moved", &template("Two"), &[]).unwrap();
    assert_eq!(cloud.status("moved"), "UPDATE_COMPLETE", "{}", cloud.events("moved", 0));
    let new = cloud.physical("moved", "Link");
    assert_ne!(new, old);
    let table = &cloud.state.route_tables[cloud.physical("moved", "Two").as_str()];
    assert!(table.associations.contains_key(new.as_str()));
    // A later failure puts it back.
    let broken = template("One")
        + "  Bad: {Type: AWS::EC2::Subnet, DependsOn: Link, Properties: {VpcId: !Ref Net, CidrBlock: 10.99.0.0/24}}\n";
    cloud.update("moved", &broken, &[]).unwrap();
    assert_eq!(cloud.status("moved"), "UPDATE_ROLLBACK_COMPLETE", "{}", cloud.events("moved", 0));
    let table = &cloud.state.route_tables[cloud.physical("moved", "Two").as_str()];
    assert!(table.associations.contains_key(cloud.physical("moved", "Link").as_str()));
    cloud.delete("moved").unwrap();
    assert_eq!(cloud.status("moved"), "DELETE_COMPLETE");
    assert_eq!(cloud.rest(), before);
}

fn change_set(
    cloud: &mut Memory,
    kind: &str,
    stack: &str,
    name: &str,
    body: &str,
    given: &[(&str, &str)],
) -> Result<(), Error> {
    let account = cloud.account.clone();
    let request = CreateChangeSet {
        stack_name: stack.to_owned(),
        change_set_name: name.to_owned(),
        change_set_type: Some(kind.to_owned()),
        template_body: Some(body.to_owned()),
        parameters: parameters(given),
        ..Default::default()
    };
    create_change_set(cloud, &account, request).map(drop)
}

fn execute(cloud: &mut Memory, stack: &str, name: &str) -> Result<(), Error> {
    let account = cloud.account.clone();
    let request = ExecuteChangeSet {
        stack_name: Some(stack.to_owned()),
        change_set_name: name.to_owned(),
        ..Default::default()
    };
    execute_change_set(cloud, &account, request)
}

#[test]
fn deploy_new_unchanged_and_changed() {
    let mut cloud = Memory::new();
    let account = cloud.account.clone();
    cloud.create("provider", PROVIDER, &[]).unwrap();
    let service = cloud.output("provider", "ServiceName");
    change_set(&mut cloud, "CREATE", "consumer", "one", CONSUMER, &[("Service", &service)]).unwrap();
    assert_eq!(cloud.status("consumer"), "REVIEW_IN_PROGRESS");
    let described = describe_change_set(&cloud.state, &account, "one", Some("consumer")).unwrap();
    assert_eq!(
        (described.change_set.status.as_str(), described.change_set.changes.len()),
        ("CREATE_COMPLETE", 5)
    );
    execute(&mut cloud, "consumer", "one").unwrap();
    assert_eq!(cloud.status("consumer"), "CREATE_COMPLETE");
    assert_eq!(execute(&mut cloud, "consumer", "one").unwrap_err().code, "InvalidChangeSetStatus");

    change_set(&mut cloud, "UPDATE", "consumer", "two", CONSUMER, &[("Service", &service)]).unwrap();
    let described = describe_change_set(&cloud.state, &account, "two", Some("consumer")).unwrap().change_set;
    assert_eq!(described.status, "FAILED");
    assert!(described.status_reason.unwrap().contains("The submitted information didn't contain changes."));
    assert_eq!(described.execution_status, "UNAVAILABLE");

    change_set(
        &mut cloud,
        "UPDATE",
        "consumer",
        "three",
        CONSUMER,
        &[("Service", &service), ("Label", "two")],
    )
    .unwrap();
    let described =
        describe_change_set(&cloud.state, &account, "three", Some("consumer")).unwrap().change_set;
    let changes: Vec<_> = described
        .changes
        .iter()
        .map(|change| {
            format!(
                "{} {} {:?} {:?}",
                change.action, change.logical_id, change.replacement, change.properties
            )
        })
        .collect();
    insta::assert_snapshot!(changes.join("\n"), @r#"
    Modify Network Some("False") ["Tags"]
    Modify Group Some("True") ["GroupDescription"]
    Modify Endpoint Some("False") ["SecurityGroupIds"]
    "#);
    let untouched = cloud.rest();
    execute(&mut cloud, "consumer", "three").unwrap();
    assert_ne!(cloud.rest(), untouched);
    assert_eq!(cloud.status("consumer"), "UPDATE_COMPLETE");
    let error = describe_change_set(&cloud.state, &account, "two", Some("consumer")).unwrap_err();
    assert_eq!(error.code, "ChangeSetNotFound");
    let error =
        change_set(&mut cloud, "CREATE", "consumer", "x", CONSUMER, &[("Service", &service)]).unwrap_err();
    assert!(error.message.contains("already exists and cannot be created again with the changeSet [x]"));
}

/// Every commit is a place where the machine may stop. Wherever it does, the stack comes to an end and nothing is
/// left that no stack knows of.
#[test]
fn wherever_it_is_cut_off_it_comes_to_an_end() {
    let mut last = String::new();
    for commits in 0..200 {
        let mut cloud = Memory::new();
        let before = cloud.rest();
        cloud.commits_left = Some(commits);
        let done = cloud.create("cut", PROVIDER, &[]);
        cloud.commits_left = None;
        recover(&mut cloud).unwrap();
        if cloud.state.stacks.is_empty() {
            assert_eq!(cloud.rest(), before);
            continue;
        }
        last = cloud.status("cut").to_owned();
        if done.is_ok() {
            break;
        }
        assert_eq!(last, "ROLLBACK_COMPLETE", "after {commits} commits: {}", cloud.events("cut", 0));
        assert_eq!(cloud.rest(), before, "after {commits} commits");
    }
    assert_eq!(last, "CREATE_COMPLETE");
}

#[test]
fn an_update_that_is_cut_off_is_undone_or_finished() {
    let (whole, service) = consumer();
    let given = [("Service", service.as_str()), ("Label", "two"), ("Second", "yes")];
    let mut ends = std::collections::BTreeSet::new();
    for commits in 0..200 {
        let (mut cloud, _) = consumer();
        cloud.commits_left = Some(commits);
        let done = cloud.update("consumer", CONSUMER, &given);
        cloud.commits_left = None;
        recover(&mut cloud).unwrap();
        let status = cloud.status("consumer").to_owned();
        match status.as_str() {
            "UPDATE_ROLLBACK_COMPLETE" => assert_eq!(cloud.rest(), whole.rest(), "after {commits}"),
            "CREATE_COMPLETE" => assert_eq!(commits, 0),
            "UPDATE_COMPLETE" => {
                assert_eq!(cloud.state.groups.len(), whole.state.groups.len(), "after {commits}")
            }
            other => panic!("{other} after {commits} commits: {}", cloud.events("consumer", 0)),
        }
        ends.insert(status);
        if done.is_ok() {
            break;
        }
    }
    assert!(ends.contains("UPDATE_ROLLBACK_COMPLETE") && ends.contains("UPDATE_COMPLETE"), "{ends:?}");
}

#[test]
fn a_deletion_that_is_cut_off_goes_on() {
    for commits in 0..200 {
        let mut cloud = Memory::new();
        let before = cloud.rest();
        cloud.create("cut", PROVIDER, &[]).unwrap();
        cloud.commits_left = Some(commits);
        let done = cloud.delete("cut");
        cloud.commits_left = None;
        recover(&mut cloud).unwrap();
        if commits > 0 {
            assert_eq!(cloud.status("cut"), "DELETE_COMPLETE", "{}", cloud.events("cut", 0));
            assert_eq!(cloud.rest(), before);
        }
        if done.is_ok() {
            return;
        }
    }
    panic!("a deletion takes fewer commits");
}

#[test]
fn groups_of_a_load_balancer_are_asked_about_private_link_unless_a_template_says_not_to() {
    const ENFORCE: &str = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic";
    let template = |groups: &str, said: &str| {
        format!(
            "Parameters: {{Vpc: {{Type: 'AWS::EC2::VPC::Id'}}, Subnets: {{Type: 'List<AWS::EC2::Subnet::Id>'}}}}\n\
             Resources:\n  \
             Group: {{Type: AWS::EC2::SecurityGroup, Properties: {{GroupDescription: d, VpcId: !Ref Vpc}}}}\n  \
             Nlb: {{Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {{Type: network, Scheme: internal, \
             Subnets: !Ref Subnets{groups}{said}}}}}\n"
        )
    };
    let mut cloud = Memory::new();
    let (vpc, subnets) = (cloud.default_vpc(), cloud.default_subnets(1));
    let given = [("Vpc", vpc.as_str()), ("Subnets", subnets.as_str())];
    let with = ", SecurityGroups: [!Ref Group]";
    let off = format!(", {ENFORCE}: 'off'");
    cloud.create("nlb", &template(with, &off), &given).unwrap();
    assert_eq!(cloud.status("nlb"), "CREATE_COMPLETE");
    let id = cloud.physical("nlb", "Nlb");
    let enforces = |cloud: &Memory| cloud.state.load_balancers[id.as_str()].enforces_on_private_link;
    assert!(!enforces(&cloud));
    // Taken out, it is what it is where nobody says anything; the load balancer stays.
    cloud.update("nlb", &template(with, ""), &given).unwrap();
    assert_eq!((cloud.physical("nlb", "Nlb"), enforces(&cloud)), (id.clone(), true));
    cloud.update("nlb", &template(with, &off), &given).unwrap();
    assert!(!enforces(&cloud));

    // Without groups there is nothing to turn off.
    cloud.create("bare", &template("", &off), &given).unwrap();
    assert_eq!(cloud.status("bare"), "ROLLBACK_COMPLETE");
    let reasons: Vec<_> =
        cloud.stack("bare").events.iter().filter_map(|event| event.reason.as_deref()).collect();
    assert!(reasons.iter().any(|reason| reason.contains(ENFORCE)), "{reasons:?}");
}
