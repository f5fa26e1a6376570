"""CloudFormation as boto3 and the command line speak it; what it does with a template is tested beside its code."""

import json
from unittest.mock import ANY

import pytest

from conftest import ROOT
from test_command_line import aws, version  # noqa: F401
from test_ec2_network import default_vpc
from test_endpoints import allow, publish, subnet

TEMPLATE = (ROOT / "deploy/consumer.yaml").read_text()
NETWORK = json.dumps(
    {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "a network",
        "Parameters": {"Range": {"Type": "String", "Default": "10.5.0.0/16", "AllowedValues": ["10.5.0.0/16"]}},
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Ref": "Range"}}},
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "d", "VpcId": {"Ref": "Vpc"}},
            },
        },
        "Outputs": {"Id": {"Value": {"Ref": "Vpc"}, "Export": {"Name": "the-vpc"}}},
    }
)


@pytest.fixture
def parameters(me, provider):
    """What the provider's e-mail says, and the consumer's own network."""
    names = {}
    for name in ("cache", "control"):
        service = publish(provider, name, AcceptanceRequired=False, PrivateDnsName=f"{name}.cell.example.com")
        provider.ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=service["ServiceId"])
        allow(provider, service, f"arn:aws:iam::{me.id}:root")
        names[f"{name}servicename"] = service["ServiceName"]
    group = me.ec2.create_security_group(GroupName="endpoint", Description="d")["GroupId"]
    subnets = ",".join([subnet(me, "a"), subnet(me, "c")])
    return {**names, "vpcid": default_vpc(me.ec2), "securitygroupids": group, "subnetids": subnets}


def listed(parameters):
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


def test_the_articles_stack(me, parameters, refused):
    cfn = me.cloudformation
    id = cfn.create_stack(StackName="link", TemplateBody=TEMPLATE, Parameters=listed(parameters))["StackId"]
    cfn.get_waiter("stack_create_complete").wait(StackName="link", WaiterConfig={"MaxAttempts": 1})
    stack = cfn.describe_stacks(StackName="link")["Stacks"][0]
    assert (stack["StackId"], stack["StackStatus"]) == (id, "CREATE_COMPLETE")
    shown = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    assert shown["subnetids"] == parameters["subnetids"]
    resources = cfn.describe_stack_resources(StackName="link")["StackResources"]
    endpoints = me.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert sorted(one["PhysicalResourceId"] for one in resources) == [one["VpcEndpointId"] for one in endpoints]
    assert {one["State"] for one in endpoints} == {"available"}
    assert all(len(one["NetworkInterfaceIds"]) == 2 and len(one["DnsEntries"]) == 4 for one in endpoints)
    events = cfn.describe_stack_events(StackName=id)["StackEvents"]
    assert (events[0]["ResourceStatus"], events[-1]["ResourceStatusReason"]) == ("CREATE_COMPLETE", "User Initiated")
    assert len(cfn.list_stack_resources(StackName="link")["StackResourceSummaries"]) == 2
    logical = resources[0]["LogicalResourceId"]
    detail = cfn.describe_stack_resource(StackName="link", LogicalResourceId=logical)["StackResourceDetail"]
    assert detail["ResourceType"] == "AWS::EC2::VPCEndpoint"
    by_id = cfn.describe_stack_resources(PhysicalResourceId=detail["PhysicalResourceId"])
    assert len(by_id["StackResources"]) == 2
    with refused("AlreadyExistsException"):
        cfn.create_stack(StackName="link", TemplateBody=TEMPLATE, Parameters=listed(parameters))
    more = {**parameters, "subnetids": parameters["subnetids"] + "," + subnet(me, "d")}
    cfn.update_stack(StackName="link", UsePreviousTemplate=True, Parameters=listed(more))
    cfn.get_waiter("stack_update_complete").wait(StackName="link", WaiterConfig={"MaxAttempts": 1})
    after = me.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert [one["VpcEndpointId"] for one in after] == [one["VpcEndpointId"] for one in endpoints]
    assert all(len(one["NetworkInterfaceIds"]) == 3 for one in after)
    with refused("ValidationError") as error:
        cfn.update_stack(StackName="link", UsePreviousTemplate=True, Parameters=listed(more))
    assert "No updates are to be performed" in error.message
    cfn.update_termination_protection(StackName="link", EnableTerminationProtection=True)
    with refused("ValidationError"):
        cfn.delete_stack(StackName="link")
    cfn.update_termination_protection(StackName="link", EnableTerminationProtection=False)
    cfn.delete_stack(StackName="link")
    cfn.get_waiter("stack_delete_complete").wait(StackName="link", WaiterConfig={"MaxAttempts": 1})
    assert me.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    with refused("ValidationError") as error:
        cfn.describe_stacks(StackName="link")
    assert error.message == "Stack with id link does not exist"
    gone = cfn.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert [one["StackId"] for one in gone] == [id]


