"""What the daemon's death, and trouble in one namespace, leave alone."""

import contextlib
import json
import os
import re
import signal
import threading
import time

import botocore.exceptions

from daemon import EVERYTHING
from instance import wait_for
from test_flows import user_data

NAME = "cache.crashes.example.com"
RESOLVERS = ("172.31.0.2", "169.254.169.253")
# glibc asks a second time after 5 s: whoever is answered before that notices nothing but a wait.
BOUND = 4.5


def test_names_are_answered_across_a_kill_without_asking_again(world, me, provider):
    """Questions wait in sockets that outlive the daemon, and the next one answers them; one was answered twice at most."""
    target = world.target(provider, "target")
    services = world.publish(f"{target.id}:443", NAME, name="crashes", public_address="203.0.113.40")
    endpoint = me.endpoint(services["cacheservicename"], me.subnets[:1], [me.group(ingress=[EVERYTHING])])
    clients = [world.instance(me, f"asks-{server}") for server in RESOLVERS]
    for client, server in zip(clients, RESOLVERS):
        client.agent("begin_asking", server=server, name=NAME, every=0.02)
    for _ in range(3):
        time.sleep(0.3)
        world.daemon.kill()
        time.sleep(0.1)
        world.daemon.up()
    time.sleep(0.3)
    for client in clients:
        found = client.agent("stop_asking", patience=BOUND)
        assert found["unanswered"] == [] and found["asked"] > 50, found
        # Always the private answer: an alias and one address.
        assert found["answers"] == [[0, 2]] and found["longest"] < BOUND, found
    # Over TCP a connection waits to be accepted.
    world.daemon.kill()
    start = threading.Thread(target=world.daemon.up)
    start.start()
    assert clients[0].agent("ask_by_tcp", server=RESOLVERS[0], name=NAME, patience=BOUND) == [0, 2]
    start.join()
    endpoint.delete()


def test_one_namespaces_trouble_is_its_own(world, me, provider):
    """Whoever is root of an instance's network can break it in ways that cannot be repaired. The others do not wait."""
    group = me.group(ingress=[("tcp", 7000, 7000, "0.0.0.0/0")])
    broken, client = (world.instance(me, name, groups=[group]) for name in ("broken", "client"))
    namespace = world.daemon.interface(broken.id)["id"]
    broken.as_root("ip", "link", "set", "lo", "down")
    broken.as_root("ip", "link", "set", "lo", "name", "lost")

    def trouble():
        said = world.daemon.ask("status", "--json")
        found = json.loads(said.stdout)["trouble"]
        assert (said.returncode == 0) == (found is None)
        return found

    told = wait_for(trouble, seconds=20)
    assert namespace in told and "everything else is as it must be" in told, told
    # Instances, groups, endpoints and names change as ever.
    other = world.instance(me, "other", subnet=me.subnets[1], groups=[group])
    other.serve(7000)
    other.serve(7001)
    assert client.reaches(other.address, 7000) == "other"
    client.refused(other.address, 7001)
    me.allow(group, ("tcp", 7001, 7001, "0.0.0.0/0"))
    assert client.reaches(other.address, 7001) == "other"
    target = world.target(provider, "server")
    services = world.publish(f"{target.id}:443", "cache.trouble.example.com", name="trouble")
    endpoint = me.endpoint(services["cacheservicename"], me.subnets[:1], [me.group(ingress=[EVERYTHING])])
    assert client.reaches("cache.trouble.example.com", 443) == "server"
    script = user_data(world, me, "#!/bin/sh\necho ran\n")
    wait_for(lambda: world.daemon.ask("logs", script).stdout == "ran\n", seconds=10)
    # Damage elsewhere is repaired.
    other.as_root("ip", "link", "set", "eth0", "down")
    wait_for(lambda: client.agent("connect", to=other.address, port=7000, patience=1).get("name") == "other", seconds=20)
    # A daemon starts with it, and it is never given up.
    world.daemon.kill()
    world.daemon.up()
    assert namespace in trouble()
    assert client.reaches("cache.trouble.example.com", 443) == "server"
    endpoint.delete()
    broken.as_root("ip", "link", "set", "lost", "name", "lo")
    wait_for(lambda: trouble() is None, seconds=20)
    broken.serve(7000)
    assert client.reaches(broken.address, 7000) == "broken"
    assert broken.reaches("127.0.0.1", 7000) == "broken"


def test_user_data_that_the_daemons_death_kept_from_running_runs_once(world, me):
    """The launch is written down, and the daemon dies before it has made anything of it."""
    journal = world.daemon.state_dir / "events.jsonl"
    before = len(journal.read_text())
    anchor = world.daemon.anchor()
    script = "#!/bin/sh\necho ran\nsleep 1\necho ended\n"


    def launched():
        with contextlib.suppress(botocore.exceptions.BotoCoreError):
            user_data(world, me, script)

    launch = threading.Thread(target=launched)
    os.kill(anchor, signal.SIGSTOP)
    try:
        launch.start()
        written = wait_for(lambda: (text := journal.read_text()[before:]).endswith("\n") and text, seconds=10)
        world.daemon.kill()
    finally:
        os.kill(anchor, signal.SIGCONT)
    launch.join()
    [instance] = set(re.findall(r"\bi-[0-9a-f]{17}\b", written))
    assert world.daemon.ask("logs", instance).stdout == ""
    world.daemon.up()
    log = lambda: world.daemon.ask("logs", instance).stdout
    wait_for(lambda: log(), seconds=10)
    assert log().startswith("ran\n"), log()
    # Once it has begun, no death of a daemon begins it again.
    world.daemon.kill()
    world.daemon.up()
    wait_for(lambda: log().endswith("ended\n"), seconds=10)
    world.daemon.kill()
    world.daemon.up()
    assert log() == "ran\nended\n"
