"""Disposable tokens: what each scope lets through, and what it does not."""

import asyncio
import time
from datetime import timedelta

import pytest
import server
from momento.auth.access_control.disposable_token_scope import (
    AllCacheItems,
    CacheItemSelector,
    DisposableTokenCachePermission,
    DisposableTokenCachePermissions,
    DisposableTokenProps,
    DisposableTokenScope,
)
from momento.auth.access_control.disposable_token_scopes import DisposableTokenScopes as Scopes
from momento.auth.access_control.permission_scope import AllCaches, AllTopics, CacheRole, CacheSelector
from momento.errors import MomentoErrorCode
from momento.responses import (
    CacheDelete,
    CacheGet,
    CacheSet,
    CreateCache,
    GenerateDisposableToken,
    TopicPublish,
    TopicSubscribe,
)
from momento.utilities import ExpiresIn

DENIED = MomentoErrorCode.PERMISSION_ERROR
LIFE = ExpiresIn.minutes(5)


async def token(auth, scope, expires=LIFE, **options):
    answer = await auth.generate_disposable_token(scope, expires, **options)
    assert isinstance(answer, GenerateDisposableToken.Success), answer
    return answer


@pytest.fixture
async def other(client):
    """A cache that no token is for."""
    name = server.unique("other")
    await client.create_cache(name)
    yield name
    await client.delete_cache(name)


async def reach(flavour, made, cache, key):
    """Whether a token may read and write an item: (True, False) is read only."""
    async with server.closing(flavour.cache(server.token_credentials(made.auth_token))) as it:
        got, stored = await it.get(cache, key), await it.set(cache, key, "value")
    for answer, kinds in ((got, (CacheGet.Hit, CacheGet.Miss)), (stored, (CacheSet.Success,))):
        assert isinstance(answer, kinds) or answer.error_code == DENIED, answer
    return isinstance(got, (CacheGet.Hit, CacheGet.Miss)), isinstance(stored, CacheSet.Success)


ROLES = {"read_write": (True, True), "read_only": (True, False), "write_only": (False, True)}


@pytest.mark.parametrize("role", ROLES)
async def test_a_cache_role_reaches_one_cache(auth, flavour, cache, other, key, role):
    made = await token(auth, getattr(Scopes, f"cache_{role}")(cache))
    assert await reach(flavour, made, cache, key) == ROLES[role]
    assert await reach(flavour, made, other, key) == (False, False)
    everywhere = await token(auth, getattr(Scopes, f"cache_{role}")(AllCaches()))
    assert await reach(flavour, everywhere, other, key) == ROLES[role]


@pytest.mark.parametrize("role", ROLES)
async def test_a_key_role_reaches_that_key(auth, flavour, cache, other, key, role):
    made = await token(auth, getattr(Scopes, f"cache_key_{role}")(cache, key))
    assert await reach(flavour, made, cache, key) == ROLES[role]
    for near in (f"{key}x", key[:-1], key.upper()):
        assert await reach(flavour, made, cache, near) == (False, False), near
    assert await reach(flavour, made, other, key) == (False, False)


@pytest.mark.parametrize("role", ROLES)
async def test_a_prefix_role_reaches_what_begins_so(auth, flavour, cache, key, role):
    made = await token(auth, getattr(Scopes, f"cache_key_prefix_{role}")(cache, key))
    for inside in (key, f"{key}x"):
        assert await reach(flavour, made, cache, inside) == ROLES[role], inside
    assert await reach(flavour, made, cache, f"x{key}") == (False, False)
    assert await reach(flavour, made, cache, key[:-1]) == (False, False)


async def test_several_permissions_add_up(auth, flavour, cache, other, key):
    permission = lambda name, role: DisposableTokenCachePermission(  # noqa: E731
        CacheSelector(name), role, CacheItemSelector(AllCacheItems())
    )
    permissions = [permission(cache, CacheRole.READ_ONLY), permission(other, CacheRole.WRITE_ONLY)]
    made = await token(auth, DisposableTokenScope(DisposableTokenCachePermissions(permissions)))
    assert await reach(flavour, made, cache, key) == (True, False)
    assert await reach(flavour, made, other, key) == (False, True)


async def test_a_write_only_token_may_delete_but_neither_ask_nor_compare(auth, flavour, cache, key):
    made = await token(auth, Scopes.cache_write_only(cache))
    async with server.closing(flavour.cache(server.token_credentials(made.auth_token))) as it:
        assert isinstance(await it.delete(cache, key), CacheDelete.Success)
        assert (await it.set_if_not_exists(cache, key, "value")).error_code == DENIED
        assert (await it.dictionary_fetch(cache, key)).error_code == DENIED


