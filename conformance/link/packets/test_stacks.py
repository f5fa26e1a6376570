"""A template, deployed with the real `aws` command line, and what packets do before, during and after."""

import json
import pathlib

import pytest

from daemon import CONSUMER, ROOT

OURS = ROOT / "deploy/consumer.yaml"
# The article's own template, kept beside the repository by whoever has it.
ARTICLES = ROOT / "../shared/seed/template.yaml"


@pytest.fixture(scope="module")
def target(world, provider):
    return world.target(provider, "target")


def stack(daemon, action, name, *arguments):
    return daemon.aws("cloudformation", action, "--stack-name", name, *arguments)


@pytest.mark.parametrize("template", [OURS, ARTICLES], ids=["ours", "the article's"])
def test_a_stack_from_creation_to_deletion(world, me, provider, target, template):
    if not template.exists():
        pytest.skip(f"{template} is not there: the article's own template is NOT tested")
    daemon = world.daemon
    number = 40 if template is OURS else 41
    cell, public = f"stack{number}.example.com", f"203.0.113.{number}"
    names = {"cache": f"cache.{cell}", "control": f"control.{cell}"}
    services = world.publish(f"{target.id}:443", *names.values(), name=f"stack{number}", public_address=public)
    client_group = me.group()
    endpoint_group = me.group(ingress=[("tcp", 443, 443, client_group)])
    client = world.instance(me, f"client{number}", groups=[client_group])
    before = daemon.packets_to_public(me.vpc)
    for name in names.values():
        assert client.dig(name).data("A") == [public]
        assert client.reaches(name, 443) == "target"
    assert daemon.packets_to_public(me.vpc) > before

    def parameters(subnets):
        given = {**services, "vpcid": me.vpc, "subnetids": ",".join(subnets), "securitygroupids": endpoint_group}
        return json.dumps([{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()])

    body = f"file://{pathlib.Path(template).resolve()}"
    name = f"stack{number}"
    stack(daemon, "create-stack", name, "--template-body", body, "--parameters", parameters(me.subnets[:1]))
    daemon.aws("cloudformation", "wait", "stack-create-complete", "--stack-name", name)
    shown = daemon.aws("ec2", "describe-vpc-endpoints")["VpcEndpoints"]
    assert len(shown) == 2
    assert {one["State"] for one in shown} == {"available"} and all(one["PrivateDnsEnabled"] for one in shown)
    private = [client.dig(name).data("A") for name in names.values()]
    assert [len(addresses) for addresses in private] == [1, 1] and private[0] != private[1]
    still = daemon.packets_to_public(me.vpc)
    for name_ in names.values():
        assert client.reaches(name_, 443) == "target"
    assert daemon.packets_to_public(me.vpc) == still

    # One subnet more, in place: the old address stays and the new one carries packets.
    ids = {one["VpcEndpointId"] for one in shown}
    flow = client.hold(names["cache"], 443)
    stack(daemon, "update-stack", name, "--template-body", body, "--parameters", parameters(me.subnets[:2]))
    daemon.aws("cloudformation", "wait", "stack-update-complete", "--stack-name", name)
    assert {one["VpcEndpointId"] for one in daemon.aws("ec2", "describe-vpc-endpoints")["VpcEndpoints"]} == ids
    for name_, old in zip(names.values(), private):
        addresses = client.dig(name_).data("A")
        assert len(addresses) == 2 and set(old) < set(addresses)
        assert [client.reaches(address, 443) for address in addresses] == ["target"] * 2
    assert client.say(flow)

    # And back: what was taken away is nowhere.
    stack(daemon, "update-stack", name, "--template-body", body, "--parameters", parameters(me.subnets[:1]))
    [gone] = set(addresses) - set(private[1])
    assert "name" not in client.agent("connect", to=gone, port=443, patience=0.5)
    assert client.dig(names["control"]).data("A") == private[1]

    stack(daemon, "delete-stack", name)
    daemon.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", name)
    assert daemon.aws("ec2", "describe-vpc-endpoints")["VpcEndpoints"] == []
    for name_ in names.values():
        assert client.dig(name_).answers == [(name_, 60, "A", public)]
        assert client.reaches(name_, 443) == "target"
    left = daemon.packets_to_public(me.vpc)
    for addresses in private:
        assert "name" not in client.agent("connect", to=addresses[0], port=443, patience=0.5)
    assert daemon.packets_to_public(me.vpc) == left
    holders = [one["holder"] for vpc in daemon.json("status")["vpcs"] if vpc["account"] == CONSUMER for one in vpc["interfaces"]]
    assert not [holder for holder in holders if holder.startswith("vpce-")]
