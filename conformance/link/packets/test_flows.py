"""Flow logs of known connections, and what an instance's user data does."""

import re
import time

import pytest

from daemon import CONSUMER
from instance import SILENCE, World, wait_for

FIELDS = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)


class Flow:
    def __init__(self, line):
        self.line = line
        for name, value in zip(FIELDS.split(), line.split(), strict=True):
            setattr(self, name.replace("-", "_"), value)


def flows(daemon, of):
    head, *lines = daemon.run("flows", "--of", of).splitlines()
    assert head == FIELDS
    return [Flow(line) for line in lines]


def test_a_connection_is_recorded_at_both_ends_in_both_directions(world, me):
    begin = int(time.time())
    web = world.instance(me, "web", groups=[me.group(ingress=[("tcp", 7000, 7000, "0.0.0.0/0")])])
    client = world.instance(me, "client", groups=[me.group()])
    web.serve(7000)
    found = client.agent("connect", to=web.address, port=7000, patience=5)
    assert found["name"] == "web"
    port = str(found["source"][1])
    for instance in (client, web):
        interface = world.daemon.interface(instance.id)["id"]
        seen = [one for one in flows(world.daemon, instance.id) if port in (one.srcport, one.dstport)]
        there, back = sorted(seen, key=lambda one: one.dstport != "7000")
        assert (there.srcaddr, there.dstaddr, there.srcport, there.dstport) == (client.address, web.address, port, "7000")
        assert (back.srcaddr, back.dstaddr, back.srcport, back.dstport) == (web.address, client.address, "7000", port)
        for one in (there, back):
            assert re.fullmatch(r"2 \d{12} eni-[0-9a-f]{17} (\S+ ){2}(\d+ ){7}ACCEPT OK", one.line), one.line
            assert (one.account_id, one.interface_id, one.protocol) == (CONSUMER, interface, "6")
            # SYN, ACK, FIN, and at most a few more; headers of 40 bytes and more.
            assert 3 <= int(one.packets) <= 10 and int(one.bytes) >= 40 * int(one.packets)
            assert begin <= int(one.start) <= int(one.end) <= time.time() + 1

    refused = client.agent("connect", to=web.address, port=7001, patience=SILENCE)
    assert refused == {"error": "silence"}
    # Refused where it arrives; where it left it was allowed, as on AWS.
    at_web = [one for one in flows(world.daemon, web.id) if one.dstport == "7001"]
    assert [(one.action, one.srcaddr, one.protocol) for one in at_web] == [("REJECT", client.address, "6")]
    assert at_web[0].log_status == "OK" and int(at_web[0].packets) >= 1


def test_what_never_left_is_refused_at_the_sender(world, me):
    client = world.instance(me, "locked", groups=[me.group(egress=[])])
    assert client.refused("203.0.113.9", 443) == "silence"
    seen = flows(world.daemon, client.id)
    assert [(one.action, one.dstaddr, one.dstport) for one in seen if one.dstaddr == "203.0.113.9"] == [
        ("REJECT", "203.0.113.9", "443")
    ]
    assert world.daemon.json("flows", "--of", client.id)[0]["holder"] == client.id


SCRIPT = """#!/bin/sh
echo "user $(id -u) on $(cat /etc/resolv.conf | grep nameserver)"
echo to stderr >&2
grep CapEff /proc/self/status
ls %s
echo end
"""


def user_data(world, me, script):
    made = me.ec2.run_instances(
        ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=me.subnets[0], UserData=script
    )["Instances"][0]
    return made["InstanceId"]


def test_user_data_runs_once_as_nobody(world, me):
    id = user_data(world, me, SCRIPT % world.daemon.state_dir)
    try:
        logs = wait_for(lambda: (text := world.daemon.ask("logs", id).stdout).endswith("end\n") and text, 3)
    except AssertionError:
        raise AssertionError(world.daemon.ask("logs", id)) from None
    assert "user 65534 on nameserver 172.31.0.2" in logs and "to stderr" in logs
    assert "CapEff:\t0000000000000000" in logs
    # The state directory's secrets are not to be seen from inside.
    assert "keys.json" not in logs
    me.ec2.stop_instances(InstanceIds=[id])
    me.ec2.start_instances(InstanceIds=[id])
    time.sleep(0.5)
    assert world.daemon.run("logs", id) == logs


def test_user_data_that_is_no_script_is_said_not_to_be_run(world, me):
    id = user_data(world, me, "echo not run")
    logs = wait_for(lambda: world.daemon.ask("logs", id).stdout, 10)
    assert logs == "the user data is not run: it does not begin with #!\n"
    done = world.daemon.ask("logs", "i-00000000000000000")
    assert done.returncode != 0 and "has printed nothing" in done.stderr


def test_user_data_does_not_run_for_whoever_asks(start):
    world = World(start("--accept-any-key"))
    try:
        me = world.daemon.account(CONSUMER)
        id = user_data(world, me, "#!/bin/sh\necho run\n")
        assert me.ec2.describe_instances(InstanceIds=[id])["Reservations"]
        # Long enough for the script that does run to have run many times over.
        time.sleep(1)
        done = world.daemon.ask("logs", id)
        assert done.stdout.strip() == "the user data is not run: the daemon takes any key (--accept-any-key)"
    finally:
        world.close()
