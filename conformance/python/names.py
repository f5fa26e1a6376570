"""What names lead to from here: addresses, and with --knock whether TLS on port 443 proves the name. Prints JSON."""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys


def resolve(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, 443, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
            return []
        raise SystemExit(f"{name}: {error}") from error
    return sorted({address[0] for *_, address in found})


def knock(name: str) -> bool:
    context = ssl.create_default_context(cafile=os.environ["KURA_CA"])
    context.set_alpn_protocols(["h2"])
    try:
        with socket.create_connection((name, 443), timeout=3) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secured:
                return secured.selected_alpn_protocol() == "h2"
    except ssl.SSLError:
        raise
    except OSError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False


def main() -> None:
    names = [name for name in sys.argv[1:] if name != "--knock"]
    for name in names:
        answer = {"name": name, "addresses": resolve(name)}
        if "--knock" in sys.argv:
            answer["tls"] = knock(name)
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
