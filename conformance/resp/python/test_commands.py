"""The commands of every group, as redis-py sends them and reads their answers."""

from __future__ import annotations

import pytest
import redis
import redis.asyncio
import server


def test_strings(client: redis.Redis) -> None:
    assert client.set("k", "v", ex=60) is True
    assert client.get("k") == "v"
    assert 50 < client.ttl("k") <= 60
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", xx=True, get=True) == "v"
    assert client.getex("k", persist=True) == "w"
    assert client.mset({"a": "1", "b": "2"}) is True
    assert client.mget("a", "none", "b") == ["1", None, "2"]
    assert client.incrby("a", 5) == 6
    assert client.incrbyfloat("b", 0.5) == 2.5
    assert client.append("k", "!!") == 3
    assert client.getrange("k", 0, 0) == "w"
    assert client.setrange("k", 1, "??") == 3
    assert client.strlen("k") == 3
    assert client.getdel("k") == "w??"
    assert client.setbit("bits", 7, 1) == 0
    assert client.getbit("bits", 7) == 1
    assert client.bitcount("bits") == 1
    assert client.bitpos("bits", 1) == 7
    assert client.bitop("NOT", "others", "bits") == 1
    assert client.bitfield("bits").set("u8", 0, 200).incrby("u8", 0, 100, overflow="SAT").execute() == [1, 255]
    client.mset({"x": "ohmytext", "y": "mynewtext"})
    assert client.lcs("x", "y") == "mytext"


def test_hashes(client: redis.Redis) -> None:
    assert client.hset("h", mapping={"a": "1", "b": "2", "c": "3"}) == 3
    assert client.hget("h", "a") == "1"
    assert client.hgetall("h") == {"a": "1", "b": "2", "c": "3"}
    assert client.hmget("h", ["a", "none"]) == ["1", None]
    assert client.hincrby("h", "a", 2) == 3
    assert client.hdel("h", "c", "none") == 1
    assert client.hlen("h") == 2
    assert sorted(client.hkeys("h")) == ["a", "b"]
    assert client.hsetnx("h", "a", "x") == 0
    assert client.hexists("h", "a") is True
    assert client.hrandfield("h") in ("a", "b")
    assert dict(client.hscan_iter("h", match="a*")) == {"a": "3"}


def test_lists(client: redis.Redis) -> None:
    assert client.rpush("l", "a", "b", "c", "b") == 4
    assert client.lrange("l", 0, -1) == ["a", "b", "c", "b"]
    assert client.lpos("l", "b", rank=-1) == 3
    assert client.lpos("l", "b", count=0) == [1, 3]
    assert client.lmove("l", "m", "LEFT", "RIGHT") == "a"
    assert client.rpoplpush("l", "m") == "b"
    assert client.lrange("m", 0, -1) == ["b", "a"]
    assert client.lmpop(2, "none", "m", direction="LEFT", count=5) == ["m", ["b", "a"]]
    assert client.lpop("l", 2) == ["b", "c"]
    assert client.lpop("l") is None
    assert client.exists("l", "m") == 0


def test_sets(client: redis.Redis) -> None:
    client.sadd("s", "a", "b", "c")
    client.sadd("t", "b", "c", "d")
    assert client.smembers("s") == {"a", "b", "c"}
    assert set(client.sunion("s", "t")) == {"a", "b", "c", "d"}
    assert set(client.sinter("s", "t")) == {"b", "c"}
    assert set(client.sdiff("s", "t")) == {"a"}
    assert client.sintercard(2, ["s", "t"], limit=1) == 1
    assert client.sunionstore("u", "s", "t") == 4
    assert client.smove("s", "t", "a") is True
    assert client.smismember("t", ["a", "x"]) == [1, 0]
    assert set(client.sscan_iter("u")) == {"a", "b", "c", "d"}
    assert client.spop("u") in ("a", "b", "c", "d")


def test_sorted_sets(client: redis.Redis) -> None:
    assert client.zadd("z", {"a": 1, "b": 2.5, "c": 3}) == 3
    assert client.zrange("z", 0, -1) == ["a", "b", "c"]
    assert [list(pair) for pair in client.zrange("z", 0, 1, withscores=True)] == [["a", 1.0], ["b", 2.5]]
    assert client.zincrby("z", 4, "a") == 5.0
    assert client.zrank("z", "a") == 2
    assert client.zscore("z", "none") is None
    assert client.zmscore("z", ["a", "none"]) == [5.0, None]
    assert client.zrangebyscore("z", 2, "(5") == ["b", "c"]
    client.zadd("y", {"b": 1, "d": 1})
    assert client.zinter(["z", "y"]) == ["b"]
    assert set(client.zunion(["z", "y"])) == {"a", "b", "c", "d"}
    assert client.zdiff(["z", "y"]) == ["c", "a"]
    assert client.zunionstore("u", ["z", "y"], aggregate="MAX") == 4
    assert client.zrangestore("r", "z", 0, 1) == 2
    assert client.zintercard(2, ["z", "y"]) == 1
    key, popped = client.zmpop(2, ["none", "z"], min=True)
    assert key == "z" and popped[0][0] == "b"
    assert {member for member, _ in client.zscan_iter("u")} == {"a", "b", "c", "d"}
    assert [member for member, _ in client.zpopmax("u", 1)] == ["a"]


