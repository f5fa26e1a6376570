"""The cell's other ports through an interface endpoint: the official protosocket client and redis-py, unmodified, in an
instance; and the port that takes connections behind a PROXY protocol header."""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from daemon import EVERYTHING, ROOT, python, user
from instance import wait_for

CELL = "cell-1.ports.example.com"
CACHE = "orders"


@pytest.fixture(scope="module")
def folder():
    """The programs, where any user can run them, and the server's data."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    official = ["--manifest-path", "conformance/rust/Cargo.toml", "--target-dir", target / "conformance/rust"]
    if "KURA_BUILT" not in os.environ:
        subprocess.run(["cargo", "build", "--quiet", "--package", "kura"], cwd=ROOT, check=True)
        subprocess.run(["cargo", "build", "--quiet", "--example", "protosocket", *official], cwd=ROOT, check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kura-ports-"))
    folder.chmod(0o755)
    shutil.copy(target / "debug/kura", folder / "kura")
    shutil.copy(target / "conformance/rust/debug/examples/protosocket", folder / "client")
    # redis-py, and what it needs where Python is older than 3.11.3.
    for package in ("redis", "async_timeout"):
        [place] = importlib.util.find_spec(package).submodule_search_locations
        shutil.copytree(place, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").mkdir(mode=0o700)
    if user() is not None:
        os.chown(folder / "data", user(), user())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(world, provider, folder):
    """The provider's instance with `kura` in it; what its key is."""
    instance = world.instance(provider, "cache", groups=[provider.group(ingress=[EVERYTHING])])
    data = ["--data-dir", folder / "data"]
    listen = ["--tls-listen", "0.0.0.0:443", "--protosocket-listen", "0.0.0.0:9004", "--resp-listen", "0.0.0.0:6379"]
    listen += ["--private-listen", "0.0.0.0:8444", "--admin-listen", "127.0.0.1:9280"]
    serve = world.daemon.command("exec", instance.id, "--", folder / "kura", "serve", "--cell", CELL, "--memory", "64MiB", *listen, *data)
    log = folder / "log"
    with log.open("w") as said:
        running = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        wait_for(lambda: "kura ready" in log.read_text() or running.poll() is not None, seconds=30)
        assert running.poll() is None, log.read_text()

        def kura(*words):
            command = [*world.daemon.program.command, folder / "kura", *words, *data]
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

        kura("cache", "create", CACHE)
        ca = subprocess.run([*world.daemon.program.command, "cat", folder / "data/ca.pem"], capture_output=True, check=True)
        (folder / "ca.pem").write_bytes(ca.stdout)
        yield instance, kura("key", "create", "--name", "client").split()[-1]
    finally:
        running.terminate()
        running.wait(timeout=30)


@pytest.fixture(scope="module")
def published(world, server):
    """Parameter to service name."""
    instance, _ = server
    return world.publish(f"{instance.id}:443", f"cache.{CELL}", f"control.{CELL}", name="cell")


def test_the_official_client_sets_and_gets_through_an_endpoint(world, me, folder, server, published):
    _, key = server
    private_list = lambda: world.daemon.run("publish", "--name", "cell", "--private-list").strip()
    assert private_list() == ""
    unknown = world.daemon.ask("publish", "--name", "nobody", "--private-list")
    assert unknown.returncode != 0 and '"nobody"' in unknown.stderr, unknown
    only_grpc = me.group(ingress=[("tcp", 443, 443, "0.0.0.0/0")])
    everything = me.group(ingress=[EVERYTHING])
    endpoint = me.endpoint(published["cacheservicename"], me.subnets[:1], [only_grpc], private_dns=True)
    control = me.endpoint(published["controlservicename"], me.subnets[:1], [everything], private_dns=True)
    client = world.instance(me, "client", groups=[everything])
    environment = [f"KURA_API_KEY={key}", f"KURA_ENDPOINT={CELL}", f"KURA_CA={folder / 'ca.pem'}"]

    def sets_and_gets():
        return world.daemon.ask("exec", client.id, "--", "env", *environment, folder / "client", CACHE)

    [(zone, address)] = endpoint.addresses().items()
    [zone] = me.ec2.describe_availability_zones(ZoneNames=[zone])["AvailabilityZones"]
    assert private_list() == f"{zone['ZoneId']}={address}:9004"
    assert client.dig(f"cache.{CELL}").data("A") == [address]
    # A group that lets gRPC in does not let this in.
    refused = sets_and_gets()
    assert refused.returncode != 0 and "value" not in refused.stdout, refused
    me.ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint.id, AddSecurityGroupIds=[everything], RemoveSecurityGroupIds=[only_grpc]
    )
    done = wait_for(lambda: (done := sets_and_gets()).returncode == 0 and done, seconds=30)
    assert done.stdout == "value\n", done
    # The names of other services have no such port.
    [address] = control.addresses().values()
    assert "name" not in client.agent("connect", to=address, port=9004, patience=1)
    endpoint.delete()
    control.delete()


