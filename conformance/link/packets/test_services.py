"""Endpoint services: who may connect, when, and what the target is told."""

import contextlib
import socket
import struct
import threading

import botocore.exceptions
import pytest

from daemon import CONSUMER, EVERYTHING
from instance import SILENCE

# 100 bytes, as AWS's own sample: signature, version and command, family, length, 12 of addresses and ports.
HEADER = 100


@pytest.fixture(scope="module")
def target(world, provider):
    return world.target(provider, "target")


@pytest.fixture(scope="module")
def open_group(me):
    return me.group(ingress=[EVERYTHING])


@pytest.fixture(scope="module")
def client(world, me, open_group):
    return world.instance(me, "client", groups=[open_group])


@pytest.fixture
def refused():
    @contextlib.contextmanager
    def refused(code):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            yield
        assert caught.value.response["Error"]["Code"] == code, caught.value

    return refused


def id_of(service):
    return service.rsplit(".", 1)[1]


def test_a_connection_waits_until_it_is_accepted(world, me, provider, target, client, open_group, refused):
    name = "cache.accept.example.com"
    service = world.publish(f"{target.id}:443", name, name="accept", acceptance_required=True)["cacheservicename"]
    with refused("InvalidParameter"):
        me.endpoint(service, me.subnets[:1], [open_group], private_dns=True)
    endpoint = me.endpoint(service, me.subnets[:1], [open_group], private_dns=False)
    assert endpoint.shown()["State"] == "pendingAcceptance"
    addresses = [one["address"] for vpc in world.daemon.json("status")["vpcs"] for one in vpc["interfaces"]
                 if one["holder"] == endpoint.id]
    for address in addresses:
        assert "name" not in client.agent("connect", to=address, port=443, patience=SILENCE)
    assert world.daemon.ask("trace", "--from", client.id, name).returncode == 4
    provider.ec2.accept_vpc_endpoint_connections(ServiceId=id_of(service), VpcEndpointIds=[endpoint.id])
    assert endpoint.shown()["State"] == "available"
    [address] = endpoint.addresses().values()
    assert client.reaches(address, 443) == "target"
    assert client.dig(name).status == "SERVFAIL"
    me.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint.id, PrivateDnsEnabled=True)
    assert client.dig(name).data("A") == [address]
    assert client.reaches(name, 443) == "target"
    provider.ec2.reject_vpc_endpoint_connections(ServiceId=id_of(service), VpcEndpointIds=[endpoint.id])
    assert endpoint.shown()["State"] == "rejected"
    assert "name" not in client.agent("connect", to=address, port=443, patience=SILENCE)
    assert client.dig(name).data("A") == []
    endpoint.delete()


def test_who_is_not_allowed_sees_no_service(world, me, provider, target, client, open_group, refused):
    arn = "arn:aws:iam::222222222222:root"
    service = world.publish(f"{target.id}:443", "cache.allow.example.com", name="allow", allow=arn)["cacheservicename"]
    with refused("InvalidServiceName"):
        me.endpoint(service, me.subnets[:1], [open_group])
    provider.ec2.modify_vpc_endpoint_service_permissions(
        ServiceId=id_of(service), AddAllowedPrincipals=[f"arn:aws:iam::{CONSUMER}:root"]
    )
    endpoint = me.endpoint(service, me.subnets[:1], [open_group])
    assert client.reaches("cache.allow.example.com", 443) == "target"
    endpoint.delete()


def header(client, endpoint, source, port, at):
    """The header's exact bytes, made here from the protocol's text and AWS's sample; the checksum bit by bit."""
    fields = socket.inet_aton(client) + socket.inet_aton(at) + struct.pack("!2H", source, port)
    id = endpoint.encode()
    body = fields + b"\x03\0\x04" + bytes(4) + b"\xea" + struct.pack("!H", 1 + len(id)) + b"\x01" + id
    head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", HEADER - 16)
    body += b"\x04" + struct.pack("!H", HEADER - 16 - len(body) - 3) + bytes(HEADER - 16 - len(body) - 3)
    whole = head + body
    return whole[:31] + struct.pack("!I", crc32c(whole)) + whole[35:]


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def test_the_checksum_is_the_one_of_awss_sample():
    """Of the captured header that AWS publishes only the checksum is not made up of what is known; CRC-32C's own
    check value stands for it."""
    assert crc32c(b"123456789") == 0xE3069283


