"""Load balancers, target groups, listeners, targets."""

from test_ec2_network import default_vpc


def balancer(account, name, **more):
    subnets = [subnet["SubnetId"] for subnet in account.ec2.describe_subnets()["Subnets"]]
    more.setdefault("Scheme", "internal")
    made = account.elbv2.create_load_balancer(Name=name, Type="network", Subnets=subnets, **more)
    return made["LoadBalancers"][0]


def test_a_balancer_lives_and_dies(me, refused):
    elb, vpc = me.elbv2, default_vpc(me.ec2)
    lb = balancer(me, "cache", Scheme="internet-facing", Tags=[{"Key": "k", "Value": "v"}])
    arn = lb["LoadBalancerArn"]
    assert arn.startswith(f"arn:aws:elasticloadbalancing:ap-northeast-1:{me.id}:loadbalancer/net/cache/")
    assert (lb["Type"], lb["State"]["Code"], len(lb["AvailabilityZones"])) == ("network", "active", 3)
    assert lb["AvailabilityZones"][0]["LoadBalancerAddresses"][0]["IpAddress"].startswith("203.0.113.")
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn])
    with refused("DuplicateLoadBalancerName"):
        balancer(me, "cache")
    group = elb.create_target_group(
        Name="hosts", Protocol="TCP", Port=443, VpcId=vpc, TargetType="ip", HealthCheckPort="8080"
    )["TargetGroups"][0]
    assert (group["HealthCheckPort"], group["HealthCheckIntervalSeconds"]) == ("8080", 30)
    tg = group["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=tg, HealthCheckIntervalSeconds=10)
    assert elb.describe_target_groups(Names=["hosts"])["TargetGroups"][0]["HealthCheckIntervalSeconds"] == 10
    actions = [{"Type": "forward", "TargetGroupArn": tg}]
    listener = elb.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=443, DefaultActions=actions)
    listener = listener["Listeners"][0]
    with refused("DuplicateListener"):
        elb.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=443, DefaultActions=actions)
    # What describe shows can be sent back.
    elb.modify_listener(
        ListenerArn=listener["ListenerArn"], Port=8443, DefaultActions=listener["DefaultActions"]
    )
    assert elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["Port"] == 8443
    assert elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"][0]["LoadBalancerArns"] == [arn]
    elb.register_targets(TargetGroupArn=tg, Targets=[{"Id": "172.31.0.50"}, {"Id": "172.31.0.51", "Port": 80}])
    health = elb.describe_target_health(TargetGroupArn=tg)["TargetHealthDescriptions"]
    assert [(one["Target"], one["TargetHealth"]["State"]) for one in health] == [
        ({"Id": "172.31.0.50", "Port": 443}, "healthy"),
        ({"Id": "172.31.0.51", "Port": 80}, "healthy"),
    ]
    with refused("InvalidTarget"):
        elb.register_targets(TargetGroupArn=tg, Targets=[{"Id": "10.9.9.9"}])
    elb.deregister_targets(TargetGroupArn=tg, Targets=[{"Id": "172.31.0.51"}])
    assert len(elb.describe_target_health(TargetGroupArn=tg)["TargetHealthDescriptions"]) == 1
    with refused("ResourceInUse"):
        elb.delete_target_group(TargetGroupArn=tg)
    elb.delete_listener(ListenerArn=listener["ListenerArn"])
    elb.delete_target_group(TargetGroupArn=tg)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn])
    assert me.ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_attributes_and_tags(me, refused):
    elb, vpc = me.elbv2, default_vpc(me.ec2)
    group = me.ec2.create_security_group(GroupName="nlb", Description="d")["GroupId"]
    lb = balancer(me, "a", SecurityGroups=[group])["LoadBalancerArn"]
    tg = elb.create_target_group(Name="t", Protocol="TCP", Port=1, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    listener = elb.create_listener(
        LoadBalancerArn=lb, Protocol="TCP", Port=1, DefaultActions=[{"Type": "forward", "TargetGroupArn": tg}]
    )["Listeners"][0]["ListenerArn"]

    def pairs(answer):
        return {one["Key"]: one["Value"] for one in answer["Attributes"]}

    cross = {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}
    assert pairs(elb.modify_load_balancer_attributes(LoadBalancerArn=lb, Attributes=[cross]))[cross["Key"]] == "true"
    assert pairs(elb.describe_load_balancer_attributes(LoadBalancerArn=lb))["deletion_protection.enabled"] == "false"
    proxy = {"Key": "proxy_protocol_v2.enabled", "Value": "true"}
    elb.modify_target_group_attributes(TargetGroupArn=tg, Attributes=[proxy])
    assert pairs(elb.describe_target_group_attributes(TargetGroupArn=tg)) == {proxy["Key"]: "true"}
    idle = {"Key": "tcp.idle_timeout.seconds", "Value": "60"}
    elb.modify_listener_attributes(ListenerArn=listener, Attributes=[idle])
    assert pairs(elb.describe_listener_attributes(ListenerArn=listener)) == {idle["Key"]: "60"}
    with refused("ValidationError"):
        elb.modify_listener_attributes(ListenerArn=listener, Attributes=[{**idle, "Value": "59"}])
    with refused("InvalidConfigurationRequest"):
        elb.modify_target_group_attributes(TargetGroupArn=tg, Attributes=[{"Key": "stickiness.enabled", "Value": "true"}])
    elb.add_tags(ResourceArns=[lb, tg, listener], Tags=[{"Key": "k", "Value": "v"}])
    elb.remove_tags(ResourceArns=[tg], TagKeys=["k"])
    shown = elb.describe_tags(ResourceArns=[lb, tg, listener])["TagDescriptions"]
    assert [len(one["Tags"]) for one in shown] == [1, 0, 1]
    default = me.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    assert elb.set_security_groups(LoadBalancerArn=lb, SecurityGroups=[default])["SecurityGroupIds"] == [default]


def test_groups_are_asked_about_private_link_unless_told_not_to(me, refused):
    elb, enforce = me.elbv2, "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
    group = me.ec2.create_security_group(GroupName="nlb", Description="d")["GroupId"]
    made = balancer(me, "with", SecurityGroups=[group])
    arn = made["LoadBalancerArn"]
    shown = lambda arn: elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    assert (made["SecurityGroups"], made[enforce], shown(arn)[enforce]) == ([group], "on", "on")
    set_groups = lambda arn, **more: elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group], **more)
    assert set_groups(arn, **{enforce: "off"}) | {"ResponseMetadata": None} == {
        "SecurityGroupIds": [group], enforce: "off", "ResponseMetadata": None,
    }
    assert shown(arn)[enforce] == "off"
    # What is not said stays.
    assert set_groups(arn)[enforce] == "off"
    with refused("ValidationError") as error:
        set_groups(arn, **{enforce: "maybe"})
    assert "'maybe'" in error.message and shown(arn)[enforce] == "off"
    assert set_groups(arn, **{enforce: "on"})[enforce] == "on"
    without = balancer(me, "without")
    assert enforce not in without and "SecurityGroups" not in without
    with refused("InvalidConfigurationRequest"):
        set_groups(without["LoadBalancerArn"], **{enforce: "on"})


