"""redis-py and the Momento SDK on one server at once, each seeing what the other writes."""

from __future__ import annotations

import threading
from datetime import timedelta

import redis
import redis.asyncio
import server
from momento import CacheClient
from momento.responses import (
    CacheDictionaryFetch,
    CacheGet,
    CacheListFetch,
    CacheSet,
    CacheSetFetch,
    CacheSortedSetFetch,
    TopicPublish,
    TopicSubscribe,
    TopicSubscriptionItem,
)

from momento.requests import CollectionTtl


def test_items_of_every_type(client: redis.Redis, momento: CacheClient, cache: str) -> None:
    client.set("scalar", "over RESP")
    got = momento.get(cache, "scalar")
    assert isinstance(got, CacheGet.Hit) and got.value_string == "over RESP"
    assert isinstance(momento.set(cache, "scalar", b"\x00over gRPC", timedelta(seconds=30)), CacheSet.Success)
    assert client.get("scalar") == "\x00over gRPC"
    assert 20 < client.ttl("scalar") <= 30

    client.hset("dictionary", mapping={"a": "1"})
    momento.dictionary_set_field(cache, "dictionary", "b", "2")
    fetched = momento.dictionary_fetch(cache, "dictionary")
    assert isinstance(fetched, CacheDictionaryFetch.Hit)
    assert fetched.value_dictionary_string_string == client.hgetall("dictionary") == {"a": "1", "b": "2"}

    client.rpush("list", "a")
    momento.list_push_front(cache, "list", "b", ttl=CollectionTtl.of(timedelta(seconds=60)))
    listed = momento.list_fetch(cache, "list")
    assert isinstance(listed, CacheListFetch.Hit)
    assert listed.value_list_string == client.lrange("list", 0, -1) == ["b", "a"]

    client.sadd("set", "a")
    momento.set_add_element(cache, "set", "b")
    gathered = momento.set_fetch(cache, "set")
    assert isinstance(gathered, CacheSetFetch.Hit)
    assert gathered.value_set_string == set(client.smembers("set")) == {"a", "b"}

    client.zadd("sorted", {"a": 2})
    momento.sorted_set_put_element(cache, "sorted", "b", 1.5)
    ordered = momento.sorted_set_fetch_by_rank(cache, "sorted")
    assert isinstance(ordered, CacheSortedSetFetch.Hit)
    pairs = [tuple(pair) for pair in client.zrange("sorted", 0, -1, withscores=True)]
    assert ordered.value_list_string == pairs == [("b", 1.5), ("a", 2.0)]


def test_both_write_at_once(cache: str, momento: CacheClient, protocol: int) -> None:
    """Increments of both protocols on one key: none is lost."""

    def increase() -> None:
        with server.sync(cache, protocol) as client:
            for _ in range(300):
                client.incr("n")

    others = [threading.Thread(target=increase) for _ in range(2)]
    for other in others:
        other.start()
    for _ in range(300):
        momento.increment(cache, "n", 1)
    for other in others:
        other.join(60)
    with server.sync(cache, protocol) as client:
        assert client.get("n") == "900"


def test_channels_are_topics(client: redis.Redis, cache: str) -> None:
    with server.topics() as topics, client.pubsub() as pubsub:
        assert isinstance(topics.publish(cache, "news", "before"), TopicPublish.Success)
        pubsub.subscribe("news", "other")
        kinds = [pubsub.get_message(timeout=10)["type"] for _ in range(2)]
        assert kinds == ["subscribe", "subscribe"]

        assert isinstance(topics.publish(cache, "news", "über gRPC"), TopicPublish.Success)
        message = pubsub.get_message(timeout=10)
        assert (message["type"], message["channel"], message["data"]) == ("message", "news", "über gRPC")

        subscribed = topics.subscribe(cache, "news")
        assert isinstance(subscribed, TopicSubscribe.Subscription)
        latest = next(subscribed)
        assert isinstance(latest, TopicSubscriptionItem.Text) and latest.value == "über gRPC"
        assert client.publish("news", "über RESP") == 2
        item = next(subscribed)
        assert isinstance(item, TopicSubscriptionItem.Text) and item.value == "über RESP"
        assert pubsub.get_message(timeout=10)["data"] == "über RESP"
        client.publish("news", b"\xff\x00")
        item = next(subscribed)
        assert isinstance(item, TopicSubscriptionItem.Binary) and item.value == b"\xff\x00"

        assert client.pubsub_numsub("news", "none") == [("news", 2), ("none", 0)]
        assert set(client.pubsub_channels()) == {"news", "other"}
        pubsub.unsubscribe()


async def test_listening_asynchronously(async_client: redis.asyncio.Redis, cache: str, protocol: int) -> None:
    async with async_client.pubsub() as pubsub:
        await pubsub.subscribe("news")
        assert (await pubsub.get_message(timeout=10))["type"] == "subscribe"
        for number in range(500):
            assert await async_client.publish("news", number) == 1
        for number in range(500):
            message = await pubsub.get_message(timeout=10)
            assert message["data"] == str(number)
        if protocol == 2:
            # In version 3 the answer is no message, and redis-py takes its first letter for a kind.
            await pubsub.ping()
            assert (await pubsub.get_message(timeout=10))["type"] == "pong"


def test_a_cache_that_is_deleted_ends_its_subscribers(momento: CacheClient, protocol: int) -> None:
    name = server.unique("resp-gone")
    momento.create_cache(name)
    with server.sync(name, protocol, retry=None) as client, client.pubsub() as pubsub:
        pubsub.subscribe("news")
        assert pubsub.get_message(timeout=10)["type"] == "subscribe"
        momento.delete_cache(name)
        try:
            told = pubsub.get_message(timeout=10)
        except redis.RedisError as error:
            told = error
        assert "Cache not found" in str(told)
