//! What AWS refuses, refused here with the same codes and words.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::{
    aws::text,
    consumer::Consumer,
    place::Place,
    provider::{Provider, Service},
    scene::Scene,
    stack,
    world::World,
};

/// A name of the right form that nobody published.
const UNKNOWN: &str = "com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0";

/// A subnet of the right form that nobody made.
const MISSING: &str = "subnet-0123456789abcdef0";

/// Every case; the stack stands.
pub(crate) fn all(scene: &Scene<'_>) -> Result<()> {
    let Scene { world, consumer, stranger, .. } = scene;
    let service = &scene.two[0];
    let own = consumer.place.vpc.as_str();
    let subnet = consumer.place.subnets[0].id.as_str();
    let aws = &consumer.aws;

    aws.refused("InvalidServiceName", &[UNKNOWN, "does not exist"], create(own, UNKNOWN, &[subnet]))?;
    let other = Place::find(stranger)?;
    let theirs = create(&other.vpc, &service.name, &[&other.subnets[0].id]);
    stranger.refused("InvalidServiceName", &[&service.name, "does not exist"], theirs)?;
    aws.refused("InvalidSubnetId.Malformed", &[], create(own, &service.name, &["subnet-nonsense"]))?;

    let made = ["ec2", "create-subnet", "--vpc-id", own, "--cidr-block", "172.31.240.0/24"];
    let zone = ["--availability-zone", &consumer.place.subnets[0].zone, "--query", "Subnet.SubnetId"];
    let twin = aws.word(made.into_iter().chain(zone))?;
    let both = create(own, &service.name, &[subnet, &twin]);
    aws.refused("DuplicateSubnetsInSameZone", &["Found another VPC endpoint subnet"], both)?;
    aws.ask(["ec2", "delete-subnet", "--subnet-id", &twin])?;

    let again = || create(own, &service.name, &[subnet]).into_iter().chain(["--private-dns-enabled"]);
    let words = ["conflicting DNS domain", service.private_dns.as_str()];
    aws.refused("InvalidParameter", &words, again())?;

    // A new VPC has no DNS host names, on AWS as here.
    let vpc = aws.word(["ec2", "create-vpc", "--cidr-block", "10.9.0.0/16", "--query", "Vpc.VpcId"])?;
    let subnet = ["ec2", "create-subnet", "--vpc-id", &vpc, "--cidr-block", "10.9.0.0/24"];
    let subnet = aws.word(subnet.into_iter().chain(["--query", "Subnet.SubnetId"]))?;
    let names = create(&vpc, &service.name, &[&subnet]).into_iter().chain(["--private-dns-enabled"]);
    aws.refused("InvalidParameter", &["enableDnsSupport", "enableDnsHostnames"], names)?;
    aws.ask(["ec2", "delete-subnet", "--subnet-id", &subnet])?;
    aws.ask(["ec2", "delete-vpc", "--vpc-id", &vpc])?;

    let none = ["ec2", "describe-vpc-endpoints", "--vpc-endpoint-ids", "vpce-0123456789abcdef0"];
    aws.refused("InvalidVpcEndpointId.NotFound", &[], none)?;
    lesser_service(consumer, &scene.provider)?;
    stack_without_service(world, consumer)?;
    stack_without_subnet(world, consumer, &scene.two)
}

/// A service in one zone and without a private name cannot give what it does not have.
fn lesser_service(consumer: &Consumer, provider: &Provider) -> Result<()> {
    let place = Place::find(&provider.aws)?;
    let zone = &place.subnets[0].zone;
    let balancer = provider.aws.word([
        "elbv2",
        "create-load-balancer",
        "--name",
        "lesser",
        "--type",
        "network",
        "--scheme",
        "internal",
        "--subnets",
        &place.subnets[0].id,
        "--query",
        "LoadBalancers[0].LoadBalancerArn",
    ])?;
    let made = provider.aws.ask([
        "ec2",
        "create-vpc-endpoint-service-configuration",
        "--network-load-balancer-arns",
        &balancer,
        "--no-acceptance-required",
        "--query",
        "ServiceConfiguration.{ServiceId:ServiceId,ServiceName:ServiceName}",
    ])?;
    let (id, name) = (text(&made, "/ServiceId")?, text(&made, "/ServiceName")?);
    let allow = ["ec2", "modify-vpc-endpoint-service-permissions", "--service-id", id];
    let principal = consumer.aws.principal();
    provider.aws.ask(allow.into_iter().chain(["--add-allowed-principals", &principal]))?;

    let (here, elsewhere): (Vec<_>, Vec<_>) =
        consumer.place.subnets.iter().partition(|one| one.zone == *zone);
    let vpc = &consumer.place.vpc;
    let private = create(vpc, name, &[&here[0].id]).into_iter().chain(["--private-dns-enabled"]);
    consumer.aws.refused("InvalidParameter", &["does not provide a private DNS name"], private)?;
    let other_zone = create(vpc, name, &[&elsewhere[0].id]);
    let words = ["does not support the availability zone of the subnet", elsewhere[0].id.as_str()];
    consumer.aws.refused("InvalidParameter", &words, other_zone)?;

    provider.aws.ask(["ec2", "delete-vpc-endpoint-service-configurations", "--service-ids", id])?;
    provider.aws.ask(["elbv2", "delete-load-balancer", "--load-balancer-arn", &balancer]).map(drop)
}

