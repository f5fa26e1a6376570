"""The security groups of a load balancer, asked about clients that come by an endpoint and from the public side."""

import json

import pytest

from daemon import EVERYTHING
from instance import PATIENCE, SILENCE
from test_flows import flows
from test_services import HEADER

ENFORCE = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"


class Front:
    """A load balancer with groups, published as an endpoint service; the consumer's endpoint to it, and two clients."""

    def __init__(self, world, me, provider, name, proxy=False, scheme="internal", port=443):
        self.world, self.me, self.provider, elb = world, me, provider, provider.elbv2
        self.daemon, self.name = world.daemon, name
        self.target = world.instance(provider, f"{name}-target", groups=[provider.group(ingress=[EVERYTHING])])
        self.target.serve(8443, read=HEADER if proxy else 0)
        self.inner = provider.group()
        self.arn = elb.create_load_balancer(
            Name=name, Type="network", Scheme=scheme, Subnets=provider.subnets[:1], SecurityGroups=[self.inner]
        )["LoadBalancers"][0]["LoadBalancerArn"]
        self.targets = elb.create_target_group(
            Name=name, Protocol="TCP", Port=8443, VpcId=provider.vpc, TargetType="instance"
        )["TargetGroups"][0]["TargetGroupArn"]
        if proxy:
            attribute = {"Key": "proxy_protocol_v2.enabled", "Value": "true"}
            elb.modify_target_group_attributes(TargetGroupArn=self.targets, Attributes=[attribute])
        elb.register_targets(TargetGroupArn=self.targets, Targets=[{"Id": self.target.id}])
        actions = [{"Type": "forward", "TargetGroupArn": self.targets}]
        elb.create_listener(LoadBalancerArn=self.arn, Protocol="TCP", Port=port, DefaultActions=actions)
        service = provider.ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[self.arn], AcceptanceRequired=False
        )["ServiceConfiguration"]
        provider.ec2.modify_vpc_endpoint_service_permissions(
            ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"]
        )
        self.open = me.group(ingress=[EVERYTHING])
        endpoint = me.endpoint(service["ServiceName"], me.subnets[:1], [self.open], private_dns=False)
        [self.address] = endpoint.addresses().values()
        self.port = port
        self.one = world.instance(me, "one", groups=[self.open])
        self.two = world.instance(me, "two", groups=[self.open])

    def enters(self, client, to=None):
        """Whether a client's connection arrives, and that `trace` says the same. What is refused is silent."""
        to = to or self.address
        told = self.daemon.ask("trace", "--from", client.id, f"{to}:{self.port}")
        patience = SILENCE if told.returncode == 4 else PATIENCE
        found = client.agent("connect", to=to, port=self.port, patience=patience)
        arrives = found.get("name") == self.target.name
        assert arrives or found == {"error": "silence"}, found
        assert (told.returncode != 4) == arrives, (found, told.stdout)
        return arrives

    def told(self, client):
        return self.daemon.ask("trace", "--from", client.id, f"{self.address}:{self.port}").stdout

    def set(self, *groups, **more):
        return self.provider.elbv2.set_security_groups(LoadBalancerArn=self.arn, SecurityGroups=list(groups), **more)

    def from_(self, client):
        return ("tcp", self.port, self.port, f"{client.address}/32")


@pytest.fixture(scope="module", params=["kernel", "proxy"])
def front(request, world, me, provider):
    return Front(world, me, provider, f"front-{request.param}", proxy=request.param == "proxy")


def test_who_may_enter_is_the_client_and_not_the_endpoint(front):
    """Refused while nobody is allowed; the address that counts is the client's own, in the consumer's VPC."""
    assert not front.enters(front.one) and not front.enters(front.two)
    front.provider.allow(front.inner, ("tcp", front.port, front.port, f"{front.address}/32"))
    assert not front.enters(front.one)
    front.provider.allow(front.inner, front.from_(front.one))
    assert front.enters(front.one) and not front.enters(front.two)
    front.provider.revoke(front.inner, front.from_(front.one))
    assert not front.enters(front.one)


def test_ports_and_ranges_count(front):
    front.provider.allow(front.inner, ("tcp", front.port + 1, front.port + 1, "0.0.0.0/0"), ("udp", 1, 65535, "0.0.0.0/0"))
    assert not front.enters(front.one)
    front.provider.allow(front.inner, ("tcp", front.port - 1, front.port, "172.31.0.0/16"))
    assert front.enters(front.one) and front.enters(front.two)
    front.provider.revoke(front.inner, ("tcp", front.port - 1, front.port, "172.31.0.0/16"))
    # The target's port is not the listener's.
    front.provider.allow(front.inner, ("tcp", 8443, 8443, "0.0.0.0/0"))
    assert not front.enters(front.one)


