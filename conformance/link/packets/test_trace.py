"""`trace` against packets: whatever the situation, what it says beforehand is what a connection then does."""

import itertools

import pytest

from daemon import EVERYTHING

CELL = "trace.example.com"
CACHE, CONTROL = f"cache.{CELL}", f"control.{CELL}"
PUBLIC = "203.0.113.50"
PRIVATE_WAY, PUBLIC_WAY, REFUSED = 0, 3, 4
# Longer than elsewhere: a verdict "refused" must not be right by impatience, nor "reached" wrong by it.
PATIENCE = 1


class Scene:
    def __init__(self, world, me, provider):
        self.me, self.daemon = me, world.daemon
        self.target = world.target(provider, "target")
        place = f"{self.target.id}:443"
        services = world.publish(place, CACHE, CONTROL, name="cell", public_address=PUBLIC)
        self.open, self.shut = me.group(ingress=[EVERYTHING]), me.group(egress=[])
        self.endpoint_group = me.group(ingress=[("tcp", 443, 443, "0.0.0.0/0")])
        self.endpoint = me.endpoint(services["cacheservicename"], me.subnets[:2], [self.endpoint_group])
        waiting = world.publish(place, "token.trace.example.com", name="wait", acceptance_required=True)
        self.waiting = me.endpoint(waiting["tokenservicename"], me.subnets[:1], [self.open], private_dns=False)
        self.client = world.instance(me, "client", groups=[self.open])
        self.server = world.instance(me, "server", subnet=me.subnets[1], groups=[self.open])
        self.server.serve(443)
        self.server.serve(7000)
        self.table = me.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [me.vpc]}])
        self.table = self.table["RouteTables"][0]["RouteTableId"]
        self.gateway = me.ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]

    def places(self):
        """Where a connection may be wanted to."""
        own = [address for zone, address in sorted(self.endpoint.addresses().items())]
        return {
            "the private name": CACHE,
            "the name without private DNS": CONTROL,
            "another port of it": f"{CACHE}:8443",
            "below the private name": f"x.{CACHE}",
            "the regional name": self.endpoint.names()[0],
            "a zonal name": self.endpoint.names()[1],
            "an endpoint's address": own[1],
            "the public address": PUBLIC,
            "the public address, another port": f"{PUBLIC}:8443",
            "a neighbour": self.server.address,
            "a neighbour's port": f"{self.server.address}:7000",
            "nobody in the VPC": "172.31.200.200",
            "nobody outside": "203.0.113.200",
            "a link-local address": "169.254.77.1",
            "a network nobody has": "10.1.2.3",
            "an unknown name": "nobody.example.org",
        }


@pytest.fixture(scope="module")
def scene(world, me, provider):
    return Scene(world, me, provider)


def compare(scene, only=None):
    """Every place: the exit code, and what a connection finds. Returns the codes by place."""
    codes, wrong = {}, []
    for what, to in scene.places().items():
        if only and what not in only:
            continue
        told = scene.daemon.ask("trace", "--from", scene.client.id, to)
        name, _, port = to.partition(":")
        left = scene.daemon.interface(scene.client.id)["packets_to_public"]
        found = scene.client.agent("connect", to=name, port=int(port or 443), patience=PATIENCE)
        left = scene.daemon.interface(scene.client.id)["packets_to_public"] - left
        if "name" in found:
            expected = PUBLIC_WAY if left else PRIVATE_WAY
        else:
            expected = REFUSED
        codes[what] = told.returncode
        if told.returncode != expected:
            wrong.append(f"{what} ({to}): trace {told.returncode}, packets {expected} ({found})\n{told.stdout}")
    assert not wrong, "\n".join(wrong)
    return codes


def test_an_open_world(scene):
    codes = compare(scene)
    assert {what for what, code in codes.items() if code == PRIVATE_WAY} == {
        "the private name", "the regional name", "a zonal name", "an endpoint's address", "a neighbour",
        "a neighbour's port",
    }
    assert {what for what, code in codes.items() if code == PUBLIC_WAY} == {
        "the public address", "the name without private DNS"
    }


def test_every_mixture_of_groups(scene, me):
    """Senders that may all, to the endpoint's group, to a port, or nothing; receivers that take all or nothing."""
    senders = {
        "all": scene.open,
        "endpoint": me.group(egress=[("tcp", 443, 443, scene.endpoint_group)]),
        "port": me.group(egress=[("tcp", 7000, 7000, "172.31.0.0/16")]),
        "none": scene.shut,
    }
    receivers = {"open": (scene.open, scene.endpoint_group), "shut": (scene.shut, scene.shut)}
    seen = {}
    places = ["the private name", "the public address", "a neighbour", "a neighbour's port"]
    try:
        for (sender, group), (receiver, (server, endpoint)) in itertools.product(senders.items(), receivers.items()):
            scene.client.groups(group)
            scene.server.groups(server)
            now = [one["GroupId"] for one in scene.endpoint.shown()["Groups"]]
            if now != [endpoint]:
                me.ec2.modify_vpc_endpoint(
                    VpcEndpointId=scene.endpoint.id, AddSecurityGroupIds=[endpoint], RemoveSecurityGroupIds=now
                )
            seen[sender, receiver] = list(compare(scene, places).values())
    finally:
        scene.client.groups(scene.open)
        scene.server.groups(scene.open)
        now = [one["GroupId"] for one in scene.endpoint.shown()["Groups"]]
        if now != [scene.endpoint_group]:
            me.ec2.modify_vpc_endpoint(
                VpcEndpointId=scene.endpoint.id, AddSecurityGroupIds=[scene.endpoint_group], RemoveSecurityGroupIds=now
            )
    assert seen["all", "open"] == [PRIVATE_WAY, PUBLIC_WAY, PRIVATE_WAY, PRIVATE_WAY]
    assert seen["all", "shut"] == [REFUSED, PUBLIC_WAY, REFUSED, REFUSED]
    assert seen["port", "open"] == [REFUSED, REFUSED, REFUSED, PRIVATE_WAY]
    assert seen["none", "open"] == [REFUSED] * 4