def test_keys(client: redis.Redis) -> None:
    names = {f"key:{number}" for number in range(300)}
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.set(name, "v")
        assert all(pipe.execute())
    assert set(client.scan_iter()) == names
    assert set(client.scan_iter(match="key:1?", count=5)) == {f"key:1{digit}" for digit in range(10)}
    assert set(client.scan_iter(_type="hash")) == set()
    assert set(client.keys("key:29?")) == {f"key:29{digit}" for digit in range(10)}
    assert client.dbsize() == 300
    assert client.randomkey() in names
    assert client.rename("key:0", "moved") is True
    assert client.copy("moved", "key:0") is True
    assert client.renamenx("moved", "key:1") is False
    assert client.type("moved") == "string"
    assert client.expire("moved", 100, lt=True) is True
    assert client.delete("moved", "none") == 1
    client.rpush("l", "3", "1", "2")
    assert client.sort("l", desc=True) == ["3", "2", "1"]
    assert client.flushdb() is True
    assert client.dbsize() == 0


def test_pipelines_of_thousands(client: redis.Redis) -> None:
    with client.pipeline(transaction=False) as pipe:
        for number in range(5_000):
            pipe.set(f"k{number}", number).get(f"k{number}")
        answers = pipe.execute()
    assert answers[0::2] == [True] * 5_000
    assert answers[1::2] == [str(number) for number in range(5_000)]


async def test_many_calls_at_once(async_client: redis.asyncio.Redis) -> None:
    import asyncio

    await asyncio.gather(*(async_client.set(f"k{number}", number) for number in range(50)))
    values = await asyncio.gather(*(async_client.get(f"k{number}") for number in range(50)))
    assert values == [str(number) for number in range(50)]
    async with async_client.pipeline(transaction=False) as pipe:
        assert await pipe.incr("n").incr("n").get("n").execute() == [1, 2, "2"]
    assert {key async for key in async_client.scan_iter(match="k4?")} == {f"k4{digit}" for digit in range(10)}


def test_what_a_client_asks_about_itself_and_the_server(client: redis.Redis, cache: str) -> None:
    assert client.ping() is True
    assert client.echo("here") == "here"
    assert client.client_getname() == "conformance"
    about = client.client_info()
    assert about["id"] == client.client_id() and about["lib-name"].startswith("redis-py") and about["user"] == cache
    info = client.info()
    assert info["role"] == "master" and info["loading"] == 0 and info["cluster_enabled"] == 0
    assert set(client.info("server")) == {
        "redis_version", "redis_mode", "server_name", "kura_version", "arch_bits"
    }
    assert client.config_get("save", "appendonly") == {"save": "", "appendonly": "no"}
    assert client.command_count() > 150
    assert client.command_getkeys("ZUNIONSTORE", "t", 2, "a", "b") == ["t", "a", "b"]
    assert "get" in client.command()
    assert client.select(0) is True
    seconds, microseconds = client.time()
    assert seconds > 1_600_000_000 and 0 <= microseconds < 1_000_000


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("EVAL", "return 1", "0"), "no programs run within the server"),
        (("MULTI",), "each command stands for itself"),
        (("BLPOP", "l", "1"), "no command waits"),
        (("PSUBSCRIBE", "a*"), "a subscription is to one topic"),
        (("HEXPIRE", "h", "1", "FIELDS", "1", "f"), "a field has no time to live of its own"),
        (("XADD", "s", "*", "f", "v"), "there are no items of this type"),
        (("CLUSTER", "INFO"), "a cache is one database on one server"),
        (("CONFIG", "SET", "save", ""), "the server is configured by flags"),
        (("CLIENT", "TRACKING", "ON"), "does not remember who has read what"),
    ],
)
def test_what_is_left_out_says_so(client: redis.Redis, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(redis.ResponseError, match=why) as refused:
        client.execute_command(*words)
    assert words[0] in str(refused.value) and "not offered" in str(refused.value)
    assert client.ping() is True


@pytest.mark.skipif(server.MODE == "local", reason="nobody is asked for a key")
def test_a_wrong_key_is_refused(cache: str, protocol: int) -> None:
    for password in ("forged", server.KEY[:-2]):
        with server.sync(cache, protocol, password=password) as client:
            with pytest.raises(redis.AuthenticationError):
                client.ping()
