//! A stack's life: creation, events, failure, deletion.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is missing")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::Memory;
use kura_model::{InstanceState, RouteTarget, Traffic};

const PROVIDER: &str = include_str!("templates/provider.yaml");
const PROVIDER_JSON: &str = include_str!("templates/provider.json");
const CONSUMER: &str = include_str!("templates/consumer.yaml");
const SIBLINGS: &str = include_str!("templates/siblings.yaml");

#[test]
fn every_resource_type_is_made_as_the_template_says() {
    let mut cloud = Memory::new();
    cloud.create("provider", PROVIDER, &[]).unwrap();
    assert_eq!(cloud.status("provider"), "CREATE_COMPLETE", "{}", cloud.events("provider", 0));
    let state = &cloud.state;
    let vpc = &state.vpcs[cloud.physical("provider", "Network").as_str()];
    assert!(vpc.dns_hostnames && vpc.dns_support);
    assert_eq!(vpc.tags["Name"], "provider-network");
    assert_eq!(vpc.tags["aws:cloudformation:logical-id"], "Network");
    assert_eq!(vpc.tags["aws:cloudformation:stack-name"], "provider");
    assert_eq!(vpc.tags["aws:cloudformation:stack-id"], cloud.stack("provider").id.as_str());
    let subnet = &state.subnets[cloud.physical("provider", "SubnetB").as_str()];
    assert_eq!((subnet.cidr.to_string().as_str(), subnet.zone.as_str()), ("10.20.1.0/24", "ap-northeast-1c"));
    assert!(state.subnets[cloud.physical("provider", "SubnetA").as_str()].map_public_ip_on_launch);
    let table = &state.route_tables[cloud.physical("provider", "Routes").as_str()];
    let gateway = cloud.physical("provider", "Gateway");
    assert_eq!(table.routes.values().next(), Some(&RouteTarget::Gateway(gateway.as_str().into())));
    assert_eq!(table.associations.len(), 1);
    let group = &state.groups[cloud.physical("provider", "ServerGroup").as_str()];
    let mut traffic: Vec<_> =
        group.rules.values().map(|rule| (rule.direction, rule.allows.traffic)).collect();
    traffic.sort();
    // The default egress rule went when the template named one of its own.
    assert_eq!(traffic.len(), 3);
    assert_eq!(traffic[0].1, Traffic::Tcp(443, 443));
    assert_eq!(traffic[1].1, Traffic::Tcp(8443, 8443));
    assert_eq!(traffic[2].1, Traffic::All);
    let server = &state.instances[cloud.physical("provider", "Server").as_str()];
    let script = "#!/bin/sh\necho hello-ap-northeast-1 ${HOME} hush-hush\n";
    assert_eq!(server.user_data, Some(STANDARD.encode(script)));
    assert_eq!(server.instance_type, "t3.micro");
    let balancer = &state.load_balancers[cloud.physical("provider", "Balancer").as_str()];
    assert!(balancer.cross_zone);
    assert_eq!(balancer.nodes.len(), 2);
    let targets = &state.target_groups[cloud.physical("provider", "Targets").as_str()];
    assert_eq!(targets.health.interval, 10);
    assert_eq!(targets.targets.iter().next().unwrap().id, server.id.as_str());
    let listener = &state.listeners[cloud.physical("provider", "Front").as_str()];
    assert_eq!((listener.port, listener.idle_timeout), (443, 600));
    let service = &state.services[cloud.physical("provider", "Service").as_str()];
    assert!(!service.acceptance_required);
    assert!(service.allowed_principals.contains("*"));
    assert_eq!(cloud.output("provider", "ServiceName"), service.name);
    assert_eq!(cloud.output("provider", "Visibility"), "public");
    assert_eq!(
        cloud.output("provider", "ServerAddress"),
        state.interfaces[server.interface.as_ref().unwrap()].address.to_string()
    );
    assert!(cloud.stack("provider").outputs.iter().all(|output| output.key != "OnlyPrivate"));
}

