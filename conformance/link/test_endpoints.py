"""Endpoint services and interface endpoints: provider and consumer, and every refusal that is known of AWS."""

import pytest

from test_elbv2 import balancer
from test_ec2_network import default_vpc


@pytest.fixture
def service(provider):
    """A service as a provider publishes one: nobody may use it yet."""
    return publish(provider, "cache")


def publish(provider, name, **more):
    arn = balancer(provider, name)["LoadBalancerArn"]
    made = provider.ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn], **more)
    return made["ServiceConfiguration"]


def allow(provider, service, principal):
    return provider.ec2.modify_vpc_endpoint_service_permissions(
        ServiceId=service["ServiceId"], AddAllowedPrincipals=[principal]
    )


def connect(me, service, **more):
    more.setdefault("SubnetIds", [subnet(me, "a")])
    return me.ec2.create_vpc_endpoint(
        VpcEndpointType="Interface", VpcId=default_vpc(me.ec2), ServiceName=service["ServiceName"], **more
    )["VpcEndpoint"]


def subnet(me, zone):
    filters = {"availability-zone": f"*{zone}", "default-for-az": "true"}
    filters = [{"Name": name, "Values": [value]} for name, value in filters.items()]
    found = me.ec2.describe_subnets(Filters=filters)
    return found["Subnets"][0]["SubnetId"]


def test_the_articles_walk(me, provider, refused):
    name = "cache.cell.example.com"
    service = publish(provider, "cache", PrivateDnsName=name)
    assert service["AcceptanceRequired"] is True
    assert service["ServiceName"] == f"com.amazonaws.vpce.ap-northeast-1.{service['ServiceId']}"
    assert service["PrivateDnsNameConfiguration"]["State"] == "pendingVerification"
    assert service["PrivateDnsNameConfiguration"]["Name"].startswith("_")
    provider.ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=service["ServiceId"])
    mine = provider.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"][0]
    assert mine["PrivateDnsNameConfiguration"]["State"] == "verified"
    with refused("InvalidServiceName") as error:
        connect(me, service)
    assert error.message == f"The Vpc Endpoint Service '{service['ServiceName']}' does not exist"
    with refused("InvalidServiceName"):
        me.ec2.describe_vpc_endpoint_services(ServiceNames=[service["ServiceName"]])
    added = allow(provider, service, f"arn:aws:iam::{me.id}:root")["AddedPrincipals"]
    assert added[0]["PrincipalType"] == "Account"
    allowed = provider.ec2.describe_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"])
    assert [one["Principal"] for one in allowed["AllowedPrincipals"]] == [f"arn:aws:iam::{me.id}:root"]
    seen = me.ec2.describe_vpc_endpoint_services(ServiceNames=[service["ServiceName"]])["ServiceDetails"][0]
    assert (seen["PrivateDnsName"], seen["Owner"], seen["VpcEndpointPolicySupported"]) == (name, provider.id, False)

    group = me.ec2.create_security_group(GroupName="endpoint", Description="d")["GroupId"]
    subnets = [subnet(me, "a"), subnet(me, "c")]
    endpoint = connect(me, service, SubnetIds=subnets, SecurityGroupIds=[group])
    id = endpoint["VpcEndpointId"]
    assert endpoint["State"] == "pendingAcceptance" and endpoint["DnsEntries"] == []
    waiting = provider.ec2.describe_vpc_endpoint_connections(
        Filters=[{"Name": "vpc-endpoint-state", "Values": ["pendingAcceptance"]}]
    )["VpcEndpointConnections"]
    assert [(one["VpcEndpointId"], one["VpcEndpointOwner"]) for one in waiting] == [(id, me.id)]
    answer = provider.ec2.accept_vpc_endpoint_connections(
        ServiceId=service["ServiceId"], VpcEndpointIds=[id, "vpce-0123456789abcdef0"]
    )
    assert [one["ResourceId"] for one in answer["Unsuccessful"]] == ["vpce-0123456789abcdef0"]
    me.ec2.modify_vpc_endpoint(VpcEndpointId=id, PrivateDnsEnabled=True)
    endpoint = me.ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"][0]
    assert endpoint["State"] == "available" and endpoint["PrivateDnsEnabled"] is True
    names = [entry["DnsName"] for entry in endpoint["DnsEntries"]]
    base = f"{service['ServiceId']}.ap-northeast-1.vpce.amazonaws.com"
    assert names[0].startswith(f"{id}-") and names[0].endswith(f".{base}")
    assert "-ap-northeast-1a." in names[1] and "-ap-northeast-1c." in names[2] and names[3] == name
    assert endpoint["Groups"] == [{"GroupId": group, "GroupName": "endpoint"}]

    interfaces = me.ec2.describe_network_interfaces(
        Filters=[{"Name": "interface-type", "Values": ["vpc_endpoint"]}]
    )["NetworkInterfaces"]
    assert sorted(one["SubnetId"] for one in interfaces) == sorted(subnets)
    for one in interfaces:
        assert one["RequesterManaged"] is True and one["Status"] == "in-use"
        assert one["Description"] == f"VPC Endpoint Interface {id}"

    me.ec2.modify_vpc_endpoint(VpcEndpointId=id, AddSubnetIds=[subnet(me, "d")], RemoveSubnetIds=[subnets[0]])
    endpoint = me.ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"][0]
    assert sorted(endpoint["SubnetIds"]) == sorted([subnets[1], subnet(me, "d")])

    def delete():
        return provider.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[service["ServiceId"]])

    assert delete()["Unsuccessful"][0]["Error"]["Code"] == "ExistingVpcEndpointConnections"
    provider.ec2.reject_vpc_endpoint_connections(ServiceId=service["ServiceId"], VpcEndpointIds=[id])
    assert me.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "rejected"
    assert delete()["Unsuccessful"] == []
    assert me.ec2.delete_vpc_endpoints(VpcEndpointIds=[id])["Unsuccessful"] == []
    assert me.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert me.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    gone = me.ec2.delete_vpc_endpoints(VpcEndpointIds=[id])["Unsuccessful"][0]["Error"]
    assert gone["Code"] == "InvalidVpcEndpointId.NotFound"


