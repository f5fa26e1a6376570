"""Caches and signing keys."""

import asyncio
from datetime import datetime, timedelta

import server
from momento.errors import MomentoErrorCode
from momento.responses import (
    CacheFlush,
    CacheGet,
    CacheSet,
    CreateCache,
    CreateSigningKey,
    DeleteCache,
    ListCaches,
    ListSigningKeys,
    RevokeSigningKey,
)


async def names(client):
    listed = await client.list_caches()
    assert isinstance(listed, ListCaches.Success), listed
    return [cache.name for cache in listed.caches]


async def test_a_cache_is_made_listed_and_deleted(client):
    name = server.unique("cache")
    assert name not in await names(client)
    assert isinstance(await client.create_cache(name), CreateCache.Success)
    assert (await names(client)).count(name) == 1
    assert isinstance(await client.delete_cache(name), DeleteCache.Success)
    assert name not in await names(client)


async def test_making_a_cache_again_says_so_and_keeps_its_items(client, cache, key):
    await client.set(cache, key, "value")
    assert isinstance(await client.create_cache(cache), CreateCache.CacheAlreadyExists)
    assert (await client.get(cache, key)).value_string == "value"


async def test_one_of_many_concurrent_makers_makes_it(client):
    name = server.unique("cache")
    answers = await asyncio.gather(*(client.create_cache(name) for _ in range(16)))
    assert sum(isinstance(it, CreateCache.Success) for it in answers) == 1
    assert sum(isinstance(it, CreateCache.CacheAlreadyExists) for it in answers) == 15
    await client.delete_cache(name)


async def test_deleting_an_unknown_cache_is_not_found(client):
    answer = await client.delete_cache(server.unique("cache"))
    assert isinstance(answer, DeleteCache.Error)
    assert answer.error_code == MomentoErrorCode.NOT_FOUND_ERROR


async def test_a_deleted_cache_is_gone_and_comes_back_empty(client, key):
    name = server.unique("cache")
    await client.create_cache(name)
    await client.set(name, key, "value")
    await client.delete_cache(name)
    answer = await client.get(name, key)
    assert isinstance(answer, CacheGet.Error)
    assert answer.error_code == MomentoErrorCode.NOT_FOUND_ERROR
    await client.create_cache(name)
    assert isinstance(await client.get(name, key), CacheGet.Miss)
    await client.delete_cache(name)


async def test_a_flushed_cache_is_empty_and_stays(client, key):
    name, other = server.unique("cache"), server.unique("cache")
    for it in (name, other):
        await client.create_cache(it)
        assert isinstance(await client.set(it, key, "value"), CacheSet.Success)
    assert isinstance(await client.flush_cache(name), CacheFlush.Success)
    assert isinstance(await client.get(name, key), CacheGet.Miss)
    assert (await client.get(other, key)).value_string == "value"
    assert isinstance(await client.set(name, key, "again"), CacheSet.Success)
    assert (await client.get(name, key)).value_string == "again"
    for it in (name, other):
        await client.delete_cache(it)


async def test_flushing_an_unknown_cache_is_not_found(client):
    answer = await client.flush_cache(server.unique("cache"))
    assert isinstance(answer, CacheFlush.Error)
    assert answer.error_code == MomentoErrorCode.NOT_FOUND_ERROR


async def test_names_are_checked(client):
    for name in ("", None, 1):
        for call in (client.create_cache, client.delete_cache, client.flush_cache):
            assert (await call(name)).error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR
    answer = await client.create_cache("   ")
    assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR


async def test_five_hundred_caches_are_all_listed(client):
    made = [server.unique("many") for _ in range(500)]
    for name in made:
        assert isinstance(await client.create_cache(name), CreateCache.Success)
    try:
        assert set(made) <= set(await names(client))
    finally:
        for name in made:
            await client.delete_cache(name)


async def test_a_signing_key_is_made_listed_and_revoked(client):
    asked = datetime.now()
    made = await client.create_signing_key(timedelta(minutes=30))
    assert isinstance(made, CreateSigningKey.Success), made
    assert made.key_id and made.key
    assert abs(made.expires_at - asked - timedelta(minutes=30)) < timedelta(seconds=90)

    listed = await client.list_signing_keys()
    assert isinstance(listed, ListSigningKeys.Success), listed
    expiries = {key.key_id: key.expires_at for key in listed.signing_keys}
    assert expiries[made.key_id] == made.expires_at

    assert isinstance(await client.revoke_signing_key(made.key_id), RevokeSigningKey.Success)
    listed = await client.list_signing_keys()
    assert made.key_id not in [key.key_id for key in listed.signing_keys]


async def test_signing_keys_are_distinct(client):
    made = [await client.create_signing_key(timedelta(minutes=30)) for _ in range(3)]
    assert len({key.key_id for key in made}) == len({key.key for key in made}) == 3
    for key in made:
        assert isinstance(await client.revoke_signing_key(key.key_id), RevokeSigningKey.Success)