#[test]
fn json_and_yaml_make_the_same_stack() {
    let mut yaml = Memory::new();
    yaml.create("same", PROVIDER, &[]).unwrap();
    let mut json = Memory::new();
    json.create("same", PROVIDER_JSON, &[]).unwrap();
    assert_eq!(json.status("same"), "CREATE_COMPLETE");
    let properties = |cloud: &Memory| -> Vec<(String, String)> {
        let all = cloud.stack("same").resources.values();
        all.map(|resource| (resource.logical_id.clone(), resource.resource_type.clone())).collect()
    };
    assert_eq!(properties(&yaml), properties(&json));
    assert_eq!(yaml.output("same", "ServerAddress"), json.output("same", "ServerAddress"));
    let data = |cloud: &Memory| {
        cloud.state.instances.values().map(|instance| instance.user_data.clone()).collect::<Vec<_>>()
    };
    assert_eq!(data(&yaml), data(&json));
}

#[test]
fn no_two_events_have_one_id() {
    let mut cloud = Memory::new();
    // The clock stands still: both events that begin a resource come in one millisecond.
    cloud.create("provider", PROVIDER, &[]).unwrap();
    let events = &cloud.stack("provider").events;
    let ids: std::collections::BTreeSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), events.len());
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

#[test]
fn events_come_in_the_order_of_aws() {
    let mut cloud = Memory::new();
    cloud.create("provider", PROVIDER, &[]).unwrap();
    let service = cloud.output("provider", "ServiceName");
    cloud.create("consumer", CONSUMER, &[("Service", &service)]).unwrap();
    insta::assert_snapshot!(cloud.events("consumer", 0), @r#"
    consumer CREATE_IN_PROGRESS id User Initiated
    Network CREATE_IN_PROGRESS --
    Network CREATE_IN_PROGRESS id Resource creation Initiated
    Network CREATE_COMPLETE id
    First CREATE_IN_PROGRESS --
    Other CREATE_IN_PROGRESS --
    Group CREATE_IN_PROGRESS --
    First CREATE_IN_PROGRESS id Resource creation Initiated
    Other CREATE_IN_PROGRESS id Resource creation Initiated
    Group CREATE_IN_PROGRESS id Resource creation Initiated
    First CREATE_COMPLETE id
    Other CREATE_COMPLETE id
    Group CREATE_COMPLETE id
    Endpoint CREATE_IN_PROGRESS --
    Endpoint CREATE_IN_PROGRESS id Resource creation Initiated
    Endpoint CREATE_COMPLETE id
    consumer CREATE_COMPLETE id
    "#);
}

#[test]
fn a_failure_cancels_its_siblings_and_rolls_back() {
    let mut cloud = Memory::new();
    let before = cloud.rest();
    let (vpc, subnets) = (cloud.default_vpc(), cloud.default_subnets(2));
    cloud.create("siblings", SIBLINGS, &[("Vpc", &vpc), ("Subnets", &subnets)]).unwrap();
    assert_eq!(cloud.status("siblings"), "ROLLBACK_COMPLETE");
    insta::assert_snapshot!(cloud.events("siblings", 0), @r#"
    siblings CREATE_IN_PROGRESS id User Initiated
    Good CREATE_IN_PROGRESS --
    Missing CREATE_IN_PROGRESS --
    Good CREATE_IN_PROGRESS id Resource creation Initiated
    Missing CREATE_FAILED -- Resource handler returned message: "The Vpc Endpoint Service 'com.amazonaws.vpce.ap-northeast-1.vpce-svc-00000000000000000' does not exist (Service: Ec2, Status Code: 400, Request ID: uuid-1)" (RequestToken: uuid-2, HandlerErrorCode: InvalidRequest)
    Good CREATE_FAILED id Resource creation cancelled
    siblings ROLLBACK_IN_PROGRESS id The following resource(s) failed to create: [Missing, Good]. Rollback requested by user.
    Good DELETE_IN_PROGRESS id
    Good DELETE_COMPLETE id
    Missing DELETE_COMPLETE --
    siblings ROLLBACK_COMPLETE id
    "#);
    assert_eq!(cloud.rest(), before);
    // Such a stack can only be deleted.
    let error = cloud.update("siblings", SIBLINGS, &[("Vpc", &vpc), ("Subnets", &subnets)]).unwrap_err();
    assert!(error.message.ends_with("is in ROLLBACK_COMPLETE state and can not be updated."), "{error}");
    cloud.delete("siblings").unwrap();
    assert_eq!(cloud.status("siblings"), "DELETE_COMPLETE");
}

#[test]
fn a_parameter_that_names_nothing_is_an_event_of_the_stack() {
    let mut cloud = Memory::new();
    let vpc = cloud.default_vpc();
    cloud.create("typed", SIBLINGS, &[("Vpc", &vpc), ("Subnets", "subnet-0bad")]).unwrap();
    insta::assert_snapshot!(cloud.events("typed", 0), @r#"
    typed CREATE_IN_PROGRESS id User Initiated
    typed ROLLBACK_IN_PROGRESS id Parameter validation failed: parameter value subnet-0bad for parameter name Subnets does not exist. Rollback requested by user.
    typed ROLLBACK_COMPLETE id
    "#);
}

#[test]
fn deleting_leaves_nothing() {
    let mut cloud = Memory::new();
    let before = cloud.rest();
    cloud.create("provider", PROVIDER, &[]).unwrap();
    let service = cloud.output("provider", "ServiceName");
    cloud.create("consumer", CONSUMER, &[("Service", &service)]).unwrap();
    assert_eq!(cloud.status("consumer"), "CREATE_COMPLETE");
    // A service in use cannot go, and what it needs stays with it.
    cloud.delete("provider").unwrap();
    assert_eq!(cloud.status("provider"), "DELETE_FAILED", "{}", cloud.events("provider", 0));
    assert!(cloud.state.load_balancers.len() == 1);
    cloud.delete("consumer").unwrap();
    assert_eq!(cloud.status("consumer"), "DELETE_COMPLETE");
    cloud.delete("provider").unwrap();
    assert_eq!(cloud.status("provider"), "DELETE_COMPLETE", "{}", cloud.events("provider", 0));
    assert_eq!(cloud.rest(), before);
    let instance = cloud.state.instances.values().next().unwrap();
    assert_eq!(instance.state, InstanceState::Terminated);
    // By id a deleted stack can still be described, by name it is gone.
    let id = cloud.stack("provider").id.to_string();
    let account = cloud.account.clone();
    assert_eq!(kura_cloudformation::describe_stacks(&cloud.state, &account, Some(&id)).unwrap().len(), 1);
    let error = kura_cloudformation::describe_stacks(&cloud.state, &account, Some("provider")).unwrap_err();
    assert_eq!(error.message, "Stack with id provider does not exist");
    assert!(cloud.create("provider", PROVIDER, &[]).is_ok(), "the name is free again");
}

#[test]
fn secrets_are_kept_and_never_shown() {
    let mut cloud = Memory::new();
    let template = "
Parameters:
  Word: {Type: String, NoEcho: true}
Resources:
  Gateway:
    Type: AWS::EC2::InternetGateway
    Properties: {Tags: [{Key: word, Value: !Ref Word}]}
";
    cloud.create("secret", template, &[("Word", "sesame")]).unwrap();
    let account = cloud.account.clone();
    let shown = kura_cloudformation::describe_stacks(&cloud.state, &account, Some("secret")).unwrap();
    assert_eq!(shown[0].parameters["Word"], "****");
    assert!(!format!("{shown:?}").contains("sesame"));
    let resources =
        kura_cloudformation::describe_stack_resources(&cloud.state, &account, "secret", None).unwrap();
    assert!(!format!("{resources:?}").contains("sesame"));
    let gateway = cloud.physical("secret", "Gateway");
    assert_eq!(cloud.state.gateways[gateway.as_str()].tags["word"], "sesame");
    let (_, events) = kura_cloudformation::describe_stack_events(&cloud.state, &account, "secret").unwrap();
    assert!(events.iter().all(|event| !format!("{event:?}").contains("sesame")));
    assert!(events.iter().any(|event| format!("{event:?}").contains("****")));
}

#[test]
fn policies_keep_what_they_say() {
    let mut cloud = Memory::new();
    cloud.create("kept", include_str!("templates/retained.yaml"), &[]).unwrap();
    let (kept, gone) = (cloud.physical("kept", "Kept"), cloud.physical("kept", "Gone"));
    cloud.delete("kept").unwrap();
    assert_eq!(cloud.status("kept"), "DELETE_COMPLETE");
    assert!(cloud.state.gateways.contains_key(kept.as_str()));
    assert!(!cloud.state.gateways.contains_key(gone.as_str()));
    assert!(cloud.events("kept", 0).contains("Kept DELETE_SKIPPED"));
}

#[test]
fn an_export_in_use_stays() {
    let mut cloud = Memory::new();
    cloud.create("provider", PROVIDER, &[]).unwrap();
    cloud.create("importer", include_str!("templates/importer.yaml"), &[("Provider", "provider")]).unwrap();
    assert_eq!(cloud.status("importer"), "CREATE_COMPLETE");
    let gateway = cloud.physical("importer", "Gateway");
    assert_eq!(
        cloud.state.gateways[gateway.as_str()].tags["service"],
        cloud.output("provider", "ServiceName")
    );
    let error = cloud.delete("provider").unwrap_err();
    assert_eq!(error.message, "Export provider:service cannot be deleted as it is in use by importer");
    let without = PROVIDER.replace("    Export: {Name: !Sub \"${AWS::StackName}:service\"}\n", "");
    cloud.update("provider", &without, &[]).unwrap();
    assert_eq!(cloud.status("provider"), "UPDATE_ROLLBACK_COMPLETE");
    assert!(
        cloud
            .events("provider", 0)
            .contains("Export provider:service cannot be deleted as it is in use by importer")
    );
    let account = cloud.account.clone();
    assert_eq!(
        kura_cloudformation::list_imports(&cloud.state, &account, "provider:service").unwrap(),
        ["importer"]
    );
    cloud.delete("importer").unwrap();
    cloud.delete("provider").unwrap();
    assert_eq!(cloud.status("provider"), "DELETE_COMPLETE");
}

#[test]
fn requests_are_refused_in_the_words_of_aws() {
    let mut cloud = Memory::new();
    let template = "Resources: {Gateway: {Type: AWS::EC2::InternetGateway}}";
    cloud.create("one", template, &[]).unwrap();
    let refused = |result: Result<kura_model::StackId, kura_cloudformation::Error>| {
        let error = result.unwrap_err();
        (error.code, error.message)
    };
    assert_eq!(
        refused(cloud.create("one", template, &[])),
        ("AlreadyExistsException", "Stack [one] already exists".to_owned())
    );
    assert_eq!(
        refused(cloud.update("one", template, &[])),
        ("ValidationError", "No updates are to be performed.".to_owned())
    );
    assert_eq!(
        refused(cloud.update("two", template, &[])),
        ("ValidationError", "Stack with id two does not exist".to_owned())
    );
    assert!(refused(cloud.create("1up", template, &[])).1.contains("'1up' at 'stackName'"));
    assert!(cloud.delete("two").is_ok());
    assert_eq!(
        refused(cloud.create("two", template, &[("X", "y")])).1,
        "Parameters: [X] do not exist in the template"
    );
    assert_eq!(refused(cloud.create("two", CONSUMER, &[])).1, "Parameters: [Service] must have values");
    let account = cloud.account.clone();
    kura_cloudformation::update_termination_protection(&mut cloud, &account, "one", true).unwrap();
    assert_eq!(
        cloud.delete("one").unwrap_err().message,
        "Stack [one] cannot be deleted while TerminationProtection is enabled"
    );
}