def test_change_sets_templates_and_exports(me, refused):
    cfn = me.cloudformation
    made = cfn.create_change_set(StackName="net", ChangeSetName="one", ChangeSetType="CREATE", TemplateBody=NETWORK)
    assert f":{me.id}:changeSet/one/" in made["Id"]
    shown = cfn.describe_change_set(ChangeSetName=made["Id"])
    assert (shown["Status"], shown["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    changes = [one["ResourceChange"] for one in shown["Changes"]]
    assert sorted((one["Action"], one["LogicalResourceId"]) for one in changes) == [("Add", "Group"), ("Add", "Vpc")]
    assert len(cfn.list_change_sets(StackName="net")["Summaries"]) == 1
    cfn.execute_change_set(ChangeSetName="one", StackName="net", DisableRollback=False)
    cfn.get_waiter("stack_create_complete").wait(StackName="net", WaiterConfig={"MaxAttempts": 1})
    exports = cfn.list_exports()["Exports"]
    assert [one["Name"] for one in exports] == ["the-vpc"]
    assert [one["OutputValue"] for one in cfn.describe_stacks()["Stacks"][0]["Outputs"]] == [exports[0]["Value"]]
    assert cfn.get_template(StackName="net")["TemplateBody"]["Description"] == "a network"
    summary = cfn.get_template_summary(StackName="net")
    assert summary["ResourceTypes"] == ["AWS::EC2::SecurityGroup", "AWS::EC2::VPC"]
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["10.5.0.0/16"]}
    assert cfn.validate_template(TemplateBody=NETWORK)["Parameters"][0]["DefaultValue"] == "10.5.0.0/16"
    importing = {
        "Resources": {
            "G": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "d", "VpcId": {"Fn::ImportValue": "the-vpc"}},
            }
        }
    }
    cfn.create_stack(StackName="user", TemplateBody=json.dumps(importing))
    assert cfn.list_imports(ExportName="the-vpc")["Imports"] == ["user"]
    cfn.create_change_set(StackName="net", ChangeSetName="two", TemplateBody=NETWORK)
    shown = cfn.describe_change_set(StackName="net", ChangeSetName="two")
    assert shown["Status"] == "FAILED" and "didn't contain changes" in shown["StatusReason"]
    cfn.delete_change_set(StackName="net", ChangeSetName="two")
    with refused("ChangeSetNotFound", 404):
        cfn.describe_change_set(StackName="net", ChangeSetName="two")
    with refused("ValidationError"):
        cfn.validate_template(TemplateBody="{")
    with refused("ValidationError") as error:
        cfn.create_stack(StackName="x", TemplateURL="https://example.com/t.yaml")
    assert "TemplateBody" in error.message


def groups(count):
    one = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "d"}}
    return json.dumps({"Resources": {f"Group{number:03}": one for number in range(count)}})


def test_long_lists_come_in_pages(me, refused):
    cfn = me.cloudformation
    cfn.create_stack(StackName="wide", TemplateBody=groups(130))
    first = cfn.list_stack_resources(StackName="wide")
    assert len(first["StackResourceSummaries"]) == 100
    rest = cfn.list_stack_resources(StackName="wide", NextToken=first["NextToken"])
    assert len(rest["StackResourceSummaries"]) == 30 and "NextToken" not in rest
    pages = cfn.get_paginator("list_stack_resources").paginate(StackName="wide").build_full_result()
    names = [one["LogicalResourceId"] for one in pages["StackResourceSummaries"]]
    assert names == [f"Group{number:03}" for number in range(130)]
    # AWS has no pages for this one, and cuts it off.
    assert len(cfn.describe_stack_resources(StackName="wide")["StackResources"]) == 100
    events = list(cfn.get_paginator("describe_stack_events").paginate(StackName="wide"))
    assert [len(page["StackEvents"]) for page in events] == [100, 100, 100, 92]
    ids = [event["EventId"] for page in events for event in page["StackEvents"]]
    assert len(set(ids)) == len(ids)
    # A token says where its page ended, whatever happened since.
    token = cfn.describe_stack_events(StackName="wide")["NextToken"]
    cfn.delete_stack(StackName="wide")
    id = cfn.list_stacks()["StackSummaries"][0]["StackId"]
    again = cfn.describe_stack_events(StackName=id, NextToken=token)["StackEvents"]
    assert [event["EventId"] for event in again] == ids[100:200]
    for call in (cfn.describe_stacks, cfn.list_stacks, cfn.list_exports):
        with refused("ValidationError") as error:
            call(NextToken="nonsense")
        assert "NextToken" in error.message


NOWHERE = {
    "Type": "AWS::EC2::Subnet",
    "DependsOn": "Group",
    "Properties": {"VpcId": "vpc-00000000000000000", "CidrBlock": "10.0.0.0/24"},
}


