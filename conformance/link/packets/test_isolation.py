"""What nobody can do: leave by another way than the rules', reach another VPC, or come back from the provider."""

import pytest

from daemon import CONSUMER, EVERYTHING
from instance import SILENCE, wait_for

CELL = "isolation.example.com"
PUBLIC = "203.0.113.10"


class Scene:
    """A cell of the provider's, its endpoint with two interfaces, and two clients."""

    def __init__(self, world, me, provider):
        self.me, self.daemon = me, world.daemon
        self.target = world.target(provider, "target")
        services = world.publish(
            f"{self.target.id}:443", f"cache.{CELL}", f"control.{CELL}", name="cell", public_address=PUBLIC
        )
        self.client_group = me.group()
        self.endpoint_group = me.group(ingress=[("tcp", 443, 443, self.client_group)])
        self.services = services
        self.cache = me.endpoint(services["cacheservicename"], me.subnets[:2], [self.endpoint_group])
        self.client = world.instance(me, "client", groups=[self.client_group])
        self.other = world.instance(me, "other", groups=[me.group(ingress=[("tcp", 7000, 7000, "0.0.0.0/0")])])
        self.other.serve(7000)


@pytest.fixture(scope="module")
def scene(world, me, provider):
    return Scene(world, me, provider)


def test_lockdown_leaves_the_endpoint_and_its_name(scene, me):
    daemon, client = scene.daemon, scene.client
    name = f"cache.{CELL}"
    before = daemon.packets_to_public(me.vpc)
    assert client.reaches(PUBLIC, 443) == "target"
    locked = daemon.packets_to_public(me.vpc)
    assert locked > before
    me.ec2.revoke_security_group_egress(
        GroupId=scene.client_group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    only = me.group(egress=[("tcp", 443, 443, scene.endpoint_group)])
    client.groups(scene.client_group, only)
    refused = daemon.interface(client.id)["packets_refused_out"]
    assert client.refused(PUBLIC, 443) == "silence"
    assert client.refused(scene.other.address, 7000) == "silence"
    assert client.datagram("203.0.113.53", 53, patience=SILENCE) == {"error": "silence"}
    assert client.dig(name).data("A") == sorted(scene.cache.addresses().values())
    assert client.reaches(name, 443) == "target"
    for address in scene.cache.addresses().values():
        assert client.reaches(address, 443) == "target"
    assert daemon.packets_to_public(me.vpc) == locked
    assert daemon.interface(client.id)["packets_refused_out"] > refused
    client.groups(scene.client_group, me.group())


def test_two_endpoints_share_a_group(scene, me):
    control = me.endpoint(scene.services["controlservicename"], me.subnets[:1], [scene.endpoint_group])
    addresses = [*scene.cache.addresses().values(), *control.addresses().values()]
    assert len(addresses) == 3
    assert [scene.client.reaches(address, 443) for address in addresses] == ["target"] * 3
    rule = ("tcp", 443, 443, scene.client_group)
    me.revoke(scene.endpoint_group, rule)
    assert [scene.client.refused(address, 443) for address in addresses] == ["silence"] * 3
    me.allow(scene.endpoint_group, rule)
    me.ec2.modify_vpc_endpoint(
        VpcEndpointId=control.id, AddSecurityGroupIds=[me.group()], RemoveSecurityGroupIds=[scene.endpoint_group]
    )
    assert scene.client.refused(addresses[2], 443) == "silence"
    assert scene.client.reaches(addresses[0], 443) == "target"
    control.delete()


def test_an_endpoint_answers_its_listeners_alone(scene):
    """Whatever its group allows: no other port, no echo, and no way through it."""
    for address in scene.cache.addresses().values():
        scene.me.ec2.modify_vpc_endpoint(
            VpcEndpointId=scene.cache.id, AddSecurityGroupIds=[scene.me.group(ingress=[EVERYTHING])]
        )
        for port in (22, 444, 8443):
            assert "name" not in scene.client.agent("connect", to=address, port=port, patience=SILENCE)
        assert "name" not in scene.client.root("ping", to=address, patience=SILENCE)
        assert "name" not in scene.client.datagram(address, 443, patience=SILENCE)


def test_another_vpc_with_the_same_addresses_is_another_world(world, scene, me):
    vpc = me.ec2.create_vpc(CidrBlock="172.31.0.0/16")["Vpc"]["VpcId"]
    subnet = me.ec2.create_subnet(VpcId=vpc, CidrBlock="172.31.0.0/20", AvailabilityZone=me.zones[0])
    subnet = subnet["Subnet"]["SubnetId"]
    group = me.group(ingress=[EVERYTHING], vpc=vpc)
    twin = world.instance(me, "twin", subnet=subnet, groups=[group], PrivateIpAddress=scene.other.address)
    lone = world.instance(me, "lone", subnet=subnet, groups=[group])
    twin.serve(7000)
    lone.serve(7000)
    assert twin.address == scene.other.address
    assert scene.client.reaches(scene.other.address, 7000) == "other"
    assert lone.reaches(twin.address, 7000) == "twin"
    taken = {scene.client.address, scene.other.address, *scene.cache.addresses().values()}
    if lone.address not in taken:
        assert "name" not in scene.client.agent("connect", to=lone.address, port=7000, patience=SILENCE)
    for address in scene.cache.addresses().values():
        if address != lone.address:
            assert "name" not in lone.agent("connect", to=address, port=443, patience=SILENCE)
    # The link's own addresses between namespaces lead nowhere either.
    for address in ("169.254.77.0", "169.254.77.1", "169.254.200.2", "169.254.200.3"):
        assert "name" not in lone.agent("connect", to=address, port=443, patience=SILENCE)
    # No internet gateway: no way out, and no name that leads out is of use.
    assert "name" not in lone.agent("connect", to=PUBLIC, port=443, patience=SILENCE)


def test_the_provider_cannot_open_a_connection_to_the_consumer(scene, me):
    target, client = scene.target, scene.client
    group = me.group(ingress=[EVERYTHING])
    client.groups(scene.client_group, group)
    client.serve(7100)
    scene.me.ec2.modify_vpc_endpoint(VpcEndpointId=scene.cache.id, AddSecurityGroupIds=[group])
    assert scene.other.reaches(client.address, 7100) == "client"
    assert client.reaches(f"cache.{CELL}", 443) == "target"
    balancer = target.agent("seen", port=443)[-1]["peer"][0]
    nodes = [one for one in target.daemon.json("status")["vpcs"] if one["account"] != CONSUMER][0]["interfaces"]
    assert balancer in {node["address"] for node in nodes}
    consumers = [client.address, *scene.cache.addresses().values()]
    own = {node["address"] for node in nodes}
    for attempt in range(2):
        for address in consumers:
            if address in own:
                continue
            for port in (443, 7100):
                found = target.agent("connect", to=address, port=port, patience=SILENCE)
                assert found.get("name") in (None, "target"), found
        # The node it was called from takes what its listeners take, and passes nothing on towards the endpoint.
        for port in (7100, 40000):
            assert "name" not in target.agent("connect", to=balancer, port=port, patience=SILENCE)
        if attempt == 0:
            # With every right over its own network: a route through the node, and the fabric's addresses.
            for address in (*consumers, "169.254.77.0", "169.254.77.1"):
                if address not in own:
                    target.as_root("ip", "route", "replace", f"{address}/32", "via", balancer, "onlink", "dev", "eth0")
    for address in ("169.254.77.0", "169.254.77.1"):
        assert "name" not in target.agent("connect", to=address, port=443, patience=SILENCE)
    assert not client.agent("seen", port=7100)[1:]
    # What an instance's root did there stays there: the link goes on, and repairs it.
    assert target.daemon.json("status")["trouble"] is None
    me.group()
    wait_for(lambda: "onlink" not in target.as_root("ip", "route", "show", f"{client.address}/32"), 15)


def test_a_deleted_endpoints_address_never_leaves_by_the_public_link(scene, me):
    client = scene.client
    gone = me.endpoint(scene.services["controlservicename"], me.subnets[:1], [scene.endpoint_group], False)
    [address] = gone.addresses().values()
    assert client.reaches(address, 443) == "target"
    gone.delete()
    before = scene.daemon.packets_to_public(me.vpc)
    assert "name" not in client.agent("connect", to=address, port=443, patience=SILENCE)
    client.datagram(address, 443, patience=SILENCE)
    client.root("ping", to=address, patience=SILENCE)
    for nobody in ("172.31.255.254", "169.254.1.1", "10.0.0.1"):
        assert "name" not in client.agent("connect", to=nobody, port=443, patience=SILENCE)
        if not nobody.startswith("10."):
            assert scene.daemon.packets_to_public(me.vpc) == before
    between = scene.daemon.packets_to_public(me.vpc)
    assert client.reaches(PUBLIC, 443) == "target"
    assert scene.daemon.packets_to_public(me.vpc) > between


def test_ipv6_link_local_reaches_nothing(scene):
    """An instance may speak IPv6 as it likes: nobody listens."""
    client = scene.client
    assert client.reaches(scene.other.address, 7000) == "other"
    client.as_root("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6")
    client.as_root("ip", "-6", "address", "replace", "fe80::1234/64", "dev", "eth0", "nodad")
    found = client.root("listen6", patience=1.5)
    assert any(address.endswith("1234") for address in found["own"]) and found["macs"], found
    assert [one for one in found["answers"] if "from" in one] == [], found
    assert not [one for one in found["answers"] if "cannot" in one], found


def test_root_of_an_instance_cannot_change_its_rules(scene, me):
    """Flushing, routing and taking addresses change what the instance does, and nothing that it may."""
    client, other = scene.client, scene.other
    client.groups(me.group(egress=[("tcp", 443, 443, scene.endpoint_group)]), scene.client_group)
    other.groups(me.group(ingress=[("tcp", 7000, 7000, "0.0.0.0/0")]))
    denied = lambda: client.agent("connect", to=other.address, port=7000, patience=SILENCE)
    assert denied() == {"error": "silence"}
    # As `exec` runs it, it may not even try.
    for command in (["nft", "flush", "ruleset"], ["ip", "route", "add", "10.9.9.9", "dev", "eth0"]):
        done = client.daemon.ask("exec", client.id, "--", *command)
        assert done.returncode != 0 and "not permitted" in done.stderr, done
    left = scene.daemon.packets_to_public(me.vpc)
    refused = scene.daemon.interface(client.id)["packets_refused_out"]
    client.as_root("nft", "flush", "ruleset")
    assert denied() == {"error": "silence"}
    for table in ("nat", "filter"):
        client.as_root("nft", "add", "table", "inet", table)
    client.as_root("ip", "route", "replace", f"{other.address}/32", "dev", "eth0")
    client.as_root("ip", "route", "replace", "203.0.113.0/24", "dev", "eth0")
    client.as_root("ip", "neigh", "flush", "dev", "eth0")
    assert denied() == {"error": "silence"}
    assert "name" not in client.agent("connect", to=PUBLIC, port=443, patience=SILENCE)
    # Another's address, and a stranger's: the router knows whose interface it is.
    for address in (f"{list(scene.cache.addresses().values())[1]}/32", "10.9.9.9/32"):
        client.as_root("ip", "address", "replace", address, "dev", "eth0")
        source = address.split("/")[0]
        found = client.agent("connect", to=other.address, port=7000, patience=SILENCE, source=source)
        assert "name" not in found
        # Unless the daemon has: it takes away what it did not plan.
        client.as_root("sh", "-c", f"ip address delete {address} dev eth0 || ! ip address show eth0 | grep -qw {source}")
    # The router itself takes questions of names and nothing else.
    gateway = client.as_root("ip", "-j", "route", "show", "default")
    assert "name" not in client.agent("connect", to=gateway.split('"gateway":"')[1].split('"')[0], port=22, patience=SILENCE)
    assert client.reaches(f"cache.{CELL}", 443) == "target"
    assert scene.daemon.packets_to_public(me.vpc) == left
    assert scene.daemon.interface(client.id)["packets_refused_out"] > refused
