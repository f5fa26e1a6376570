//! What AWS refuses, refused here with the same codes and words.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::{
    aws::{Aws, text},
    consumer::Consumer,
    provider::Service,
    world::World,
};

/// A name of the right form that nobody published.
const UNKNOWN: &str = "com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0";

/// Every case; a stack with endpoints of `service` stands.
pub(crate) fn all(world: &World<'_>, consumer: &Consumer, stranger: &Aws, service: &Service) -> Result<()> {
    let own = consumer.place.vpc.as_str();
    let subnet = consumer.place.subnets[0].id.as_str();
    let aws = &consumer.aws;

    aws.refused("InvalidServiceName", &[UNKNOWN, "does not exist"], create(own, UNKNOWN, &[subnet]))?;
    let other = super::place::Place::find(stranger)?;
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
    stack_without_service(world, consumer)
}

/// A stack whose endpoint cannot be made is rolled back, and its event says why in CloudFormation's words.
fn stack_without_service(world: &World<'_>, consumer: &Consumer) -> Result<()> {
    let aws = &consumer.aws;
    let template = world.dir.join("refused.yaml");
    let (vpc, name) = (&consumer.place.vpc, "refused");
    let content = format!(
        "Resources:\n  endpoint:\n    Type: AWS::EC2::VPCEndpoint\n    Properties:\n      VpcEndpointType: \
         Interface\n      VpcId: {vpc}\n      ServiceName: {UNKNOWN}\n"
    );
    fs::write(&template, content).with_context(|| format!("cannot write {}", template.display()))?;
    let body = format!("file://{}", template.display());
    aws.ask(["cloudformation", "create-stack", "--stack-name", name, "--template-body", &body])?;
    let wait = ["cloudformation", "wait", "stack-rollback-complete", "--stack-name", name];
    aws.ask(wait)?;
    let failed =
        "StackEvents[?ResourceStatus=='CREATE_FAILED'].{Id:LogicalResourceId,Reason:ResourceStatusReason}";
    let events =
        aws.ask(["cloudformation", "describe-stack-events", "--stack-name", name, "--query", failed])?;
    let reason = text(&events, "/0/Reason")?;
    let words =
        ["Resource handler returned message: \"The Vpc Endpoint Service", "(Service: Ec2, Status Code: 400"];
    ensure!(words.iter().all(|words| reason.contains(words)), "the reason is {reason:?}");
    aws.ask(["cloudformation", "delete-stack", "--stack-name", name]).map(drop)
}

fn create<'a>(vpc: &'a str, service: &'a str, subnets: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["ec2", "create-vpc-endpoint", "--vpc-endpoint-type", "Interface", "--vpc-id", vpc];
    args.extend(["--service-name", service, "--subnet-ids"]);
    args.extend(subnets);
    args
}
