"""Security groups, by packets: each test says who gets through and, beside it, who does not."""

import pytest

from daemon import EVERYTHING
from instance import PATIENCE, SILENCE, wait_for

TCP, OTHER = 7000, 7001


@pytest.fixture(scope="module")
def web(world, me):
    made = world.instance(me, "web")
    for port in (TCP, OTHER):
        made.serve(port)
    made.serve(TCP, kind="udp")
    return made


@pytest.fixture(scope="module")
def near(world, me):
    """In the same subnet as `web`."""
    return world.instance(me, "near")


@pytest.fixture(scope="module")
def far(world, me):
    made = world.instance(me, "far", subnet=me.subnets[1])
    made.serve(TCP)
    return made


@pytest.fixture(autouse=True)
def open_senders(me, near, far):
    """Senders may send, and nobody may send to them."""
    near.groups(me.group())
    far.groups(me.group())


def test_without_a_rule_same_subnet_neighbours_do_not_meet(me, web, near):
    web.groups(me.group())
    before = web.daemon.interface(web.id)["packets_refused_in"]
    assert near.refused(web.address, TCP) == "silence"
    assert near.datagram(web.address, TCP, patience=SILENCE) == {"error": "silence"}
    assert web.daemon.interface(web.id)["packets_refused_in"] >= before + 2


@pytest.mark.parametrize("length", [32, 20, 0])
def test_a_cidr_lets_in_who_is_in_it(me, web, near, far, length):
    """/32 is one host, /20 its subnet, /0 everybody."""
    network = {32: f"{near.address}/32", 20: subnet_of(me, near), 0: "0.0.0.0/0"}[length]
    web.groups(me.group(ingress=[("tcp", TCP, TCP, network)]))
    assert near.reaches(web.address, TCP) == "web"
    if length == 0:
        assert far.reaches(web.address, TCP) == "web"
    else:
        assert far.refused(web.address, TCP) == "silence"


def subnet_of(me, instance):
    shown = me.ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]
    return me.ec2.describe_subnets(SubnetIds=[shown["SubnetId"]])["Subnets"][0]["CidrBlock"]


def test_a_group_as_source_is_whoever_carries_it(me, web, near, far):
    carried = me.group()
    web.groups(me.group(ingress=[("tcp", TCP, TCP, carried)]))
    assert near.refused(web.address, TCP) == "silence"
    near.groups(carried)
    assert near.reaches(web.address, TCP) == "web"
    assert far.refused(web.address, TCP) == "silence"
    near.groups(me.group())
    assert near.refused(web.address, TCP) == "silence"


def test_a_group_as_destination_is_whoever_carries_it(me, web, near, far):
    carried = me.group(ingress=[("tcp", TCP, TCP, "0.0.0.0/0")])
    near.groups(me.group(egress=[("tcp", TCP, TCP, carried)]))
    web.groups(carried)
    far.groups(me.group(ingress=[("tcp", TCP, TCP, "0.0.0.0/0")]))
    before = near.daemon.interface(near.id)["packets_refused_out"]
    assert near.reaches(web.address, TCP) == "web"
    assert near.refused(far.address, TCP) == "silence"
    assert near.daemon.interface(near.id)["packets_refused_out"] > before
    far.groups(carried)
    assert near.reaches(far.address, TCP) == "far"


def test_ports_are_a_range_with_both_ends(me, web, near):
    web.groups(me.group(ingress=[("tcp", 6990, TCP, "0.0.0.0/0")]))
    assert near.reaches(web.address, TCP) == "web"
    assert near.refused(web.address, OTHER) == "silence"
    web.groups(me.group(ingress=[("tcp", OTHER, 7010, "0.0.0.0/0")]))
    assert near.reaches(web.address, OTHER) == "web"
    assert near.refused(web.address, TCP) == "silence"


def reached_protocols(near, web, likely):
    """Protocols by which a neighbour gets an answer; the likely ones are waited for longer."""
    patience = {protocol: PATIENCE if protocol in likely else SILENCE for protocol in ("tcp", "udp", "icmp")}
    ways = {
        "tcp": near.agent("connect", to=web.address, port=TCP, patience=patience["tcp"]),
        "udp": near.datagram(web.address, TCP, patience=patience["udp"]),
        "icmp": near.root("ping", to=web.address, patience=patience["icmp"]),
    }
    assert all("name" in found or found["error"] == "silence" for found in ways.values()), ways
    return {protocol for protocol, found in ways.items() if "name" in found}


