"""Names, asked with `dig` inside of instances."""

import pytest

from daemon import EVERYTHING

CELL = "dns.example.com"
CACHE = f"cache.{CELL}"
PUBLIC = "203.0.113.20"


class Scene:
    def __init__(self, world, me, provider):
        self.target = world.target(provider, "target")
        place = f"{self.target.id}:443"
        services = world.publish(place, CACHE, f"control.{CELL}", name="cell", public_address=PUBLIC)
        # A name below the private one that the public side has.
        world.publish(place, f"cache.{CACHE}", name="below", public_address="203.0.113.21")
        group = me.group(ingress=[EVERYTHING])
        self.endpoint = me.endpoint(services["cacheservicename"], me.subnets[:2], [group])
        self.quiet = me.endpoint(services["controlservicename"], me.subnets[2:], [group], private_dns=False)
        self.client = world.instance(me, "client", groups=[group])
        self.regional, *self.zonal = [name for name in self.endpoint.names() if "vpce.amazonaws.com" in name]
        self.addresses = self.endpoint.addresses()


@pytest.fixture(scope="module")
def scene(world, me, provider):
    return Scene(world, me, provider)


def test_the_private_name_is_an_alias_of_the_regional_one(scene):
    answer = scene.client.dig(CACHE)
    assert answer.status == "NOERROR"
    assert answer.answers[0] == (CACHE, 60, "CNAME", scene.regional)
    assert sorted(answer.answers[1:]) == sorted(
        (scene.regional, 60, "A", address) for address in scene.addresses.values()
    )
    assert len(answer.answers) == 3
    assert scene.client.dig(CACHE, "CNAME").answers == [(CACHE, 60, "CNAME", scene.regional)]


def test_a_zonal_name_has_the_zones_address(scene, me):
    assert len(scene.zonal) == 2
    for zone in me.zones[:2]:
        [name] = [name for name in scene.zonal if f"-{zone}." in name]
        assert scene.client.dig(name).answers == [(name, 60, "A", scene.addresses[zone])]


def test_without_private_dns_the_endpoints_own_names_work_and_the_public_answer_stays(scene, me):
    name = f"control.{CELL}"
    assert name not in scene.quiet.names()
    assert scene.client.dig(name).answers == [(name, 60, "A", PUBLIC)]
    [zone] = me.zones[2:]
    regional = scene.quiet.names()[0]
    assert scene.client.dig(regional).data("A") == [scene.quiet.addresses()[zone]]
    assert scene.client.reaches(regional, 443) == "target"


@pytest.mark.parametrize("kind", ["AAAA", "MX", "TXT"])
def test_no_data_of_another_kind(scene, kind):
    answer = scene.client.dig(CACHE, kind)
    assert answer.status == "NOERROR" and answer.data("CNAME") == [scene.regional]
    assert [record[2] for record in answer.answers] == ["CNAME"]
    assert [(record[1], record[2]) for record in answer.authorities] == [(60, "SOA")]
    answer = scene.client.dig(scene.regional, kind)
    assert (answer.status, answer.answers) == ("NOERROR", [])
    assert [record[2] for record in answer.authorities] == ["SOA"]


def test_nothing_under_a_private_name_falls_through_to_the_public_side(scene, world, me):
    below = f"cache.{CACHE}"
    answer = scene.client.dig(below)
    assert (answer.status, answer.answers) == ("NXDOMAIN", [])
    assert answer.authorities[0][::2][:2] == (CACHE, "SOA")
    other = world.instance(me, "outside", subnet=outside(me), groups=[])
    assert other.dig(below).data("A") == ["203.0.113.21"]


def outside(me):
    """A subnet of a new VPC of the same account."""
    vpc = me.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    return me.ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24")["Subnet"]["SubnetId"]


def test_another_vpcs_answer_is_the_public_one(scene, world, me, provider):
    other = world.instance(me, "other", subnet=outside(me), groups=[])
    neighbour = world.instance(provider, "neighbour")
    for elsewhere in (other, neighbour):
        assert elsewhere.dig(CACHE).answers == [(CACHE, 60, "A", PUBLIC)]
        # The endpoint's own names are public, as on AWS; what they say is of use inside the VPC alone.
        assert elsewhere.dig(scene.regional).data("A") == sorted(scene.addresses.values())
    assert scene.client.dig(CACHE).data("A") == sorted(scene.addresses.values())


def test_what_nobody_knows_fails_without_an_upstream(scene):
    answer = scene.client.dig("www.example.org")
    assert answer.status == "SERVFAIL" and "EDE: " in answer.text
    for name in ("vpce-0123456789abcdef0-abcdefgh.vpce-svc-0.ap-northeast-1.vpce.amazonaws.com", "x.compute.internal"):
        assert scene.client.dig(name).status == "NXDOMAIN"


def test_both_resolver_addresses_and_both_transports_say_the_same(scene):
    expected = scene.client.dig(CACHE).data("A")
    for server in ("172.31.0.2", "169.254.169.253"):
        for how in ("+notcp", "+tcp"):
            assert scene.client.dig(f"@{server}", how, CACHE).data("A") == expected


def test_programs_inside_resolve_by_it(scene):
    assert scene.client.agent("lookup", name=CACHE) == sorted(scene.addresses.values())
    assert scene.client.agent("lookup", name="localhost") == ["127.0.0.1"]
    host = f"ip-{scene.client.address.replace('.', '-')}"
    assert scene.client.agent("lookup", name=host) == [scene.client.address]
    assert scene.client.agent("lookup", name="www.example.org").keys() == {"error"}


def test_a_hundred_questions_in_flight_are_all_answered(scene):
    answers = scene.client.agent("ask_many", server="172.31.0.2", name=CACHE, count=100, patience=5)
    assert len(answers) == 100
    assert {tuple(answer) for answer in answers.values()} == {(0, 3)}


def test_a_deleted_endpoint_returns_the_public_answer(scene, me):
    scene.endpoint.delete()
    assert scene.client.dig(CACHE).answers == [(CACHE, 60, "A", PUBLIC)]
    assert scene.client.dig(f"cache.{CACHE}").data("A") == ["203.0.113.21"]
    for name in (scene.regional, *scene.zonal):
        assert scene.client.dig(name).status == "NXDOMAIN"
