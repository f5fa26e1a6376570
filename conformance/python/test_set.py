"""Sets."""

import asyncio
from datetime import timedelta

import pytest
from momento.errors import MomentoErrorCode
from momento.requests import CollectionTtl
from momento.responses import (
    CacheSetAddElement,
    CacheSetAddElements,
    CacheSetFetch,
    CacheSetRemoveElement,
    CacheSetRemoveElements,
)


async def all_of(client, cache, key):
    answer = await client.set_fetch(cache, key)
    assert isinstance(answer, CacheSetFetch.Hit), answer
    return answer.value_set_string


async def test_a_missing_set_is_a_miss_and_nothing_can_be_removed_from_it(client, cache, key):
    assert isinstance(await client.set_fetch(cache, key), CacheSetFetch.Miss)
    assert isinstance(await client.set_remove_element(cache, key, "a"), CacheSetRemoveElement.Success)
    assert isinstance(await client.set_remove_elements(cache, key, {"a"}), CacheSetRemoveElements.Success)
    assert isinstance(await client.set_fetch(cache, key), CacheSetFetch.Miss)


async def test_elements_are_there_once(client, cache, key):
    assert isinstance(await client.set_add_element(cache, key, "a"), CacheSetAddElement.Success)
    assert isinstance(await client.set_add_elements(cache, key, ["a", "b", "b", "c"]), CacheSetAddElements.Success)
    assert await all_of(client, cache, key) == {"a", "b", "c"}


async def test_the_last_element_takes_the_set_with_it(client, cache, key):
    await client.set_add_elements(cache, key, {"a", "b", "c", "d"})
    await client.set_remove_element(cache, key, "a")
    await client.set_remove_element(cache, key, "x")
    await client.set_remove_elements(cache, key, {"b", "x"})
    assert await all_of(client, cache, key) == {"c", "d"}
    await client.set_remove_elements(cache, key, {"c", "d"})
    assert isinstance(await client.set_fetch(cache, key), CacheSetFetch.Miss)


async def test_any_bytes_are_an_element(client, cache, key):
    elements = {b"", b"\0", bytes(range(256)), b"x" * 100_000}
    await client.set_add_elements(cache, key, elements)
    assert (await client.set_fetch(cache, key)).value_set_bytes == elements


async def test_ten_thousand_elements(client, cache, key):
    elements = {f"element {at}" for at in range(10_000)}
    await client.set_add_elements(cache, key, elements)
    assert await all_of(client, cache, key) == elements
    await client.set_remove_elements(cache, key, {f"element {at}" for at in range(1, 10_000)})
    assert await all_of(client, cache, key) == {"element 0"}


WRITES = {
    "add_element": lambda client, *name, ttl: client.set_add_element(*name, "b", ttl=ttl),
    "add_elements": lambda client, *name, ttl: client.set_add_elements(*name, {"b"}, ttl=ttl),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_refreshes_the_time_to_live_only_if_asked(client, cache, key, write):
    long = CollectionTtl.of(timedelta(seconds=60))
    for ttl, lives in [(long, True), (long.with_no_refresh_ttl_on_updates(), False)]:
        first = CollectionTtl.of(timedelta(milliseconds=300)).with_no_refresh_ttl_on_updates()
        await client.set_add_element(cache, f"{key}-{lives}", "a", ttl=first)
        await write(client, cache, f"{key}-{lives}", ttl=ttl)
        assert await all_of(client, cache, f"{key}-{lives}") == {"a", "b"}
    await asyncio.sleep(0.35)
    assert await all_of(client, cache, f"{key}-True") == {"a", "b"}
    assert isinstance(await client.set_fetch(cache, f"{key}-False"), CacheSetFetch.Miss)


async def test_a_value_is_no_set(client, cache, key):
    await client.set(cache, key, "value")
    for answer in [
        await client.set_fetch(cache, key),
        await client.set_add_element(cache, key, "a"),
        await client.set_remove_element(cache, key, "a"),
    ]:
        assert answer.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR, answer
    assert (await client.get(cache, key)).value_string == "value"
