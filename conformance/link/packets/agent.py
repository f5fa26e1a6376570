"""What runs inside an instance: sockets, on request. A line of JSON comes in, a line of JSON goes out.

Started with `python3 -c`, so that it needs no file inside. Everything it does is bounded in time.
"""

import errno
import json
import os
import socket
import struct
import sys
import threading
import time

HELD = {}
SEEN = {}


def serve(name, port, kind="tcp", read=0):
    """Tells whoever connects this server's name, then echoes. With `read`, that many bytes are taken first."""
    if kind == "udp":
        it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        it.bind(("0.0.0.0", port))
        SEEN[("udp", port)] = []
        threading.Thread(target=answer_datagrams, args=(it, name, port), daemon=True).start()
        return True
    it = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    it.bind(("0.0.0.0", port))
    it.listen(64)
    SEEN[("tcp", port)] = []
    threading.Thread(target=accept, args=(it, name, port, read), daemon=True).start()
    return True


def answer_datagrams(it, name, port):
    while True:
        data, peer = it.recvfrom(2048)
        SEEN[("udp", port)].append({"peer": list(peer), "data": data.decode("latin1")})
        it.sendto(name.encode(), peer)


def accept(it, name, port, read):
    while True:
        peer, address = it.accept()
        threading.Thread(target=echo, args=(peer, address, name, port, read), daemon=True).start()


def echo(peer, address, name, port, read):
    peer.settimeout(30)
    seen = {"peer": list(address), "at": list(peer.getsockname()), "first": ""}
    try:
        first = b""
        while len(first) < read:
            more = peer.recv(read - len(first))
            if not more:
                return
            first += more
        seen["first"] = first.hex()
        SEEN[("tcp", port)].append(seen)
        peer.sendall(name.encode() + b"\n")
        while True:
            data = peer.recv(4096)
            if not data:
                return
            seen["rest"] = seen.get("rest", "") + data.decode("latin1")
            peer.sendall(data)
    except OSError:
        pass
    finally:
        peer.close()


def seen(port, kind="tcp"):
    return SEEN[(kind, port)]


def connect(to, port, patience, hold=False, source=None):
    """The name of the server that answers, or why none does."""
    it = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    it.settimeout(patience)
    try:
        if source:
            it.bind((source, 0))
        to = socket.getaddrinfo(to, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
        it.connect(to)
        name = b""
        while not name.endswith(b"\n"):
            byte = it.recv(1)
            if not byte:
                return {"error": "closed"}
            name += byte
        found = {"name": name.decode().strip(), "source": list(it.getsockname()), "to": list(it.getpeername())}
        if hold:
            found["held"] = len(HELD)
            HELD[len(HELD)] = it
            it = None
        return found
    except OSError as error:
        return {"error": why(error)}
    finally:
        if it:
            it.close()


def why(error):
    if isinstance(error, TimeoutError):
        return "silence"
    if isinstance(error, socket.gaierror):
        return "no name"
    return errno.errorcode.get(error.errno, str(error))


def say(held, patience):
    """Whether a connection that is held still echoes."""
    it = HELD[held]
    it.settimeout(patience)
    try:
        it.sendall(b"still there\n")
        return it.recv(64) == b"still there\n"
    except OSError:
        return False


def datagram(to, port, patience):
    it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    it.settimeout(patience)
    try:
        it.connect((to, port))
        it.send(b"question")
        return {"name": it.recv(64).decode()}
    except OSError as error:
        return {"error": why(error)}
    finally:
        it.close()


ASKING = {}


def begin_asking(server, name, every):
    """Asks for a name from now on, each question once and with its own number, answered or not."""
    it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    it.settimeout(0.02)
    asked, waited, end = {}, {}, threading.Event()

    def ask():
        while not end.wait(every):
            number = len(asked) + 1
            asked[number] = time.monotonic()
            it.sendto(struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question(name), (server, 53))

    def listen():
        while not ASKING["closed"].is_set():
            try:
                data = it.recv(4096)
            except TimeoutError:
                continue
            number, flags, _, records = struct.unpack("!4H", data[:8])
            # A second answer, from whoever did not know of the first, is nobody's.
            waited.setdefault(number, [time.monotonic() - asked[number], flags & 15, records])

    ASKING.update(asked=asked, waited=waited, end=end, closed=threading.Event())
    for work in (ask, listen):
        threading.Thread(target=work, daemon=True).start()
    return True


def stop_asking(patience):
    """How many questions there were, which were not answered, the longest wait, and what was answered."""
    ASKING["end"].set()
    asked, waited = ASKING["asked"], ASKING["waited"]
    deadline = time.monotonic() + patience
    while len(waited) < len(asked) and time.monotonic() < deadline:
        time.sleep(0.01)
    ASKING["closed"].set()
    return {
        "asked": len(asked),
        "unanswered": sorted(set(asked) - set(waited)),
        "longest": max(wait for wait, _, _ in waited.values()),
        "answers": sorted({(code, records) for _, code, records in waited.values()}),
    }


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return labels + b"\0" + struct.pack("!2H", 1, 1)


def ask_many(server, name, count, patience):
    """Sends `count` questions before it reads an answer; how many came back, and the response codes."""
    it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    it.settimeout(patience)
    for number in range(count):
        it.sendto(struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question(name), (server, 53))
    answers = {}
    deadline = time.monotonic() + patience
    while len(answers) < count and time.monotonic() < deadline:
        try:
            data = it.recv(4096)
        except TimeoutError:
            break
        number, flags, _, records = struct.unpack("!4H", data[:8])
        answers[number] = [flags & 15, records]
    return answers


def ask_by_tcp(server, name, patience):
    """The response code and the number of answers."""
    with socket.create_connection((server, 53), patience) as it:
        message = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + question(name)
        it.sendall(struct.pack("!H", len(message)) + message)
        answer = b""
        while len(answer) < 10:
            answer += it.recv(4096)
        _, flags, _, records = struct.unpack("!4H", answer[2:10])
        return [flags & 15, records]


def lookup(name):
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)})
    except socket.gaierror as error:
        return {"error": str(error)}


