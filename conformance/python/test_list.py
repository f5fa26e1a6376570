"""Lists."""

import asyncio
from datetime import timedelta

import pytest
from momento.errors import MomentoErrorCode
from momento.requests import CollectionTtl
from momento.responses import (
    CacheListConcatenateBack,
    CacheListConcatenateFront,
    CacheListFetch,
    CacheListLength,
    CacheListPopBack,
    CacheListPopFront,
    CacheListPushBack,
    CacheListPushFront,
    CacheListRemoveValue,
)


async def all_of(client, cache, key):
    answer = await client.list_fetch(cache, key)
    assert isinstance(answer, CacheListFetch.Hit), answer
    return answer.value_list_string


async def test_a_missing_list_is_a_miss_in_every_way(client, cache, key):
    assert isinstance(await client.list_fetch(cache, key), CacheListFetch.Miss)
    assert isinstance(await client.list_length(cache, key), CacheListLength.Miss)
    assert isinstance(await client.list_pop_front(cache, key), CacheListPopFront.Miss)
    assert isinstance(await client.list_pop_back(cache, key), CacheListPopBack.Miss)
    assert isinstance(await client.list_remove_value(cache, key, "a"), CacheListRemoveValue.Success)
    assert isinstance(await client.list_fetch(cache, key), CacheListFetch.Miss)


async def test_values_are_pushed_and_popped_at_both_ends(client, cache, key):
    for push, kind, value, length in [
        (client.list_push_back, CacheListPushBack, "b", 1),
        (client.list_push_front, CacheListPushFront, "a", 2),
        (client.list_push_back, CacheListPushBack, "c", 3),
    ]:
        answer = await push(cache, key, value)
        assert isinstance(answer, kind.Success), answer
        assert answer.list_length == length
    assert await all_of(client, cache, key) == ["a", "b", "c"]
    assert (await client.list_length(cache, key)).length == 3
    assert (await client.list_pop_front(cache, key)).value_string == "a"
    assert (await client.list_pop_back(cache, key)).value_string == "c"
    assert (await client.list_pop_back(cache, key)).value_string == "b"
    # What was popped empty is gone.
    assert isinstance(await client.list_pop_back(cache, key), CacheListPopBack.Miss)
    assert isinstance(await client.list_length(cache, key), CacheListLength.Miss)


async def test_concatenated_values_keep_their_order(client, cache, key):
    answer = await client.list_concatenate_back(cache, key, ["1", "2", "3"])
    assert isinstance(answer, CacheListConcatenateBack.Success), answer
    assert answer.list_length == 3
    answer = await client.list_concatenate_front(cache, key, ["4", "5", "6"])
    assert isinstance(answer, CacheListConcatenateFront.Success), answer
    assert answer.list_length == 6
    assert await all_of(client, cache, key) == ["4", "5", "6", "1", "2", "3"]


async def test_what_is_too_long_is_cut_at_the_other_end(client, cache, key):
    await client.list_concatenate_back(cache, key, ["1", "2", "3"])
    for answer, values in [
        (lambda: client.list_push_back(cache, key, "4", truncate_front_to_size=3), ["2", "3", "4"]),
        (lambda: client.list_push_front(cache, key, "5", truncate_back_to_size=2), ["5", "2"]),
        (lambda: client.list_concatenate_back(cache, key, ["6", "7"], truncate_front_to_size=3), ["2", "6", "7"]),
        (lambda: client.list_concatenate_front(cache, key, ["8", "9"], truncate_back_to_size=3), ["8", "9", "2"]),
        (lambda: client.list_concatenate_front(cache, key, ["a", "b"], truncate_back_to_size=1), ["a"]),
        (lambda: client.list_push_back(cache, key, "c", truncate_front_to_size=9), ["a", "c"]),
    ]:
        assert (await answer()).list_length == len(values)
        assert await all_of(client, cache, key) == values


async def test_every_equal_value_is_removed(client, cache, key):
    await client.list_concatenate_back(cache, key, ["a", "b", "a", "c", "a"])
    assert isinstance(await client.list_remove_value(cache, key, "a"), CacheListRemoveValue.Success)
    assert isinstance(await client.list_remove_value(cache, key, "x"), CacheListRemoveValue.Success)
    assert await all_of(client, cache, key) == ["b", "c"]
    for value in ("b", "c"):
        await client.list_remove_value(cache, key, value)
    assert isinstance(await client.list_fetch(cache, key), CacheListFetch.Miss)


async def test_any_bytes_are_a_value(client, cache, key):
    values = [b"", bytes(range(256)), b"\0", b"x" * 100_000]
    await client.list_concatenate_back(cache, key, values)
    assert (await client.list_fetch(cache, key)).value_list_bytes == values
    assert (await client.list_pop_front(cache, key)).value_bytes == b""


WRITES = {
    "push_front": lambda client, *name, ttl: client.list_push_front(*name, "b", ttl=ttl),
    "push_back": lambda client, *name, ttl: client.list_push_back(*name, "b", ttl=ttl),
    "concatenate_front": lambda client, *name, ttl: client.list_concatenate_front(*name, ["b"], ttl=ttl),
    "concatenate_back": lambda client, *name, ttl: client.list_concatenate_back(*name, ["b"], ttl=ttl),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_refreshes_the_time_to_live_only_if_asked(client, cache, key, write):
    long = CollectionTtl.of(timedelta(seconds=60))
    for ttl, lives in [(long, True), (long.with_no_refresh_ttl_on_updates(), False)]:
        first = CollectionTtl.of(timedelta(milliseconds=300)).with_no_refresh_ttl_on_updates()
        await client.list_push_back(cache, f"{key}-{lives}", "a", ttl=first)
        await write(client, cache, f"{key}-{lives}", ttl=ttl)
        assert sorted(await all_of(client, cache, f"{key}-{lives}")) == ["a", "b"]
    await asyncio.sleep(0.35)
    assert sorted(await all_of(client, cache, f"{key}-True")) == ["a", "b"]
    assert isinstance(await client.list_fetch(cache, f"{key}-False"), CacheListFetch.Miss)


async def test_a_value_is_no_list(client, cache, key):
    await client.set(cache, key, "value")
    for answer in [
        await client.list_fetch(cache, key),
        await client.list_length(cache, key),
        await client.list_pop_front(cache, key),
        await client.list_push_back(cache, key, "v"),
        await client.list_remove_value(cache, key, "v"),
    ]:
        assert answer.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR, answer
    assert (await client.get(cache, key)).value_string == "value"


async def test_every_concurrent_push_is_kept(client, cache, key):
    answers = await asyncio.gather(*(client.list_push_back(cache, key, str(at)) for at in range(200)))
    assert sorted(it.list_length for it in answers) == list(range(1, 201))
    assert sorted(await all_of(client, cache, key), key=int) == [str(at) for at in range(200)]
