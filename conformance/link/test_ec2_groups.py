"""Security groups and their rules."""

from test_ec2_network import default_vpc

ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


def test_a_groups_rules(me, refused):
    ec2 = me.ec2
    vpc = default_vpc(ec2)
    made = ec2.create_security_group(GroupName="web", Description="d", VpcId=vpc)
    group = made["GroupId"]
    shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert shown["IpPermissions"] == []
    assert [(p["IpProtocol"], p["IpRanges"]) for p in shown["IpPermissionsEgress"]] == [("-1", ANYWHERE)]
    permissions = [
        {
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}],
            "UserIdGroupPairs": [{"GroupId": group}],
        },
        {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": ANYWHERE},
    ]
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "k", "Value": "v"}]}]
    rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions, TagSpecifications=tags)
    rules = rules["SecurityGroupRules"]
    assert [rule.get("CidrIpv4") or rule["ReferencedGroupInfo"]["GroupId"] for rule in rules] == [
        "10.0.0.0/8", group, "0.0.0.0/0"
    ]
    assert rules[0]["Tags"] == [{"Key": "k", "Value": "v"}] and rules[0]["Description"] == "inside"
    shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert shown[0]["FromPort"] == 443 and shown[0]["UserIdGroupPairs"] == [{"UserId": me.id, "GroupId": group}]
    with refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions[:1])
    filters = [{"Name": "group-id", "Values": [group]}]
    listed = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    assert len(listed) == 4 and sum(rule["IsEgress"] for rule in listed) == 1
    # What describe shows can be revoked as it is.
    revoked = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=shown)
    assert len(revoked["RevokedSecurityGroupRules"]) == 3
    with refused("InvalidPermission.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permissions[:1])
    ec2.delete_security_group(GroupId=group)
    with refused("InvalidGroup.NotFound"):
        ec2.describe_security_groups(GroupIds=[group])


def test_egress_is_locked_down_to_a_group(me, refused):
    ec2 = me.ec2
    vpc = default_vpc(ec2)
    host = ec2.create_security_group(GroupName="host", Description="d", VpcId=vpc)["GroupId"]
    endpoint = ec2.create_security_group(GroupName="endpoint", Description="d", VpcId=vpc)["GroupId"]
    all = ec2.describe_security_groups(GroupIds=[host])["SecurityGroups"][0]["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=host, IpPermissions=all)
    to = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": endpoint}]}]
    rule = ec2.authorize_security_group_egress(GroupId=host, IpPermissions=to)["SecurityGroupRules"][0]
    assert rule["ReferencedGroupInfo"] == {"GroupId": endpoint, "UserId": me.id}
    id = rule["SecurityGroupRuleId"]
    new = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "CidrIpv4": "10.0.0.0/8", "Description": "x"}
    ec2.modify_security_group_rules(
        GroupId=host, SecurityGroupRules=[{"SecurityGroupRuleId": id, "SecurityGroupRule": new}]
    )
    shown = ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"][0]
    assert {key: shown[key] for key in new} == new
    ec2.update_security_group_rule_descriptions_egress(
        GroupId=host, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": id, "Description": "y"}]
    )
    shown = ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"][0]
    assert shown["Description"] == "y"
    ec2.revoke_security_group_egress(GroupId=host, SecurityGroupRuleIds=[id])
    ec2.authorize_security_group_ingress(
        GroupId=endpoint, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.0.0.0/8"
    )
    described = [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
         "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "z"}]}
    ]
    ec2.update_security_group_rule_descriptions_ingress(GroupId=endpoint, IpPermissions=described)
    ranges = ec2.describe_security_groups(GroupIds=[endpoint])["SecurityGroups"][0]["IpPermissions"][0]["IpRanges"]
    assert ranges == [{"CidrIp": "10.0.0.0/8", "Description": "z"}]


def test_what_a_rule_cannot_be(me, refused):
    ec2 = me.ec2
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]

    def authorize(**permission):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])

    with refused("InvalidParameterValue"):
        authorize(IpProtocol="tcp", FromPort=1, IpRanges=ANYWHERE)
    with refused("InvalidParameterValue"):
        authorize(IpProtocol="tcp", FromPort=1, ToPort=65536, IpRanges=ANYWHERE)
    with refused("InvalidParameterValue"):
        authorize(IpProtocol="martian", IpRanges=ANYWHERE)
    with refused("UnsupportedOperation"):
        authorize(IpProtocol="tcp", FromPort=1, ToPort=1, Ipv6Ranges=[{"CidrIpv6": "::/0"}])
    with refused("MissingParameter"):
        authorize(IpProtocol="tcp", FromPort=1, ToPort=1)
    with refused("InvalidGroup.NotFound"):
        authorize(IpProtocol="-1", UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0"}])
    with refused("InvalidGroup.Duplicate"):
        ec2.create_security_group(GroupName="g", Description="d")
    assert ec2.describe_security_groups(GroupNames=["g"])["SecurityGroups"][0]["GroupId"] == group
