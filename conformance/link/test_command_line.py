"""The `aws` command line itself, unmodified: what a user types."""

import json
import os
import subprocess
import sys

import pytest

from command_line import CommandLine
from conftest import CONSUMER, REGION

# Version 1 comes from pip; version 2 is Debian's package.
PYTHONS = {"v1": sys.executable, "v2": "/usr/bin/python3"}
COMMAND_LINES = {"v1": [sys.executable, "-m", "awscli"], "v2": ["/usr/bin/aws"]}


@pytest.fixture(params=COMMAND_LINES)
def version(request, server, tmp_path):
    """Makes `aws` that version's command line."""
    command = COMMAND_LINES[request.param]
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60).stdout
    assert said.startswith(f"aws-cli/{request.param[1:]}."), f"{said!r}: apt-get install awscli for version 2"
    server.command_line = CommandLine(PYTHONS[request.param], tmp_path)
    yield
    server.command_line.stop()


def aws(server, *arguments, fails=False, text=False):
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": CONSUMER[0],
        "AWS_SECRET_ACCESS_KEY": CONSUMER[1],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = ["--endpoint-url", server.url, "--output", "json", *arguments]
    status, out, err = server.command_line.run(command, environment)
    assert (status != 0) == fails, err
    if fails:
        return err
    if text:
        return out
    return json.loads(out) if out.strip() else None


@pytest.mark.usefixtures("version")
def test_what_a_user_types(server):
    assert aws(server, "sts", "get-caller-identity")["Account"] == CONSUMER[2]
    vpc = aws(server, "ec2", "describe-vpcs", "--filters", "Name=is-default,Values=true")["Vpcs"][0]["VpcId"]
    group = aws(server, "ec2", "create-security-group", "--group-name", "g", "--description", "d", "--vpc-id", vpc)
    group = group["GroupId"]
    rule = ["--group-id", group, "--protocol", "tcp", "--port", "443", "--cidr", "0.0.0.0/0"]
    aws(server, "ec2", "authorize-security-group-ingress", *rule)
    error = aws(server, "ec2", "authorize-security-group-ingress", *rule, fails=True)
    assert "(InvalidPermission.Duplicate)" in error
    aws(server, "ec2", "revoke-security-group-ingress", *rule)
    aws(server, "ec2", "modify-vpc-attribute", "--vpc-id", vpc, "--enable-dns-hostnames", "Value=true")
    launched = aws(server, "ec2", "run-instances", "--image-id", "ami-1", "--security-group-ids", group)
    instance = launched["Instances"][0]["InstanceId"]
    aws(server, "ec2", "wait", "instance-running", "--instance-ids", instance)
    aws(server, "ec2", "create-tags", "--resources", instance, "--tags", "Key=Name,Value=x")
    aws(server, "ec2", "modify-instance-attribute", "--instance-id", instance, "--groups", group)
    aws(server, "ec2", "terminate-instances", "--instance-ids", instance)
    assert aws(server, "ec2", "describe-vpc-endpoints")["VpcEndpoints"] == []
    subnets = aws(server, "ec2", "describe-subnets")["Subnets"]
    made = aws(
        server, "elbv2", "create-load-balancer", "--name", "n", "--type", "network", "--scheme", "internal",
        "--subnets", *[subnet["SubnetId"] for subnet in subnets],
    )
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    aws(server, "ec2", "create-vpc-endpoint-service-configuration", "--network-load-balancer-arns", arn)
