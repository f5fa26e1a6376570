"""Dictionaries."""

import asyncio
from datetime import timedelta

import pytest
from momento.errors import MomentoErrorCode
from momento.requests import CollectionTtl
from momento.responses import (
    CacheDictionaryFetch,
    CacheDictionaryGetField,
    CacheDictionaryGetFields,
    CacheDictionaryIncrement,
    CacheDictionaryRemoveField,
    CacheDictionaryRemoveFields,
    CacheDictionarySetField,
    CacheDictionarySetFields,
    CacheSet,
)

EVERY_BYTE = bytes(range(256))


async def all_of(client, cache, key):
    answer = await client.dictionary_fetch(cache, key)
    assert isinstance(answer, CacheDictionaryFetch.Hit), answer
    return answer.value_dictionary_string_string


async def test_a_missing_dictionary_is_a_miss_in_every_way(client, cache, key):
    assert isinstance(await client.dictionary_fetch(cache, key), CacheDictionaryFetch.Miss)
    assert isinstance(await client.dictionary_get_field(cache, key, "f"), CacheDictionaryGetField.Miss)
    assert isinstance(await client.dictionary_get_fields(cache, key, ["f"]), CacheDictionaryGetFields.Miss)
    assert isinstance(await client.dictionary_remove_field(cache, key, "f"), CacheDictionaryRemoveField.Success)
    assert isinstance(await client.dictionary_remove_fields(cache, key, ["f"]), CacheDictionaryRemoveFields.Success)
    assert isinstance(await client.dictionary_fetch(cache, key), CacheDictionaryFetch.Miss)


async def test_fields_are_set_and_got(client, cache, key):
    answer = await client.dictionary_set_field(cache, key, "a", "1")
    assert isinstance(answer, CacheDictionarySetField.Success), answer
    answer = await client.dictionary_set_fields(cache, key, {"b": "2", "c": "3", "a": "0"})
    assert isinstance(answer, CacheDictionarySetFields.Success), answer
    assert await all_of(client, cache, key) == {"a": "0", "b": "2", "c": "3"}
    got = await client.dictionary_get_field(cache, key, "b")
    assert isinstance(got, CacheDictionaryGetField.Hit), got
    assert (got.value_string, got.field_string) == ("2", "b")
    assert isinstance(await client.dictionary_get_field(cache, key, "x"), CacheDictionaryGetField.Miss)


async def test_several_fields_come_in_the_order_asked(client, cache, key):
    await client.dictionary_set_fields(cache, key, {"a": "1", "b": "2"})
    got = await client.dictionary_get_fields(cache, key, ["b", "x", "a", "b"])
    assert isinstance(got, CacheDictionaryGetFields.Hit), got
    hits = [isinstance(it, CacheDictionaryGetField.Hit) for it in got.responses]
    assert hits == [True, False, True, True]
    assert [it.value_string for it in got.responses if isinstance(it, CacheDictionaryGetField.Hit)] == ["2", "1", "2"]
    assert got.value_dictionary_string_string == {"a": "1", "b": "2"}
    # The dictionary is there, though none of the fields is.
    assert isinstance(await client.dictionary_get_fields(cache, key, ["x"]), CacheDictionaryGetFields.Hit)


async def test_any_bytes_are_a_field_and_a_value(client, cache, key):
    await client.dictionary_set_fields(cache, key, {EVERY_BYTE: EVERY_BYTE[::-1], b"\0": b""})
    fetched = await client.dictionary_fetch(cache, key)
    assert fetched.value_dictionary_bytes_bytes == {EVERY_BYTE: EVERY_BYTE[::-1], b"\0": b""}
    empty = await client.dictionary_get_field(cache, key, b"\0")
    assert isinstance(empty, CacheDictionaryGetField.Hit)
    assert empty.value_bytes == b""


async def test_the_last_field_takes_the_dictionary_with_it(client, cache, key):
    await client.dictionary_set_fields(cache, key, {"a": "1", "b": "2", "c": "3"})
    await client.dictionary_remove_field(cache, key, "a")
    assert await all_of(client, cache, key) == {"b": "2", "c": "3"}
    await client.dictionary_remove_fields(cache, key, ["b", "x", "c"])
    assert isinstance(await client.dictionary_fetch(cache, key), CacheDictionaryFetch.Miss)
    assert isinstance(await client.dictionary_get_fields(cache, key, ["b"]), CacheDictionaryGetFields.Miss)


async def test_increment(client, cache, key):
    for amount, sum_ in [(1, 1), (41, 42), (-43, -1), (0, -1), (2**62, 2**62 - 1)]:
        answer = await client.dictionary_increment(cache, key, "f", amount)
        assert isinstance(answer, CacheDictionaryIncrement.Success), answer
        assert answer.value == sum_
        assert await all_of(client, cache, key) == {"f": str(sum_)}


@pytest.mark.parametrize("stored", ["value", "", "1.5", "9223372036854775808"])
async def test_increment_of_what_is_no_number_changes_nothing(client, cache, key, stored):
    await client.dictionary_set_field(cache, key, "f", stored)
    answer = await client.dictionary_increment(cache, key, "f")
    assert isinstance(answer, CacheDictionaryIncrement.Error), answer
    assert answer.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR
    assert await all_of(client, cache, key) == {"f": stored}


SHORT = timedelta(milliseconds=300)
WRITES = {
    "set_field": lambda client, *name, ttl: client.dictionary_set_field(*name, "f", "2", ttl=ttl),
    "set_fields": lambda client, *name, ttl: client.dictionary_set_fields(*name, {"f": "2"}, ttl=ttl),
    "increment": lambda client, *name, ttl: client.dictionary_increment(*name, "f", 1, ttl=ttl),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_refreshes_the_time_to_live_only_if_asked(client, cache, key, write):
    for ttl, lives in [
        (CollectionTtl.of(timedelta(seconds=60)), True),
        (CollectionTtl.of(timedelta(seconds=60)).with_no_refresh_ttl_on_updates(), False),
    ]:
        name = f"{key}-{lives}"
        # The first write gives the time whether it asks for a refresh or not.
        first = CollectionTtl.of(SHORT).with_no_refresh_ttl_on_updates()
        await client.dictionary_set_field(cache, name, "f", "1", ttl=first)
        await write(client, cache, name, ttl=ttl)
        assert await all_of(client, cache, name) == {"f": "2"}
    await asyncio.sleep(0.35)
    assert await all_of(client, cache, f"{key}-True") == {"f": "2"}
    assert isinstance(await client.dictionary_fetch(cache, f"{key}-False"), CacheDictionaryFetch.Miss)


async def test_a_value_is_no_dictionary_until_it_is_overwritten(client, cache, key):
    await client.set(cache, key, "value")
    for answer in [
        await client.dictionary_fetch(cache, key),
        await client.dictionary_get_field(cache, key, "f"),
        await client.dictionary_set_field(cache, key, "f", "v"),
        await client.dictionary_remove_field(cache, key, "f"),
        await client.dictionary_increment(cache, key, "f"),
    ]:
        assert answer.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR, answer
    assert (await client.get(cache, key)).value_string == "value"
    await client.delete(cache, key)
    await client.dictionary_set_field(cache, key, "f", "v")
    assert (await client.get(cache, key)).error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR
    # A set overwrites any type.
    assert isinstance(await client.set(cache, key, "value"), CacheSet.Success)
    assert (await client.get(cache, key)).value_string == "value"
