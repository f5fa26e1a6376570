"""A cache for each test, seen by redis-py in both versions of the protocol and by the Momento SDK."""

from __future__ import annotations

from typing import AsyncIterator, Iterator

import pytest
import redis
import redis.asyncio
import server
from momento import CacheClient
from momento.responses import CreateCache, DeleteCache


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def protocol(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="session")
def momento() -> Iterator[CacheClient]:
    with server.momento() as client:
        yield client


@pytest.fixture
def cache(momento: CacheClient) -> Iterator[str]:
    name = server.unique("resp")
    assert isinstance(momento.create_cache(name), CreateCache.Success)
    yield name
    assert isinstance(momento.delete_cache(name), DeleteCache.Success)


@pytest.fixture
def client(cache: str, protocol: int) -> Iterator[redis.Redis]:
    with server.sync(cache, protocol) as client:
        yield client


@pytest.fixture
async def async_client(cache: str, protocol: int) -> AsyncIterator[redis.asyncio.Redis]:
    async with server.asynchronous(cache, protocol) as client:
        yield client
