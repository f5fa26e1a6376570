"""VPCs, subnets, gateways, routes, tags: EC2 as boto3 sees it."""


def default_vpc(ec2):
    return ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]


def test_a_new_account_has_what_aws_gives_one(me):
    vpcs = me.ec2.describe_vpcs()["Vpcs"]
    assert [(vpc["CidrBlock"], vpc["IsDefault"], vpc["State"]) for vpc in vpcs] == [
        ("172.31.0.0/16", True, "available")
    ]
    vpc = vpcs[0]["VpcId"]
    for attribute, name in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        assert me.ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)[name] == {"Value": True}
    subnets = me.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert sorted((s["AvailabilityZone"], s["AvailabilityZoneId"], s["DefaultForAz"]) for s in subnets) == [
        ("ap-northeast-1a", "apne1-az4", True),
        ("ap-northeast-1c", "apne1-az1", True),
        ("ap-northeast-1d", "apne1-az2", True),
    ]
    assert subnets[0]["AvailableIpAddressCount"] == 4096 - 5
    zones = me.ec2.describe_availability_zones()["AvailabilityZones"]
    assert [zone["ZoneName"][-1] for zone in zones] == ["a", "c", "d"]
    assert [region["RegionName"] for region in me.ec2.describe_regions()["Regions"]] == ["ap-northeast-1"]
    attributes = me.ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    assert attributes[0]["AttributeValues"] == [{"AttributeValue": vpc}]
    tables = me.ec2.describe_route_tables()["RouteTables"]
    assert [(r["DestinationCidrBlock"], r["State"]) for r in tables[0]["Routes"]] == [
        ("172.31.0.0/16", "active"),
        ("0.0.0.0/0", "active"),
    ]
    assert tables[0]["Associations"][0]["Main"] is True


def test_a_vpc_lives_and_dies(me, provider, refused):
    ec2 = me.ec2
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "a & <b>"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=tags)["Vpc"]
    assert vpc["Tags"] == [{"Key": "Name", "Value": "a & <b>"}]
    id = vpc["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[id])
    hostnames = ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsHostnames")["EnableDnsHostnames"]
    assert hostnames == {"Value": False}
    ec2.modify_vpc_attribute(VpcId=id, EnableDnsHostnames={"Value": True})
    hostnames = ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsHostnames")["EnableDnsHostnames"]
    assert hostnames == {"Value": True}
    with refused("InvalidParameterCombination"):
        ec2.modify_vpc_attribute(VpcId=id, EnableDnsSupport={"Value": True}, EnableDnsHostnames={"Value": True})
    with refused("InvalidVpcID.NotFound"):
        provider.ec2.describe_vpcs(VpcIds=[id])
    with refused("InvalidVpcID.NotFound"):
        provider.ec2.delete_vpc(VpcId=id)
    with refused("InvalidVpcID.Malformed"):
        ec2.describe_vpcs(VpcIds=["subnet-1"])
    ec2.delete_vpc(VpcId=id)
    with refused("InvalidVpcID.NotFound") as error:
        ec2.describe_vpcs(VpcIds=[id])
    assert error.message == f"The vpc ID '{id}' does not exist"


def test_subnets(me, refused):
    ec2 = me.ec2
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", AvailabilityZoneId="apne1-az1")["Subnet"]
    assert subnet["AvailabilityZone"] == "ap-northeast-1c"
    assert subnet["AvailableIpAddressCount"] == 251
    id = subnet["SubnetId"]
    ec2.get_waiter("subnet_available").wait(SubnetIds=[id])
    ec2.modify_subnet_attribute(SubnetId=id, MapPublicIpOnLaunch={"Value": True})
    assert ec2.describe_subnets(SubnetIds=[id])["Subnets"][0]["MapPublicIpOnLaunch"] is True
    with refused("InvalidSubnet.Conflict"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.128/25")
    with refused("InvalidParameterValue"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="nonsense")
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    ec2.delete_subnet(SubnetId=id)
    with refused("InvalidSubnetID.NotFound"):
        ec2.describe_subnets(SubnetIds=[id])


def test_gateways_and_routes(me, refused):
    ec2 = me.ec2
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    shown = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])
    assert shown["InternetGateways"][0]["Attachments"] == [{"State": "available", "VpcId": vpc}]
    table = ec2.create_route_table(VpcId=vpc, ClientToken="once")["RouteTable"]["RouteTableId"]
    assert ec2.create_route_table(VpcId=vpc, ClientToken="once")["RouteTable"]["RouteTableId"] == table
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    with refused("RouteAlreadyExists"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"] == association
    main = ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"][0]["RouteTableId"]
    replaced = ec2.replace_route_table_association(AssociationId=association, RouteTableId=main)
    ec2.disassociate_route_table(AssociationId=replaced["NewAssociationId"])
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [(route["GatewayId"], route["State"]) for route in routes] == [("local", "active"), (gateway, "blackhole")]
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    with refused("InvalidRoute.NotFound"):
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    with refused("UnsupportedOperation"):
        ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", NatGatewayId="nat-1")


def test_tags(me, refused):
    ec2 = me.ec2
    vpc = default_vpc(ec2)
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "cache"}, {"Key": "tier", "Value": ""}])
    rows = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"]
    assert [(row["ResourceType"], row["Key"], row["Value"]) for row in rows] == [
        ("vpc", "team", "cache"),
        ("vpc", "tier", ""),
    ]
    for filter in ({"Name": "tag:team", "Values": ["ca*"]}, {"Name": "tag-key", "Values": ["t?am"]}):
        assert [found["VpcId"] for found in ec2.describe_vpcs(Filters=[filter])["Vpcs"]] == [vpc]
    assert ec2.describe_vpcs(Filters=[{"Name": "tag:team", "Values": ["CACHE"]}])["Vpcs"] == []
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "other"}, {"Key": "tier"}])
    assert ec2.describe_vpcs()["Vpcs"][0]["Tags"] == [{"Key": "team", "Value": "cache"}]
    ec2.delete_tags(Resources=[vpc])
    assert ec2.describe_tags()["Tags"] == []
    with refused("InvalidParameterValue"):
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "aws:mine", "Value": "x"}])
    with refused("InvalidParameterValue"):
        ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "subnet", "Tags": []}])


