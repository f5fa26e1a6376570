"""Every scalar method the Python SDK has."""

import asyncio
import time
from datetime import timedelta

import pytest
import server
from momento.errors import MomentoErrorCode
from momento.responses import CacheDelete, CacheGet, CacheIncrement, CacheSet, CacheSetIfNotExists

EVERY_BYTE = bytes(range(256))


async def value(client, cache, key):
    answer = await client.get(cache, key)
    assert isinstance(answer, CacheGet.Hit), answer
    return answer.value_bytes


async def test_what_was_set_is_got(client, cache, key):
    assert isinstance(await client.get(cache, key), CacheGet.Miss)
    assert isinstance(await client.set(cache, key, "value"), CacheSet.Success)
    answer = await client.get(cache, key)
    assert (answer.value_string, answer.value_bytes) == ("value", b"value")


@pytest.mark.parametrize("stored", [b"", b"\0", EVERY_BYTE, "日本語".encode(), b"x" * 100_000])
async def test_any_bytes_are_a_value(client, cache, key, stored):
    await client.set(cache, key, stored)
    assert await value(client, cache, key) == stored


async def test_any_bytes_are_a_key(client, cache, key):
    near = key.encode() + EVERY_BYTE
    await client.set(cache, near, "one")
    await client.set(cache, near[:-1], "two")
    assert await value(client, cache, near) == b"one"
    assert await value(client, cache, near[:-1]) == b"two"
    assert isinstance(await client.get(cache, near + b"\0"), CacheGet.Miss)


async def test_text_and_its_bytes_are_the_same_key(client, cache, key):
    await client.set(cache, key + "é", "value")
    assert await value(client, cache, (key + "é").encode()) == b"value"


async def test_a_later_set_wins(client, cache, key):
    for stored in (b"short", b"x" * 10_000, b"s"):
        await client.set(cache, key, stored)
        assert await value(client, cache, key) == stored


async def test_caches_do_not_share_keys(client, cache, key):
    other = server.unique("cache")
    await client.create_cache(other)
    await client.set(cache, key, "here")
    assert isinstance(await client.get(other, key), CacheGet.Miss)
    await client.set(other, key, "there")
    assert await value(client, cache, key) == b"here"
    await client.delete_cache(other)
    assert await value(client, cache, key) == b"here"


async def test_delete_removes_and_does_not_mind_absence(client, cache, key):
    assert isinstance(await client.delete(cache, key), CacheDelete.Success)
    await client.set(cache, key, "value")
    assert isinstance(await client.delete(cache, key), CacheDelete.Success)
    assert isinstance(await client.get(cache, key), CacheGet.Miss)


async def test_set_if_not_exists(client, cache, key):
    assert isinstance(await client.set_if_not_exists(cache, key, "first"), CacheSetIfNotExists.Stored)
    assert isinstance(await client.set_if_not_exists(cache, key, "second"), CacheSetIfNotExists.NotStored)
    assert await value(client, cache, key) == b"first"
    await client.delete(cache, key)
    assert isinstance(await client.set_if_not_exists(cache, key, "third"), CacheSetIfNotExists.Stored)
    assert await value(client, cache, key) == b"third"


async def test_set_if_not_exists_stores_over_what_expired(client, cache, key):
    await client.set(cache, key, "first", timedelta(milliseconds=200))
    await asyncio.sleep(0.25)
    assert isinstance(await client.set_if_not_exists(cache, key, "second"), CacheSetIfNotExists.Stored)
    assert await value(client, cache, key) == b"second"


async def test_increment(client, cache, key):
    for amount, sum_ in [(1, 1), (41, 42), (-43, -1), (0, -1), (2**62, 2**62 - 1)]:
        answer = await client.increment(cache, key, amount)
        assert isinstance(answer, CacheIncrement.Success), answer
        assert answer.value == sum_
        assert await value(client, cache, key) == str(sum_).encode()


async def test_increment_counts_on_from_stored_digits(client, cache, key):
    await client.set(cache, key, "-10")
    assert (await client.increment(cache, key, 3)).value == -7


@pytest.mark.parametrize("stored", ["value", "", "1.5", "12x", "9223372036854775808"])
async def test_increment_of_what_is_no_number_changes_nothing(client, cache, key, stored):
    await client.set(cache, key, stored)
    answer = await client.increment(cache, key, 1)
    assert isinstance(answer, CacheIncrement.Error)
    assert answer.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR
    assert await value(client, cache, key) == stored.encode()


async def test_increment_sets_the_time_to_live(client, cache, key):
    await client.increment(cache, key, 1, timedelta(milliseconds=300))
    await asyncio.sleep(0.35)
    assert (await client.increment(cache, key, 1)).value == 1


@pytest.mark.parametrize("ttl", [0.3, 1, 1.777])
async def test_an_item_expires_on_the_millisecond(client, cache, key, ttl):
    before = time.monotonic()
    await client.set(cache, key, "value", timedelta(seconds=ttl))
    after = time.monotonic()
    hits = 0
    while True:
        asked = time.monotonic()
        answer = await client.get(cache, key)
        if isinstance(answer, CacheGet.Miss):
            break
        assert asked < after + ttl, f"still there {asked - after - ttl:.4f} s too late"
        hits += 1
        await asyncio.sleep(0.002)
    assert time.monotonic() >= before + ttl - 0.001, "gone too early"
    assert hits
    assert isinstance(await client.get(cache, key), CacheGet.Miss)


async def test_a_set_replaces_the_time_to_live(client, cache, key):
    await client.set(cache, key, "value", timedelta(milliseconds=200))
    await client.set(cache, key, "value", timedelta(seconds=60))
    await asyncio.sleep(0.25)
    assert await value(client, cache, key) == b"value"
    await client.set(cache, key, "value", timedelta(milliseconds=200))
    await asyncio.sleep(0.25)
    assert isinstance(await client.get(cache, key), CacheGet.Miss)


async def test_concurrent_calls_keep_their_own_answers(client, cache, key):
    async def round_trip(at):
        await client.set(cache, f"{key}-{at}", f"value {at}")
        return await value(client, cache, f"{key}-{at}")

    assert await asyncio.gather(*(round_trip(at) for at in range(1000))) == [b"value %d" % at for at in range(1000)]


async def test_concurrent_increments_are_all_counted(client, cache, key):
    answers = await asyncio.gather(*(client.increment(cache, key, 1) for _ in range(500)))
    assert sorted(answer.value for answer in answers) == list(range(1, 501))


async def test_threads_share_a_client(cache, key):
    with server.Sync.cache() as client:

        def work(thread):
            for at in range(50):
                assert isinstance(client.set(cache, f"{key}-{thread}-{at}", f"{thread} {at}"), CacheSet.Success)
                assert client.get(cache, f"{key}-{thread}-{at}").value_string == f"{thread} {at}"

        await asyncio.gather(*(asyncio.to_thread(work, thread) for thread in range(16)))