def test_the_proxy_header_is_byte_exact(world, me, target, client, open_group):
    name = "cache.proxy.example.com"
    target.serve(8443, read=HEADER)
    service = world.publish(
        f"{target.id}:8443", name, name="proxy", proxy_protocol=True, public_address="203.0.113.30"
    )["cacheservicename"]
    endpoint = me.endpoint(service, me.subnets[:2], [open_group])
    for address in endpoint.addresses().values():
        found = client.agent("connect", to=address, port=443, patience=5)
        assert found.get("name") == "target", found
        got = target.agent("seen", port=8443)[-1]
        assert got["first"] == header(client.address, endpoint.id, found["source"][1], 443, address).hex()
        # What it is told comes from the balancer; the connection itself does not come from the client.
        assert got["peer"][0] != client.address
    endpoint.delete()


def test_who_did_not_ask_for_a_header_gets_none(world, me, provider, target, client, open_group):
    """On the same machine, beside a service that does: neither a private nor a public connection has one."""
    name = "cache.plain.example.com"
    target.serve(9443, read=5)
    service = world.publish(f"{target.id}:9443", name, name="plain", public_address="203.0.113.31")["cacheservicename"]
    endpoint = me.endpoint(service, me.subnets[:1], [open_group])
    for to in (*endpoint.addresses().values(), "203.0.113.31"):
        talk = client.daemon.run("exec", client.id, "--", "python3", "-c", HELLO, to)
        assert talk.strip() == "target"
        assert bytes.fromhex(target.agent("seen", port=9443)[-1]["first"]) == b"hello"
    endpoint.delete()


HELLO = """
import socket, sys
it = socket.create_connection((sys.argv[1], 443), 5)
it.sendall(b"hello")
print(it.recv(64).decode())
"""


class Local:
    """A server on the machine's own 127.0.0.1, outside of every VPC."""

    def __init__(self, name, silent):
        self.name, self.silent, self.first = name, silent, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    def answer(self, peer):
        with contextlib.suppress(OSError), peer:
            peer.sendall(self.name.encode() + b"\n")
            while data := peer.recv(4096):
                self.first += data
                # A header is not the client's, and not echoed.
                peer.sendall(self.first[self.silent:])


@pytest.mark.parametrize("proxy", [False, True])
def test_a_process_of_the_machine_is_reached_by_a_relay(world, me, client, open_group, proxy):
    local = Local(f"machine-{proxy}", HEADER if proxy else 0)
    name = f"cache.relay-{proxy}.example.com".lower()
    options = {"proxy_protocol": True} if proxy else {}
    service = world.publish(f"127.0.0.1:{local.port}", name, name=f"relay{proxy}".lower(), account="111111111111", **options)
    endpoint = me.endpoint(service["cacheservicename"], me.subnets[:1], [open_group])
    found = client.agent("connect", to=name, port=443, patience=5, hold=True)
    assert found.get("name") == local.name, found
    assert client.say(found["held"])
    [address] = endpoint.addresses().values()
    expected = b"still there\n"
    if proxy:
        expected = header(client.address, endpoint.id, found["source"][1], 443, address) + expected
    assert local.first == expected
    # The relay leads to that one process, not to the machine.
    assert "name" not in client.agent("connect", to=address, port=local.port, patience=SILENCE)
    assert "name" not in client.agent("connect", to="127.0.0.1", port=local.port, patience=SILENCE)
    assert "by a relay to a process of this machine" in world.daemon.run("trace", "--from", client.id, name)
    targets = [one for one in world.daemon.json("status")["services"] if one["private_dns"] == name][0]["targets"]
    assert {one["path"] for one in targets} == {"forwarder"}
    local.listener.close()
    endpoint.delete()