def who():
    return {"uid": os.getuid(), "capabilities": open("/proc/self/status").read().split("CapEff:")[1].split()[0]}


# What takes CAP_NET_RAW: for whoever is root of the instance.


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(to, patience, kind=8):
    it = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    it.settimeout(patience)
    # Another number each time: to connection tracking the same one is the same flow.
    number = int.from_bytes(os.urandom(2), "big")
    packet = struct.pack("!BBHHH", kind, 0, 0, number, 1) + b"ping"
    packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
    deadline = time.monotonic() + patience
    try:
        it.sendto(packet, (to, 0))
        while time.monotonic() < deadline:
            data, peer = it.recvfrom(2048)
            if peer[0] == to and data[20] == 0 and struct.unpack("!H", data[24:26])[0] == number:
                return {"name": "pong"}
        return {"error": "silence"}
    except OSError as error:
        return {"error": why(error)}
    finally:
        it.close()


def forge(source, to, port, data, count=3):
    """Datagrams with any source address."""
    it = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    payload = data.encode()
    udp = struct.pack("!4H", 40000, port, 8 + len(payload), 0) + payload
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to)
    )
    for _ in range(count):
        try:
            it.sendto(head + udp, (to, 0))
        except OSError as error:
            return {"error": why(error)}
    return True


def listen6(patience):
    """Who, but this host, answers IPv6 on eth0: an echo to all nodes, and a question to the router's own address."""
    index = socket.if_nametoindex("eth0")
    echo = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    echo.settimeout(0.1)
    own = {line.split()[0] for line in open("/proc/net/if_inet6")}
    macs = {line.split()[3] for line in open("/proc/net/arp").read().splitlines()[1:]}
    answers = []
    deadline = time.monotonic() + patience
    places = ["ff02::1", "ff02::2"]
    for mac in macs:
        part = [int(byte, 16) for byte in mac.split(":")]
        part[0] ^= 2
        text = part[:3] + [0xFF, 0xFE] + part[3:]
        places.append("fe80::" + ":".join(f"{text[n]:02x}{text[n + 1]:02x}" for n in range(0, 8, 2)))
    for place in places:
        try:
            echo.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1), (place, 0, 0, index))
        except OSError as error:
            answers.append({"cannot": place, "error": why(error)})
    while time.monotonic() < deadline:
        try:
            data, peer = echo.recvfrom(2048)
        except TimeoutError:
            continue
        address = socket.inet_pton(socket.AF_INET6, peer[0].split("%")[0]).hex()
        if address not in own:
            answers.append({"from": peer[0], "type": data[0]})
    return {"own": sorted(own), "macs": sorted(macs), "answers": answers}


ACTIONS = dict(globals())
for line in sys.stdin:
    request = json.loads(line)
    action = ACTIONS[request.pop("do")]
    try:
        answer = {"answer": action(**request)}
    except Exception as error:
        answer = {"failed": repr(error)}
    print(json.dumps(answer), flush=True)