def test_without_a_route_out(scene, me):
    me.ec2.delete_route(RouteTableId=scene.table, DestinationCidrBlock="0.0.0.0/0")
    try:
        codes = compare(scene, ["the public address", "the private name", "a neighbour"])
    finally:
        me.ec2.create_route(
            RouteTableId=scene.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=scene.gateway
        )
    assert list(codes.values()) == [PRIVATE_WAY, REFUSED, PRIVATE_WAY]
    assert compare(scene, ["the public address"]) == {"the public address": PUBLIC_WAY}


def test_a_narrow_route(scene, me):
    """The longest matching route decides."""
    me.ec2.delete_route(RouteTableId=scene.table, DestinationCidrBlock="0.0.0.0/0")
    try:
        me.ec2.create_route(
            RouteTableId=scene.table, DestinationCidrBlock="203.0.113.48/28", GatewayId=scene.gateway
        )
        codes = compare(scene, ["the public address", "nobody outside"])
        me.ec2.delete_route(RouteTableId=scene.table, DestinationCidrBlock="203.0.113.48/28")
    finally:
        me.ec2.create_route(
            RouteTableId=scene.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=scene.gateway
        )
    assert codes == {"the public address": PUBLIC_WAY, "nobody outside": REFUSED}


def test_without_a_public_address(world, scene, me):
    subnet = {"DeviceIndex": 0, "SubnetId": me.subnets[0], "Groups": [scene.open], "AssociatePublicIpAddress": False}
    launched = me.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, NetworkInterfaces=[subnet])["Instances"][0]
    assert "PublicIpAddress" not in launched
    trace = lambda to: world.daemon.ask("trace", "--from", launched["InstanceId"], to)
    done = world.daemon.ask(
        "exec", launched["InstanceId"], "--", "python3", "-c",
        f"import socket; socket.create_connection(('{PUBLIC}', 443), {PATIENCE})",
    )
    assert done.returncode != 0
    assert trace(PUBLIC).returncode == REFUSED and "no public address" in trace(PUBLIC).stdout
    assert trace(CACHE).returncode == PRIVATE_WAY
    me.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    assert trace(CACHE).returncode == REFUSED


def test_a_target_that_is_shut_off(scene, provider):
    """The provider's own rules decide too: both ways end at the same target."""
    shut = provider.group()
    before = provider.ec2.describe_instances(InstanceIds=[scene.target.id])
    before = [one["GroupId"] for one in before["Reservations"][0]["Instances"][0]["SecurityGroups"]]
    scene.target.groups(shut)
    try:
        codes = compare(scene, ["the private name", "the public address"])
    finally:
        scene.target.groups(*before)
    assert list(codes.values()) == [REFUSED, REFUSED]
    assert list(compare(scene, ["the private name", "the public address"]).values()) == [PRIVATE_WAY, PUBLIC_WAY]


def test_an_endpoint_that_waits(scene):
    for one in scene.me.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [f"*{scene.waiting.id}"]}]
    )["NetworkInterfaces"]:
        told = scene.daemon.ask("trace", "--from", scene.client.id, one["PrivateIpAddress"])
        found = scene.client.agent("connect", to=one["PrivateIpAddress"], port=443, patience=PATIENCE)
        assert (told.returncode, "name" in found) == (REFUSED, False), told.stdout


def test_the_words_lead_from_name_to_target(scene, me):
    told = scene.daemon.run("trace", "--from", scene.client.id, CACHE)
    for part in (f"private zone {CACHE}", scene.endpoint.names()[0], scene.endpoint.id, scene.target.id, "PRIVATE"):
        assert part in told, told
    scene.client.groups(scene.shut)
    try:
        told = scene.daemon.ask("trace", "--from", scene.client.id, CACHE)
        assert told.returncode == REFUSED and f"no rule of {scene.shut}" in told.stdout, told.stdout
        # What it says to do, done, does it.
        advice = next(line for line in told.stdout.splitlines() if line.startswith("do  "))
        words = advice.split("aws ", 1)[1].replace("'", "").split(" ")
        scene.daemon.aws(*words)
        once = scene.daemon.ask("trace", "--from", scene.client.id, CACHE)
        assert once.stdout != told.stdout
    finally:
        scene.client.groups(scene.open)