def test_pages_filters_and_dry_runs(me, refused):
    ec2 = me.ec2
    vpc = default_vpc(ec2)
    for number in range(6):
        ec2.create_security_group(GroupName=f"g{number}", Description="d", VpcId=vpc)
    first = ec2.describe_security_groups(MaxResults=5)
    assert len(first["SecurityGroups"]) == 5
    second = ec2.describe_security_groups(MaxResults=5, NextToken=first["NextToken"])
    names = [group["GroupName"] for page in (first, second) for group in page["SecurityGroups"]]
    assert sorted(names) == ["default", "g0", "g1", "g2", "g3", "g4", "g5"]
    assert "NextToken" not in second
    pages = ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5})
    assert sum(len(page["SecurityGroups"]) for page in pages) == 7
    with refused("InvalidParameterValue"):
        ec2.describe_security_groups(MaxResults=1001)
    with refused("InvalidNextToken"):
        ec2.describe_security_groups(NextToken="made-up")
    with refused("InvalidParameterValue") as error:
        ec2.describe_vpcs(Filters=[{"Name": "colour", "Values": ["red"]}])
    assert error.message == "The filter 'colour' is invalid"
    with refused("DryRunOperation", 412):
        ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)
    with refused("DryRunOperation", 412):
        ec2.describe_vpcs(DryRun=True)
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1


def test_what_is_not_built_is_named(me, refused):
    with refused("InvalidAction") as error:
        me.ec2.create_nat_gateway(SubnetId="subnet-1")
    assert error.message == "The action CreateNatGateway is not valid for this web service."
    with refused("UnknownParameter") as error:
        me.ec2.create_vpc(CidrBlock="10.0.0.0/16", Ipv4IpamPoolId="pool")
    assert "Ipv4IpamPoolId" in error.message
    assert len(me.ec2.describe_vpcs()["Vpcs"]) == 1