async def test_a_data_token_manages_nothing(auth, flavour, cache, key):
    made = await token(auth, Scopes.cache_read_write(AllCaches()))
    provider = server.token_credentials(made.auth_token)
    async with server.closing(flavour.cache(provider)) as it:
        for answer in [
            await it.create_cache(server.unique("cache")),
            await it.delete_cache(cache),
            await it.flush_cache(cache),
            await it.list_caches(),
            await it.create_signing_key(timedelta(minutes=30)),
            await it.list_signing_keys(),
            await it.revoke_signing_key("id"),
        ]:
            assert answer.error_code == DENIED, answer
        assert isinstance(await it.set(cache, key, "value"), CacheSet.Success)
    async with server.closing(flavour.auth(provider)) as it:
        answer = await it.generate_disposable_token(Scopes.cache_read_only(cache), LIFE)
        assert isinstance(answer, GenerateDisposableToken.Error), answer
        assert answer.error_code == DENIED, answer


# (publishes, subscribes)
TOPIC_ROLES = {"publish_subscribe": (True, True), "subscribe_only": (False, True), "publish_only": (True, False)}


async def topic_reach(flavour, made, cache, topic):
    async with server.closing(flavour.topics(server.token_credentials(made.auth_token))) as it:
        published, subscribed = await it.publish(cache, topic, "value"), await it.subscribe(cache, topic)
        for answer in (published, subscribed):
            if isinstance(answer, (TopicPublish.Error, TopicSubscribe.Error)):
                assert answer.error_code == DENIED, answer
        listens = not isinstance(subscribed, TopicSubscribe.Error)
        if listens:
            subscribed.unsubscribe()
    return isinstance(published, TopicPublish.Success), listens


@pytest.mark.parametrize("role", TOPIC_ROLES)
async def test_a_topic_role_reaches_that_topic(auth, flavour, cache, other, key, role):
    made = await token(auth, getattr(Scopes, f"topic_{role}")(cache, key))
    assert await topic_reach(flavour, made, cache, key) == TOPIC_ROLES[role]
    assert await topic_reach(flavour, made, cache, f"{key}x") == (False, False)
    assert await topic_reach(flavour, made, other, key) == (False, False)
    everywhere = await token(auth, getattr(Scopes, f"topic_{role}")(AllCaches(), AllTopics()))
    assert await topic_reach(flavour, everywhere, other, key) == TOPIC_ROLES[role]


async def test_caches_and_topics_are_different_rights(auth, flavour, cache, key):
    for_items = await token(auth, Scopes.cache_read_write(cache))
    assert await topic_reach(flavour, for_items, cache, key) == (False, False)
    for_topics = await token(auth, Scopes.topic_publish_subscribe(cache, AllTopics()))
    assert await reach(flavour, for_topics, cache, key) == (False, False)


async def test_a_token_tells_its_end_and_has_one(auth, flavour, cache, key):
    asked = time.time()
    made = await token(auth, Scopes.cache_read_write(cache), ExpiresIn.seconds(1))
    assert made.expires_at.does_expire()
    assert abs(made.expires_at.epoch() - asked - 1) <= 2
    async with server.closing(flavour.cache(server.token_credentials(made.auth_token))) as it:
        # Whole seconds: it ends within the one after its last.
        await asyncio.sleep(max(0.0, made.expires_at.epoch() + 1.05 - time.time()))
        answer = await it.get(cache, key)
        assert isinstance(answer, CacheGet.Error), answer
        assert answer.error_code == MomentoErrorCode.AUTHENTICATION_ERROR, answer


async def test_a_token_without_an_end_is_refused(auth, cache):
    # The SDK refuses all but 0 itself, with an error of its own.
    for expires in (ExpiresIn.never(), ExpiresIn.seconds(0), ExpiresIn.seconds(-1)):
        answer = await auth.generate_disposable_token(Scopes.cache_read_only(cache), expires)
        assert isinstance(answer, GenerateDisposableToken.Error), answer
        if expires.does_expire() and expires.valid_for_seconds() == 0:
            assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR, answer


async def test_a_token_id_has_64_characters_at_most(auth, cache):
    scope = Scopes.cache_read_only(cache)
    await token(auth, scope, disposable_token_props=DisposableTokenProps(token_id="x" * 64))
    answer = await auth.generate_disposable_token(scope, LIFE, DisposableTokenProps(token_id="x" * 65))
    assert isinstance(answer, GenerateDisposableToken.Error), answer
    assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR, answer


async def test_permissions_that_clash_are_refused(auth, cache):
    permission = lambda role: DisposableTokenCachePermission(  # noqa: E731
        CacheSelector(cache), role, CacheItemSelector(AllCacheItems())
    )
    permissions = [permission(CacheRole.READ_ONLY), permission(CacheRole.WRITE_ONLY)]
    scope = DisposableTokenScope(DisposableTokenCachePermissions(permissions))
    answer = await auth.generate_disposable_token(scope, LIFE)
    assert isinstance(answer, GenerateDisposableToken.Error), answer
    assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR, answer


async def test_a_token_for_a_cache_that_is_made_later(auth, client, flavour, key):
    name = server.unique("later")
    made = await token(auth, Scopes.cache_read_write(name))
    async with server.closing(flavour.cache(server.token_credentials(made.auth_token))) as it:
        assert (await it.get(name, key)).error_code == MomentoErrorCode.NOT_FOUND_ERROR
        assert isinstance(await client.create_cache(name), CreateCache.Success)
        assert isinstance(await it.set(name, key, "value"), CacheSet.Success)
    await client.delete_cache(name)