def test_what_an_endpoint_cannot_be(me, provider, service, refused):
    allow(provider, service, "*")
    vpc = default_vpc(me.ec2)
    extra = me.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    twins = [
        me.ec2.create_subnet(VpcId=extra, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone="ap-northeast-1a")
        for n in range(2)
    ]
    twins = [twin["Subnet"]["SubnetId"] for twin in twins]
    with refused("DuplicateSubnetsInSameZone"):
        me.ec2.create_vpc_endpoint(
            VpcEndpointType="Interface", VpcId=extra, ServiceName=service["ServiceName"], SubnetIds=twins
        )
    with refused("InvalidSubnetId.Malformed"):
        connect(me, service, SubnetIds=["nonsense"])
    with refused("InvalidParameter") as error:
        connect(me, service, PrivateDnsEnabled=True)
    assert "Private DNS can't be enabled" in error.message
    with refused("UnsupportedOperation"):
        me.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service["ServiceName"])
    with refused("InvalidVpcEndpointId.NotFound"):
        me.ec2.describe_vpc_endpoints(VpcEndpointIds=["vpce-0123456789abcdef0"])
    with refused("InvalidVpcEndpointServiceId.NotFound"):
        me.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service["ServiceId"]])
    assert connect(me, service, ClientToken="t")["VpcEndpointId"] == connect(me, service, ClientToken="t")["VpcEndpointId"]


def test_a_service_changes(provider, service):
    ec2, id = provider.ec2, service["ServiceId"]
    ec2.modify_vpc_endpoint_service_configuration(
        ServiceId=id, AcceptanceRequired=False, PrivateDnsName="a.example.com"
    )
    shown = ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[id])["ServiceConfigurations"][0]
    assert shown["AcceptanceRequired"] is False and shown["PrivateDnsName"] == "a.example.com"
    ec2.modify_vpc_endpoint_service_configuration(ServiceId=id, RemovePrivateDnsName=True)
    shown = ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[id])["ServiceConfigurations"][0]
    assert "PrivateDnsName" not in shown
    assert shown["AvailabilityZones"] == ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