def test_what_is_not_there(me, provider, refused):
    elb = me.elbv2
    theirs = balancer(provider, "theirs")["LoadBalancerArn"]
    with refused("LoadBalancerNotFound"):
        elb.describe_load_balancers(LoadBalancerArns=[theirs])
    with refused("LoadBalancerNotFound"):
        elb.describe_load_balancers(Names=["no"])
    with refused("LoadBalancerNotFound"):
        elb.add_tags(ResourceArns=[theirs], Tags=[{"Key": "k", "Value": "v"}])
    with refused("ListenerNotFound"):
        elb.describe_listeners(ListenerArns=[theirs.replace("loadbalancer", "listener") + "/1"])
    with refused("ValidationError"):
        elb.create_load_balancer(Name="x", Subnets=["subnet-1"])
    elb.delete_load_balancer(LoadBalancerArn=theirs)
    assert len(provider.elbv2.describe_load_balancers()["LoadBalancers"]) == 1
    for n in range(3):
        balancer(me, f"n{n}")
    first = elb.describe_load_balancers(PageSize=2)
    second = elb.describe_load_balancers(PageSize=2, Marker=first["NextMarker"])
    assert len(first["LoadBalancers"]) == 2 and len(second["LoadBalancers"]) == 1 and "NextMarker" not in second
