//! The consumer's stack: made from a template, looked at, changed in place, deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    aws::{text, texts},
    consumer::Consumer,
    provider::{Service, addresses},
};

/// What the user calls it.
const NAME: &str = "momento-private-link";

/// An endpoint as `describe-vpc-endpoints` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) interfaces: BTreeSet<String>,
    names: Vec<String>,
}

/// `create-stack` with the article's five parameters, without any capability.
pub(crate) fn create(consumer: &Consumer, template: &Path, services: &[Service]) -> Result<()> {
    let body = body(template);
    let mut args = vec!["cloudformation", "create-stack", "--stack-name", NAME, "--template-body", &body];
    let parameters = parameters(consumer, services, 2);
    args.push("--parameters");
    args.extend(parameters.iter().map(String::as_str));
    let made = consumer.aws.ask(args)?;
    ensure!(text(&made, "/StackId")?.starts_with("arn:aws:cloudformation:"), "no stack id: {made}");
    Ok(())
}

/// Waits, and reads the events: the stack's own and those of `resources` resources.
pub(crate) fn complete(consumer: &Consumer, resources: usize) -> Result<()> {
    consumer.aws.ask(["cloudformation", "wait", "stack-create-complete", "--stack-name", NAME])?;
    expect_status(consumer, "CREATE_COMPLETE")?;
    let events = consumer.aws.ask([
        "cloudformation",
        "describe-stack-events",
        "--stack-name",
        NAME,
        "--query",
        "reverse(StackEvents)[].[LogicalResourceId,ResourceType,ResourceStatus]",
    ])?;
    let events: Vec<Vec<&str>> = events.as_array().into_iter().flatten().map(texts).collect();
    let of = |kind: &str, status: &str| {
        let those =
            events.iter().filter(|event| event.get(1) == Some(&kind) && event.get(2) == Some(&status));
        those.filter_map(|event| event.first().copied()).collect::<BTreeSet<_>>()
    };
    for status in ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"] {
        ensure!(
            of("AWS::CloudFormation::Stack", status) == BTreeSet::from([NAME]),
            "no {status} of the stack"
        );
        let made = of("AWS::EC2::VPCEndpoint", status);
        ensure!(made.len() == resources, "{status} of {made:?}, not of {resources} endpoints");
    }
    Ok(())
}

/// Asks for `stack` to be as `template` says, with the endpoints in `subnets` subnets; the template it has if none.
pub(crate) fn update(
    consumer: &Consumer,
    template: Option<&Path>,
    services: &[Service],
    subnets: usize,
) -> Result<()> {
    let mut args = vec!["cloudformation", "update-stack", "--stack-name", NAME];
    let body = template.map(body);
    match &body {
        Some(body) => args.extend(["--template-body", body]),
        None => args.push("--use-previous-template"),
    }
    let parameters = parameters(consumer, services, subnets);
    args.push("--parameters");
    args.extend(parameters.iter().map(String::as_str));
    consumer.aws.ask(args)?;
    consumer.aws.ask(["cloudformation", "wait", "stack-update-complete", "--stack-name", NAME])?;
    expect_status(consumer, "UPDATE_COMPLETE")
}

/// Deletes it; afterwards it, its endpoints and their interfaces are gone.
pub(crate) fn delete(consumer: &Consumer) -> Result<()> {
    consumer.aws.ask(["cloudformation", "delete-stack", "--stack-name", NAME])?;
    consumer.aws.ask(["cloudformation", "wait", "stack-delete-complete", "--stack-name", NAME])?;
    let describe = ["cloudformation", "describe-stacks", "--stack-name", NAME];
    consumer.aws.refused("ValidationError", &["does not exist"], describe)?;
    let left =
        consumer.aws.ask(["ec2", "describe-vpc-endpoints", "--query", "VpcEndpoints[].VpcEndpointId"])?;
    ensure!(texts(&left).is_empty(), "endpoints are left: {left}");
    let interfaces = consumer.aws.ask([
        "ec2",
        "describe-network-interfaces",
        "--filters",
        "Name=interface-type,Values=vpc_endpoint",
        "--query",
        "NetworkInterfaces[].NetworkInterfaceId",
    ])?;
    ensure!(texts(&interfaces).is_empty(), "interfaces are left: {interfaces}");
    Ok(())
}

