"""The real `kura-link` with real packets: one daemon for each file of tests.

`KURA_LINK_AS=65534` runs everything of the link as that unprivileged user (the tests must be root for that).
"""

import os
import pathlib
import shutil
import subprocess

import pytest

from daemon import CONSUMER, PROVIDER, ROOT, Daemon, Program, user
from instance import World

NEEDED = {"nft": "nftables", "dig": "bind9-dnsutils", "ip": "iproute2", "setpriv": "util-linux", "nsenter": "util-linux"}


def pytest_report_header():
    who = f"user {user()}" if user() is not None else f"the calling user, {os.geteuid()}"
    return f"kura-link runs as {who}"


@pytest.fixture(scope="session")
def program():
    missing = sorted({package for name, package in NEEDED.items() if not shutil.which(name)})
    if missing:
        pytest.exit(f"missing; as root: apt-get install --no-install-recommends {' '.join(missing)}", 1)
    if user() is not None and os.geteuid() != 0:
        pytest.exit("KURA_LINK_AS takes root to become another user; leave it out to run as yourself", 1)
    if "KURA_BUILT" not in os.environ:
        subprocess.run(["cargo", "build", "--quiet", "--package", "kura-link"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = Program(target / "debug/kura-link")
    yield program
    program.remove()


@pytest.fixture(scope="session")
def start(program):
    """Starts a daemon with options; whoever starts it ends it."""
    return lambda *options: Daemon(program, *options)


@pytest.fixture(scope="module")
def world(start):
    world = World(start())
    yield world
    world.close()


@pytest.fixture(scope="module")
def me(world):
    """The consumer: the account that instances and endpoints are of."""
    return world.daemon.account(CONSUMER)


@pytest.fixture(scope="module")
def provider(world):
    return world.daemon.account(PROVIDER)
