"""Unknown caches, tokens of another server, arguments the SDK refuses, and sizes."""

import os

import pytest
import server
from momento.errors import MomentoErrorCode
from momento.responses import CacheGet, CacheSet, ListCaches

CALLS = {
    "get": lambda client, cache: client.get(cache, "key"),
    "set": lambda client, cache: client.set(cache, "key", "value"),
    "set_if_not_exists": lambda client, cache: client.set_if_not_exists(cache, "key", "value"),
    "delete": lambda client, cache: client.delete(cache, "key"),
    "increment": lambda client, cache: client.increment(cache, "key", 1),
    "dictionary_fetch": lambda client, cache: client.dictionary_fetch(cache, "key"),
    "dictionary_get_field": lambda client, cache: client.dictionary_get_field(cache, "key", "f"),
    "dictionary_get_fields": lambda client, cache: client.dictionary_get_fields(cache, "key", ["f"]),
    "dictionary_set_field": lambda client, cache: client.dictionary_set_field(cache, "key", "f", "v"),
    "dictionary_set_fields": lambda client, cache: client.dictionary_set_fields(cache, "key", {"f": "v"}),
    "dictionary_increment": lambda client, cache: client.dictionary_increment(cache, "key", "f"),
    "dictionary_remove_field": lambda client, cache: client.dictionary_remove_field(cache, "key", "f"),
    "dictionary_remove_fields": lambda client, cache: client.dictionary_remove_fields(cache, "key", ["f"]),
    "list_fetch": lambda client, cache: client.list_fetch(cache, "key"),
    "list_length": lambda client, cache: client.list_length(cache, "key"),
    "list_push_front": lambda client, cache: client.list_push_front(cache, "key", "v"),
    "list_push_back": lambda client, cache: client.list_push_back(cache, "key", "v"),
    "list_pop_front": lambda client, cache: client.list_pop_front(cache, "key"),
    "list_pop_back": lambda client, cache: client.list_pop_back(cache, "key"),
    "list_concatenate_front": lambda client, cache: client.list_concatenate_front(cache, "key", ["v"]),
    "list_concatenate_back": lambda client, cache: client.list_concatenate_back(cache, "key", ["v"]),
    "list_remove_value": lambda client, cache: client.list_remove_value(cache, "key", "v"),
    "set_fetch": lambda client, cache: client.set_fetch(cache, "key"),
    "set_add_element": lambda client, cache: client.set_add_element(cache, "key", "e"),
    "set_add_elements": lambda client, cache: client.set_add_elements(cache, "key", ["e"]),
    "set_remove_element": lambda client, cache: client.set_remove_element(cache, "key", "e"),
    "set_remove_elements": lambda client, cache: client.set_remove_elements(cache, "key", ["e"]),
    "sorted_set_fetch_by_rank": lambda client, cache: client.sorted_set_fetch_by_rank(cache, "key"),
    "sorted_set_fetch_by_score": lambda client, cache: client.sorted_set_fetch_by_score(cache, "key"),
    "sorted_set_get_rank": lambda client, cache: client.sorted_set_get_rank(cache, "key", "e"),
    "sorted_set_get_score": lambda client, cache: client.sorted_set_get_score(cache, "key", "e"),
    "sorted_set_get_scores": lambda client, cache: client.sorted_set_get_scores(cache, "key", ["e"]),
    "sorted_set_put_element": lambda client, cache: client.sorted_set_put_element(cache, "key", "e", 1.0),
    "sorted_set_put_elements": lambda client, cache: client.sorted_set_put_elements(cache, "key", {"e": 1.0}),
    "sorted_set_increment_score": lambda client, cache: client.sorted_set_increment_score(cache, "key", "e"),
    "sorted_set_remove_element": lambda client, cache: client.sorted_set_remove_element(cache, "key", "e"),
    "sorted_set_remove_elements": lambda client, cache: client.sorted_set_remove_elements(cache, "key", ["e"]),
}
CONTROL_CALLS = {
    "create_cache": lambda client, cache: client.create_cache(cache),
    "delete_cache": lambda client, cache: client.delete_cache(cache),
    "flush_cache": lambda client, cache: client.flush_cache(cache),
    "list_caches": lambda client, cache: client.list_caches(),
    "create_signing_key": lambda client, cache: client.create_signing_key(server.DEFAULT_TTL),
    "list_signing_keys": lambda client, cache: client.list_signing_keys(),
    "revoke_signing_key": lambda client, cache: client.revoke_signing_key("id"),
}


@pytest.mark.parametrize("call", CALLS)
async def test_an_unknown_cache_is_not_found(client, call):
    answer = await CALLS[call](client, server.unique("cache"))
    assert answer.error_code == MomentoErrorCode.NOT_FOUND_ERROR, answer


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("cache", ["", None, 1])
async def test_a_cache_name_that_is_none_is_refused(client, call, cache):
    answer = await CALLS[call](client, cache)
    assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR


if server.MODE == "local":

    async def test_local_mode_takes_any_token(stranger, cache, key):
        assert isinstance(await stranger.set(cache, key, "value"), CacheSet.Success)
        assert (await stranger.get(cache, key)).value_string == "value"
        assert isinstance(await stranger.list_caches(), ListCaches.Success)

else:

    @pytest.mark.parametrize("call", CALLS | CONTROL_CALLS)
    async def test_a_forged_token_is_refused(stranger, cache, call):
        answer = await (CALLS | CONTROL_CALLS)[call](stranger, cache)
        assert answer.error_code == MomentoErrorCode.AUTHENTICATION_ERROR, answer

    @pytest.mark.parametrize("call", CALLS | CONTROL_CALLS)
    async def test_a_forged_token_does_not_learn_whether_a_cache_exists(stranger, call):
        answer = await (CALLS | CONTROL_CALLS)[call](stranger, server.unique("cache"))
        assert answer.error_code == MomentoErrorCode.AUTHENTICATION_ERROR, answer


if server.MODE == "v1":

    def test_a_v1_key_holds_its_endpoint():
        parts = server.v1_parts()
        assert set(parts) == {"endpoint", "api_key"}
        assert parts["api_key"].count(".") == 2
        assert not {"+", "/"} & set(os.environ["KURA_API_KEY"]), "some SDKs decode with the other alphabet"


async def test_five_million_bytes_fit(client, cache, key):
    stored = bytes(range(250)) * 20_000
    assert len(stored) == 5_000_000
    assert isinstance(await client.set(cache, key, stored), CacheSet.Success)
    answer = await client.get(cache, key)
    assert isinstance(answer, CacheGet.Hit), answer
    assert answer.value_bytes == stored
    await client.delete(cache, key)


async def test_five_point_three_million_bytes_do_not(client, cache, key):
    answer = await client.set(cache, key, b"x" * 5_300_000)
    assert isinstance(answer, CacheSet.Error)
    assert answer.error_code == MomentoErrorCode.LIMIT_EXCEEDED_ERROR, answer
    assert isinstance(await client.get(cache, key), CacheGet.Miss)