@pytest.mark.parametrize(
    ("protocol", "first", "last", "reached"),
    [
        ("tcp", TCP, TCP, {"tcp"}),
        ("udp", TCP, TCP, {"udp"}),
        ("icmp", -1, -1, {"icmp"}),
        ("icmp", 8, 0, {"icmp"}),
        ("icmp", 13, -1, set()),
        ("6", TCP, TCP, {"tcp"}),
        ("17", TCP, TCP, {"udp"}),
        ("41", -1, -1, set()),
        ("-1", -1, -1, {"tcp", "udp", "icmp"}),
    ],
)
def test_a_protocol_lets_in_itself_alone(me, web, near, protocol, first, last, reached):
    web.groups(me.group(ingress=[(protocol, first, last, "0.0.0.0/0")]))
    assert reached_protocols(near, web, reached) == reached
    web.groups(me.group(ingress=[EVERYTHING]))
    near.groups(me.group(egress=[(protocol, first, last, "0.0.0.0/0")]))
    assert reached_protocols(near, web, reached) == reached


def test_a_group_that_names_itself_joins_its_members(me, web, near, far):
    group = me.group()
    me.allow(group, ("tcp", TCP, TCP, group))
    web.groups(group)
    near.groups(group)
    assert near.reaches(web.address, TCP) == "web"
    assert far.refused(web.address, TCP) == "silence"


def test_the_default_group_joins_its_members_and_nobody_else(me, web, near, far):
    web.groups(me.default_group())
    assert near.refused(web.address, TCP) == "silence"
    near.groups(me.default_group())
    assert near.reaches(web.address, TCP) == "web"
    assert near.reaches(web.address, OTHER) == "web"
    assert far.refused(web.address, TCP) == "silence"


def test_groups_of_an_interface_add_up(me, web, near):
    one, other = (me.group(ingress=[("tcp", port, port, "0.0.0.0/0")]) for port in (TCP, OTHER))
    web.groups(one)
    assert near.refused(web.address, OTHER) == "silence"
    web.groups(one, other)
    assert near.reaches(web.address, TCP) == near.reaches(web.address, OTHER) == "web"


@pytest.mark.parametrize("sender", [False, True])
@pytest.mark.parametrize("receiver", [False, True])
def test_sender_and_receiver_must_both_agree(me, web, near, sender, receiver):
    near.groups(me.group(egress=[EVERYTHING] if sender else []))
    web.groups(me.group(ingress=[EVERYTHING] if receiver else []))
    if sender and receiver:
        assert near.reaches(web.address, TCP) == "web"
    else:
        assert near.refused(web.address, TCP) == "silence"


def test_answers_need_no_rule(me, web, near):
    """Stateful: neither the receiver's egress nor the sender's ingress is asked for what answers."""
    web.groups(me.group(ingress=[EVERYTHING], egress=[]))
    near.groups(me.group(egress=[EVERYTHING]))
    assert near.reaches(web.address, TCP) == "web"
    assert near.datagram(web.address, TCP) == {"name": "web"}


def test_a_revoked_rule_keeps_the_live_flow_and_refuses_the_next(me, web, near):
    rule = ("tcp", TCP, TCP, f"{near.address}/32")
    group = me.group(ingress=[rule])
    web.groups(group)
    flow = near.hold(web.address, TCP)
    me.revoke(group, rule)
    assert near.refused(web.address, TCP) == "silence"
    assert near.say(flow)
    me.allow(group, rule)
    assert near.reaches(web.address, TCP) == "web"


def test_a_forged_source_gets_nobody_in(me, web, near, far):
    """`near` may not, `far` may: with far's address in its packets `near` still may not."""
    web.groups(me.group(ingress=[("udp", TCP, TCP, f"{far.address}/32")]))
    assert far.root("forge", source=far.address, to=web.address, port=TCP, data="own") is True
    wait_for(lambda: "own" in told(web))
    for source in (far.address, web.address, "203.0.113.9", "169.254.77.0", "127.0.0.1"):
        near.root("forge", source=source, to=web.address, port=TCP, data=f"forged {source}")
    web.groups(me.group(ingress=[EVERYTHING]))
    for source in (far.address, web.address, "203.0.113.9"):
        near.root("forge", source=source, to=web.address, port=TCP, data=f"forged {source}")
    assert near.root("forge", source=near.address, to=web.address, port=TCP, data="last") is True
    wait_for(lambda: "last" in told(web))
    assert not [data for data in told(web) if data.startswith("forged")]


def told(web):
    return [one["data"] for one in web.agent("seen", port=TCP, kind="udp")]