def grouped(port, **more):
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "10.0.0.0/8"}
    group = {"GroupDescription": "d", "SecurityGroupIngress": [rule]}
    return json.dumps({"Resources": {"Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group}, **more}})


def status(cfn, stack):
    return cfn.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]


def port(me, cfn):
    resource = cfn.describe_stack_resource(StackName="s", LogicalResourceId="Group")["StackResourceDetail"]
    groups = me.ec2.describe_security_groups(GroupIds=[resource["PhysicalResourceId"]])["SecurityGroups"]
    return groups[0]["IpPermissions"][0]["FromPort"]


def test_a_failure_that_was_left_is_rolled_back_on_demand(me, refused):
    cfn = me.cloudformation
    cfn.create_stack(StackName="new", TemplateBody=grouped(80, Nowhere=NOWHERE), DisableRollback=True)
    assert status(cfn, "new") == "CREATE_FAILED"
    rolled = cfn.rollback_stack(StackName="new", ClientRequestToken="t")
    assert rolled["StackId"].split("/")[1] == "new" and status(cfn, "new") == "ROLLBACK_COMPLETE"
    assert cfn.rollback_stack(StackName="new", ClientRequestToken="t") == {**rolled, "ResponseMetadata": ANY}

    cfn.create_stack(StackName="s", TemplateBody=grouped(80))
    cfn.update_stack(StackName="s", TemplateBody=grouped(81, Nowhere=NOWHERE), DisableRollback=True)
    assert (status(cfn, "s"), port(me, cfn)) == ("UPDATE_FAILED", 81)
    cfn.rollback_stack(StackName="s")
    assert (status(cfn, "s"), port(me, cfn)) == ("UPDATE_ROLLBACK_COMPLETE", 80)
    with refused("ValidationError") as error:
        cfn.rollback_stack(StackName="s")
    assert "UPDATE_ROLLBACK_COMPLETE" in error.message
    with refused("ValidationError") as error:
        cfn.cancel_update_stack(StackName="s")
    assert error.message == "CancelUpdateStack cannot be called from current stack status"
    with refused("ValidationError"):
        cfn.cancel_update_stack(StackName="nobody")


def test_a_rollback_that_failed_goes_on(me, refused):
    cfn = me.cloudformation
    cfn.create_stack(StackName="s", TemplateBody=grouped(80))
    with refused("ValidationError"):
        cfn.continue_update_rollback(StackName="s")
    cfn.update_stack(StackName="s", TemplateBody=grouped(81, Nowhere=NOWHERE), DisableRollback=True)
    group = cfn.describe_stack_resource(StackName="s", LogicalResourceId="Group")["StackResourceDetail"]
    me.ec2.delete_security_group(GroupId=group["PhysicalResourceId"])
    cfn.rollback_stack(StackName="s")
    assert status(cfn, "s") == "UPDATE_ROLLBACK_FAILED"
    cfn.continue_update_rollback(StackName="s")
    assert status(cfn, "s") == "UPDATE_ROLLBACK_FAILED"
    with refused("ValidationError") as error:
        cfn.continue_update_rollback(StackName="s", ResourcesToSkip=["Nobody"])
    assert "Nobody" in error.message
    cfn.continue_update_rollback(StackName="s", ResourcesToSkip=["Group"])
    cfn.get_waiter("stack_rollback_complete").wait(StackName="s", WaiterConfig={"MaxAttempts": 1})
    assert status(cfn, "s") == "UPDATE_ROLLBACK_COMPLETE"
    begun = [e for e in cfn.describe_stack_events(StackName="s")["StackEvents"] if e["ResourceStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS"]
    assert len(begun) == 3


@pytest.mark.usefixtures("version")
def test_the_command_lines_own_sequences(server, parameters):
    file = str(ROOT / "deploy/consumer.yaml")
    overrides = [f"{key}={value}" for key, value in parameters.items()]
    words = ["cloudformation", "deploy", "--stack-name", "d", "--template-file", file]

    def deploy(*more):
        return aws(server, *words, *more, text=True)

    assert "Successfully created/updated stack" in deploy("--parameter-overrides", *overrides)
    assert "No changes to deploy" in deploy("--no-fail-on-empty-changeset")
    one = parameters["subnetids"].split(",")[0]
    assert "Successfully" in deploy("--parameter-overrides", f"subnetids={one}")
    endpoints = aws(server, "ec2", "describe-vpc-endpoints")["VpcEndpoints"]
    assert [len(endpoint["SubnetIds"]) for endpoint in endpoints] == [1, 1]
    aws(server, "cloudformation", "delete-stack", "--stack-name", "d")
    aws(server, "cloudformation", "wait", "stack-delete-complete", "--stack-name", "d")
    typed = [f"ParameterKey={key},ParameterValue={value}".replace(",subnet-", "\\,subnet-") for key, value in parameters.items()]
    aws(
        server, "cloudformation", "create-stack", "--stack-name", "c", "--template-body", f"file://{file}",
        "--parameters", *typed,
    )
    aws(server, "cloudformation", "wait", "stack-create-complete", "--stack-name", "c")