/// Exactly one endpoint for each of `services`, each as the article shows it, with an interface in each of the first
/// `subnets` subnets.
pub(crate) fn endpoints(consumer: &Consumer, services: &[Service], subnets: usize) -> Result<Vec<Endpoint>> {
    let list = consumer.aws.ask([
        "ec2",
        "describe-vpc-endpoints",
        "--query",
        "VpcEndpoints[].{VpcEndpointId:VpcEndpointId,VpcEndpointType:VpcEndpointType,State:State,\
         ServiceName:ServiceName,PrivateDnsEnabled:PrivateDnsEnabled,SubnetIds:SubnetIds,\
         NetworkInterfaceIds:NetworkInterfaceIds,Groups:Groups[].GroupId,DnsNames:DnsEntries[].DnsName}",
    ])?;
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(list.len() == services.len(), "{} endpoints, not {}", list.len(), services.len());
    let wanted: BTreeSet<&str> = consumer.subnets(subnets).iter().map(|subnet| subnet.id.as_str()).collect();
    let mut endpoints = Vec::new();
    for service in services {
        let found = list.iter().find(|one| one["ServiceName"] == service.name.as_str());
        let found = found.with_context(|| format!("no endpoint of {}", service.name))?;
        ensure!(found["VpcEndpointType"] == "Interface", "not an interface endpoint: {found}");
        ensure!(found["State"] == "available", "not available: {found}");
        ensure!(found["PrivateDnsEnabled"] == true, "without private DNS: {found}");
        ensure!(texts(&found["Groups"]) == [consumer.endpoints_group.as_str()], "other groups: {found}");
        let in_subnets: BTreeSet<&str> = texts(&found["SubnetIds"]).into_iter().collect();
        ensure!(in_subnets == wanted, "in other subnets: {found}");
        let interfaces: BTreeSet<String> =
            texts(&found["NetworkInterfaceIds"]).into_iter().map(str::to_owned).collect();
        ensure!(interfaces.len() == subnets, "not one interface a subnet: {found}");
        endpoints.push(Endpoint {
            id: text(found, "/VpcEndpointId")?.to_owned(),
            interfaces,
            names: texts(&found["DnsNames"]).into_iter().map(str::to_owned).collect(),
        });
    }
    Ok(endpoints)
}

/// The names of an endpoint: regional, one a zone, and the service's own, in AWS's order.
pub(crate) fn check_names(consumer: &Consumer, endpoint: &Endpoint, service: &Service) -> Result<()> {
    let zones: Vec<&str> =
        consumer.subnets(endpoint.interfaces.len()).iter().map(|one| one.zone.as_str()).collect();
    endpoint.names.iter().for_each(|name| println!("{name}"));
    let (first, rest) = endpoint.names.split_first().context("the endpoint has no names")?;
    let tail = service.name.rsplit('.').next().unwrap_or_default();
    let tail = format!(".{tail}.ap-northeast-1.vpce.amazonaws.com");
    let label = first.strip_suffix(&tail).with_context(|| format!("{first} does not end in {tail}"))?;
    ensure!(label.starts_with(&format!("{}-", endpoint.id)), "{first} does not begin with {}", endpoint.id);
    let mut zonal: Vec<String> = zones.iter().map(|zone| format!("{label}-{zone}{tail}")).collect();
    zonal.push(service.private_dns.clone());
    let in_order = rest.last() == zonal.last() && BTreeSet::from_iter(rest) == BTreeSet::from_iter(&zonal);
    ensure!(in_order, "the names after the regional one are {rest:?}, not {zonal:?}");
    Ok(())
}

/// The addresses of an endpoint's interfaces; each is in its subnet and carries the endpoints' group.
pub(crate) fn interface_addresses(consumer: &Consumer, endpoint: &Endpoint) -> Result<Vec<Ipv4Addr>> {
    let mut args = vec!["ec2", "describe-network-interfaces", "--network-interface-ids"];
    args.extend(endpoint.interfaces.iter().map(String::as_str));
    args.extend([
        "--query",
        "NetworkInterfaces[].{PrivateIpAddress:PrivateIpAddress,SubnetId:SubnetId,InterfaceType:InterfaceType,\
         RequesterManaged:RequesterManaged,Groups:Groups[].GroupId}",
    ]);
    let list = consumer.aws.ask(args)?;
    let subnets: BTreeMap<&str, _> =
        consumer.place.subnets.iter().map(|subnet| (subnet.id.as_str(), subnet)).collect();
    for one in list.as_array().into_iter().flatten() {
        let subnet = subnets.get(text(one, "/SubnetId")?).context("an interface in an unknown subnet")?;
        let address = text(one, "/PrivateIpAddress")?.parse()?;
        ensure!(subnet.holds(address)?, "{address} is not in {}", subnet.cidr);
        ensure!(
            one["InterfaceType"] == "vpc_endpoint" && one["RequesterManaged"] == true,
            "not AWS's: {one}"
        );
        ensure!(texts(&one["Groups"]) == [consumer.endpoints_group.as_str()], "other groups: {one}");
    }
    let all: Vec<&Value> =
        list.as_array().into_iter().flatten().map(|one| &one["PrivateIpAddress"]).collect();
    let mut found = addresses(&all.into_iter().cloned().collect())?;
    found.sort();
    Ok(found)
}

fn expect_status(consumer: &Consumer, wanted: &str) -> Result<()> {
    let query = "Stacks[0].StackStatus";
    let describe = ["cloudformation", "describe-stacks", "--stack-name", NAME, "--query", query];
    let status = consumer.aws.word(describe)?;
    ensure!(status == wanted, "the stack is {status}, not {wanted}");
    Ok(())
}

/// The template's parameters: a service name each, and where the endpoints are to be.
pub(crate) fn parameters(consumer: &Consumer, services: &[Service], subnets: usize) -> Vec<String> {
    let parameter = |key: &str, value: &str| format!("ParameterKey={key},ParameterValue={value}");
    let subnets: Vec<&str> = consumer.subnets(subnets).iter().map(|subnet| subnet.id.as_str()).collect();
    let mut parameters: Vec<String> =
        services.iter().map(|service| parameter(&service.parameter, &service.name)).collect();
    parameters.push(parameter("subnetids", &subnets.join("\\,")));
    parameters.push(parameter("securitygroupids", &consumer.endpoints_group));
    parameters.push(parameter("vpcid", &consumer.place.vpc));
    parameters
}

fn body(template: &Path) -> String {
    format!("file://{}", template.display())
}
