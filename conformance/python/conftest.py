"""Clients and caches for the tests. Every test of the SDK runs twice: with the blocking client and with the async one."""

from __future__ import annotations

import inspect
from typing import Any, AsyncIterator

import server  # first: it sets the trusted roots  # isort: skip
import grpc
import pytest
from momento.responses import CreateCache, DeleteCache
from wire import Wire


class Awaited:
    """Either SDK client behind `await`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return call


@pytest.fixture(scope="session", params=["sync", "async"])
async def flavour(request: pytest.FixtureRequest) -> Any:
    return server.sync_client if request.param == "sync" else server.async_client


@pytest.fixture(scope="session")
async def client(flavour: Any) -> AsyncIterator[Awaited]:
    async with _closing(flavour()) as it:
        yield it


@pytest.fixture(scope="session")
async def stranger(flavour: Any) -> AsyncIterator[Awaited]:
    """A client whose token the server did not sign."""
    async with _closing(flavour(server.foreign_credentials())) as it:
        yield it


class _closing:
    def __init__(self, client: Any) -> None:
        self._client = client

    async def __aenter__(self) -> Awaited:
        if hasattr(self._client, "__aenter__"):
            await self._client.__aenter__()
        else:
            self._client.__enter__()
        return Awaited(self._client)

    async def __aexit__(self, *exc: Any) -> None:
        if hasattr(self._client, "__aexit__"):
            await self._client.__aexit__(*exc)
        else:
            self._client.__exit__(*exc)


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
