"""Clients and caches for the tests. Every test of the SDK runs twice: with the blocking clients and with the async ones."""

from __future__ import annotations

from typing import Any, AsyncIterator

import called  # first: it sets the trusted roots and sees every call  # isort: skip  # noqa: F401
import grpc
import pytest
import server
from momento.responses import CreateCache, DeleteCache
from server import Awaited, closing
from wire import Wire


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back at all calls comes last."""
    items.sort(key=lambda item: item.path.name == "test_every_method.py")


@pytest.fixture(scope="session", params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> Any:
    return server.Sync if request.param == "sync" else server.Async


@pytest.fixture(scope="session")
async def client(flavour: Any) -> AsyncIterator[Awaited]:
    async with closing(flavour.cache()) as it:
        yield it


@pytest.fixture(scope="session")
async def topics(flavour: Any) -> AsyncIterator[Awaited]:
    async with closing(flavour.topics()) as it:
        yield it


@pytest.fixture(scope="session")
async def auth(flavour: Any) -> AsyncIterator[Awaited]:
    async with closing(flavour.auth()) as it:
        yield it


@pytest.fixture(scope="session")
async def stranger(flavour: Any) -> AsyncIterator[Awaited]:
    """A client whose token the server did not sign."""
    async with closing(flavour.cache(server.foreign_credentials())) as it:
        yield it


@pytest.fixture(scope="session")
async def topic_stranger(flavour: Any) -> AsyncIterator[Awaited]:
    async with closing(flavour.topics(server.foreign_credentials())) as it:
        yield it


@pytest.fixture(scope="session")
async def cache(client: Awaited) -> AsyncIterator[str]:
    """A cache all tests share."""
    name = server.unique("conformance-python")
    assert isinstance(await client.create_cache(name), CreateCache.Success)
    yield name
    assert isinstance(await client.delete_cache(name), DeleteCache.Success)


@pytest.fixture
def key() -> str:
    return server.unique("key")


@pytest.fixture(scope="session")
def wire() -> Any:
    """The official stubs without the SDK around them, with a cache of their own."""
    with Wire(server.credentials()) as it:
        yield it


@pytest.fixture
def refused() -> Any:
    """`with refused(code) as error:` the call inside ends with that status."""
    return _Refused


class _Refused:
    def __init__(self, *codes: grpc.StatusCode) -> None:
        self.codes = codes

    def __enter__(self) -> _Refused:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        assert isinstance(error, grpc.RpcError), f"expected {self.codes}, got {error!r}"
        assert error.code() in self.codes, f"expected {self.codes}, got {error.code()}: {error.details()}"
        self.err = dict(error.trailing_metadata() or ()).get("err")
        return True