def test_a_group_means_nobody_of_another_vpc(front, world):
    """Both VPCs have the same range, so that a member of the provider's group has the client's address."""
    friends, address = front.provider.group(), "172.31.0.77"
    twin = world.instance(front.provider, "twin", groups=[friends], PrivateIpAddress=address)
    client = world.instance(front.me, "client", groups=[front.open], PrivateIpAddress=address)
    assert twin.address == client.address
    front.provider.allow(front.inner, ("-1", -1, -1, friends))
    assert not front.enters(client)
    front.provider.allow(front.inner, front.from_(client))
    assert front.enters(client)
    for rule in (front.from_(client), ("-1", -1, -1, friends)):
        front.provider.revoke(front.inner, rule)
    twin.terminate()
    client.terminate()


def test_off_and_on_again(front):
    assert not front.enters(front.one)
    said = front.set(front.inner, **{ENFORCE: "off"})
    assert (said[ENFORCE], said["SecurityGroupIds"]) == ("off", [front.inner])
    assert front.enters(front.one) and front.enters(front.two)
    assert f"{front.inner} not asked: {ENFORCE} is off" in front.told(front.one)
    # Another group and not a word of it: it stays.
    another = front.provider.group()
    assert front.set(another)[ENFORCE] == "off"
    assert front.enters(front.one)
    assert front.set(front.inner, **{ENFORCE: "on"})[ENFORCE] == "on"
    assert not front.enters(front.one)
    assert f"no rule of {front.inner} allows it" in front.told(front.one)


def test_a_group_that_is_taken_away_allows_nothing_any_more(front):
    friend = front.provider.group(ingress=[front.from_(front.one)])
    front.set(front.inner, friend)
    assert front.enters(front.one) and not front.enters(front.two)
    # A connection that stands goes on, as at any security group.
    held = front.one.hold(front.address, front.port)
    front.set(front.inner)
    assert not front.enters(front.one)
    assert front.one.say(held)


def test_what_is_refused_is_counted_and_recorded_at_the_balancer(front):
    node = lambda: front.daemon.interface(front.name)
    before = node()["packets_refused_in"]
    assert not front.enters(front.two)
    assert node()["packets_refused_in"] > before
    seen = [one for one in flows(front.daemon, front.name) if one.action == "REJECT"]
    [flow] = {(one.interface_id, one.srcaddr, one.dstaddr, one.dstport) for one in seen if one.srcaddr == front.two.address}
    assert flow == (node()["id"], front.two.address, node()["address"], str(front.port))


def test_health_checks_are_not_asked(front):
    """No inbound rule lets the node's own checks in, and the target is healthy all the same."""
    [health] = front.provider.elbv2.describe_target_health(TargetGroupArn=front.targets)["TargetHealthDescriptions"]
    assert health["TargetHealth"]["State"] == "healthy"


def test_the_advice_of_a_refusal_leads_in(front):
    told = front.told(front.two)
    advice = next(line for line in told.splitlines() if line.startswith("do  "))
    front.daemon.aws(*advice.split("aws ", 1)[1].replace("'", "").split(" "), account=front.provider.id)
    assert front.enters(front.two)
    hop = json.loads(front.daemon.ask("trace", "--json", "--from", front.two.id, f"{front.address}:{front.port}").stdout)
    assert hop["paths"][0]["nodes"][0]["ingress"]["is_allowed"]


def test_the_public_side_is_held_against_them_too(world, me, provider):
    front = Front(world, me, provider, "public", scheme="internet-facing", port=9443)
    shown = provider.elbv2.describe_load_balancers(LoadBalancerArns=[front.arn])["LoadBalancers"][0]
    public = shown["AvailabilityZones"][0]["LoadBalancerAddresses"][0]["IpAddress"]
    assert shown[ENFORCE] == "on"
    # The switch is about endpoints alone.
    front.set(front.inner, **{ENFORCE: "off"})
    assert front.enters(front.one) and not front.enters(front.one, public)
    provider.allow(front.inner, ("tcp", 9443, 9443, f"{front.one.public}/32"))
    assert front.enters(front.one, public) and not front.enters(front.two, public)
    provider.revoke(front.inner, ("tcp", 9443, 9443, f"{front.one.public}/32"))
    assert not front.enters(front.one, public)
