"""redis-cli and redis-benchmark of the distribution."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import server


def command_line(program: str, cache: str, *words: str, input: str | None = None) -> str:
    command = [program, "-h", server.HOST, "-p", server.PORT, "--user", cache]
    if server.MODE != "local":
        command += ["--tls", "--cacert", os.environ["KURA_CA"]]
    # What stands among the arguments can be read by everybody on the machine.
    environment = os.environ | {"REDISCLI_AUTH": server.KEY or "any"}
    if program == "redis-benchmark":
        command += ["-a", server.KEY or "any"]
    done = subprocess.run(
        [*command, *words], env=environment, input=input, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands(cache: str) -> None:
    def say(*words: str) -> str:
        return command_line("redis-cli", cache, *words).strip()

    assert say("SET", "k", "v") == "OK"
    assert say("GET", "k") == "v"
    assert say("-3", "HSET", "h", "f", "v") == "1"
    assert say("-3", "HGETALL", "h") == "f v"
    assert "not offered" in say("EVAL", "return 1", "0")
    assert say("--scan", "--pattern", "k*") == "k"
    assert say("DBSIZE") == "2"


def test_lines_and_quotes(cache: str) -> None:
    """As from a terminal, after what redis-cli asks for its hints."""
    told = command_line("redis-cli", cache, input='SET "a key" "a\\nvalue"\nSTRLEN "a key"\nGET none\n')
    assert told.splitlines() == ["OK", "7", ""]


def test_mass_insertion(cache: str) -> None:
    lines = "".join(f"SET key{number} {number}\r\n" for number in range(10_000))
    told = command_line("redis-cli", cache, "--pipe", input=lines)
    assert "errors: 0, replies: 10000" in told


def test_an_ordinary_load(cache: str, tmp_path: Path) -> None:
    told = command_line(
        "redis-benchmark", cache, "-q", "-n", "2000", "-c", "10", "-P", "16",
        "-t", "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset",
    )
    assert "requests per second" in told and "rror" not in told, told