REDIS = """
import os, redis
from redis.backoff import NoBackoff
from redis.retry import Retry
it = redis.Redis(
    host=os.environ["HOST"], port=6379, username=os.environ["CACHE"], password=os.environ["KEY"], ssl=True,
    ssl_ca_certs=os.environ["CA"], socket_connect_timeout=2, socket_timeout=10, decode_responses=True,
    retry=Retry(NoBackoff(), 0),
)
assert it.set("key", "value", ex=60)
it.hset("user", mapping={"name": "Ada", "city": "London"})
print(it.get("key"), it.hgetall("user")["name"], it.zadd("scores", {"ada": 12.5}), it.ttl("key") <= 60)
"""


def test_redis_py_sets_and_gets_through_an_endpoint(world, me, folder, server, published):
    _, key = server
    only_grpc = me.group(ingress=[("tcp", 443, 443, "0.0.0.0/0")])
    everything = me.group(ingress=[EVERYTHING])
    endpoint = me.endpoint(published["cacheservicename"], me.subnets[:1], [only_grpc], private_dns=True)
    control = me.endpoint(published["controlservicename"], me.subnets[:1], [everything], private_dns=True)
    client = world.instance(me, "redis", groups=[everything])
    environment = [f"PYTHONPATH={folder}", "PYTHONDONTWRITEBYTECODE=1", f"KEY={key}", f"CACHE={CACHE}"]
    environment += [f"HOST=cache.{CELL}", f"CA={folder / 'ca.pem'}"]

    def sets_and_gets():
        return world.daemon.ask("exec", client.id, "--", "env", *environment, python(), "-c", REDIS)

    refused = sets_and_gets()
    assert refused.returncode != 0 and "Timeout" in refused.stderr, refused
    me.ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint.id, AddSecurityGroupIds=[everything], RemoveSecurityGroupIds=[only_grpc]
    )
    done = wait_for(lambda: (done := sets_and_gets()).returncode == 0 and done, seconds=30)
    assert done.stdout == "value Ada 1 True\n", done
    # Nothing of it left by the internet gateway.
    assert world.daemon.interface(client.id)["packets_to_public"] == 0
    [address] = control.addresses().values()
    assert "name" not in client.agent("connect", to=address, port=6379, patience=1)
    endpoint.delete()
    control.delete()


CONNECTED = """
import re, sys, urllib.request
metrics = urllib.request.urlopen("http://127.0.0.1:9280/metrics", timeout=5).read().decode()
print(re.findall(r'^kura_private_connections{endpoint="(.*)"} [1-9]', metrics, re.M))
"""


def test_the_private_listener_knows_the_endpoint_of_a_connection(world, me, folder, server):
    instance, key = server
    names = [f"{service}.{CELL}" for service in ("cache", "control")]
    published = world.publish(f"{instance.id}:8444", *names, name="proxied", proxy_protocol=True)
    everything = me.group(ingress=[EVERYTHING])
    services = [published[parameter] for parameter in ("cacheservicename", "controlservicename")]
    endpoint, control = [me.endpoint(service, me.subnets[:1], [everything], private_dns=True) for service in services]
    client = world.instance(me, "proxied", groups=[everything])
    check = ["bench", "check", "--target", f"cell=https://{CELL}", "--cache", CACHE, "--reads", "100", "--json"]
    run = ["env", f"MOMENTO_API_KEY={key}", folder / "kura", *check, "--ca", folder / "ca.pem"]
    connected = lambda: world.daemon.run("exec", instance.id, "--", python(), "-c", CONNECTED).strip()
    running = subprocess.Popen(
        world.daemon.command("exec", client.id, "--", *run, "--writes", "20000"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        # While the client is at it, the server says which endpoint it came by.
        wait_for(lambda: endpoint.id in connected() or running.poll() is not None, seconds=30)
        assert running.poll() is None, running.communicate()
    finally:
        said, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    [address] = endpoint.addresses().values()
    assert json.loads(said)["targets"]["cell"]["address"] == f"{address}:443"
    wait_for(lambda: endpoint.id not in connected(), seconds=30)
    endpoint.delete()
    control.delete()