/// A stack whose endpoint cannot be made is rolled back, and its event says why in CloudFormation's words.
fn stack_without_service(world: &World<'_>, consumer: &Consumer) -> Result<()> {
    let template = world.dir.join("refused.yaml");
    let content = format!(
        "Resources:\n  endpoint:\n    Type: AWS::EC2::VPCEndpoint\n    Properties:\n      VpcEndpointType: \
         Interface\n      VpcId: {}\n      ServiceName: {UNKNOWN}\n",
        consumer.place.vpc
    );
    fs::write(&template, content).with_context(|| format!("cannot write {}", template.display()))?;
    let body = format!("file://{}", template.display());
    let words =
        ["Resource handler returned message: \"The Vpc Endpoint Service", "(Service: Ec2, Status Code: 400"];
    rolled_back(consumer, &["--template-body", &body], "CREATE_FAILED", &words)
}

/// A subnet that is not there is found before any resource is made, and told by the stack's own event.
fn stack_without_subnet(world: &World<'_>, consumer: &Consumer, services: &[Service]) -> Result<()> {
    let body = format!("file://{}", world.project.source("deploy/consumer.yaml").display());
    let mut parameters = stack::parameters(consumer, services, 1);
    let own = &consumer.place.subnets[0].id;
    parameters.iter_mut().for_each(|parameter| *parameter = parameter.replace(own.as_str(), MISSING));
    let mut args = vec!["--template-body", &body, "--parameters"];
    args.extend(parameters.iter().map(String::as_str));
    let words = ["Parameter validation failed", MISSING, "does not exist"];
    rolled_back(consumer, &args, "ROLLBACK_IN_PROGRESS", &words)
}

/// Creates a stack that ends rolled back, with an event of `status` that says `words`, and deletes it.
fn rolled_back(consumer: &Consumer, args: &[&str], status: &str, words: &[&str]) -> Result<()> {
    let (aws, stack) = (&consumer.aws, ["--stack-name", "refused"]);
    let call = |action| ["cloudformation", action].into_iter().chain(stack);
    aws.ask(call("create-stack").chain(args.iter().copied()))?;
    let wait = ["cloudformation", "wait", "stack-create-complete"].into_iter().chain(stack);
    aws.fails(&["terminal failure state"], wait)?;
    let found = aws.word(call("describe-stacks").chain(["--query", "Stacks[0].StackStatus"]))?;
    ensure!(found == "ROLLBACK_COMPLETE", "the stack is {found}");
    let query = format!(
        "StackEvents[?ResourceStatus=='{status}'].{{Id:LogicalResourceId,Reason:ResourceStatusReason}}"
    );
    let events = aws.ask(call("describe-stack-events").chain(["--query", &query]))?;
    let mut events = events.as_array().into_iter().flatten();
    let says = |event: &serde_json::Value| {
        event["Reason"].as_str().is_some_and(|reason| words.iter().all(|word| reason.contains(word)))
    };
    ensure!(events.any(says), "no {status} event says {words:?}");
    aws.ask(call("delete-stack")).map(drop)
}

fn create<'a>(vpc: &'a str, service: &'a str, subnets: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["ec2", "create-vpc-endpoint", "--vpc-endpoint-type", "Interface", "--vpc-id", vpc];
    args.extend(["--service-name", service, "--subnet-ids"]);
    args.extend(subnets);
    args
}
