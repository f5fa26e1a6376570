"""The server under test, as the environment names it (../README.md). Import this before anything that imports grpc."""

from __future__ import annotations

import base64
import inspect
import json
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, AsyncIterator
from uuid import uuid4

MODE = os.environ["KURA_MODE"]
if MODE not in ("local", "v1", "v2"):
    raise SystemExit(f"KURA_MODE={MODE}: expected local, v1 or v2")
if MODE != "local":
    # Read by grpc when its first secure channel is made. It adds nothing to other roots: it is the only one trusted.
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = os.environ["KURA_CA"]

from momento import (  # noqa: E402
    AuthClient,
    AuthClientAsync,
    CacheClient,
    CacheClientAsync,
    Configurations,
    CredentialProvider,
    TopicClient,
    TopicClientAsync,
    TopicConfigurations,
)
from momento.config.auth_configurations import AuthConfigurations  # noqa: E402

DEFAULT_TTL = timedelta(seconds=60)


def unique(prefix: str = "key") -> str:
    """A name no other test uses."""
    return f"{prefix}-{uuid4()}"


def credentials(key: str | None = None) -> CredentialProvider:
    """Credentials made from `key`, or from the key the environment gives."""
    if MODE == "local":
        return CredentialProvider.for_momento_local(os.environ["KURA_HOST"], int(os.environ["KURA_PORT"]))
    key = key or os.environ["KURA_API_KEY"]
    if MODE == "v1":
        return CredentialProvider.from_string(key)
    return CredentialProvider.from_api_key_v2(key, os.environ["KURA_ENDPOINT"])


def foreign_credentials() -> CredentialProvider:
    """A token this server did not sign: the real one with its signature altered, or plain text in local mode."""
    real = credentials()
    if MODE == "local":
        return replace(real, auth_token="not-minted-here")
    signed, signature = real.auth_token.rsplit(".", 1)
    first = "B" if signature.startswith("A") else "A"
    return replace(real, auth_token=f"{signed}.{first}{signature[1:]}")


def token_credentials(token: str) -> CredentialProvider:
    """Credentials made from a disposable token, as an SDK hands it over."""
    if MODE == "local":
        return replace(credentials(), auth_token=json.loads(base64.b64decode(token, validate=True))["api_key"])
    return CredentialProvider.from_string(token)


def v1_parts() -> dict[str, str]:
    """What a v1 key holds."""
    return json.loads(base64.b64decode(os.environ["KURA_API_KEY"], validate=True))


class Sync:
    """The blocking clients."""

    @staticmethod
    def cache(provider: CredentialProvider | None = None) -> CacheClient:
        return CacheClient.create(Configurations.Laptop.latest(), provider or credentials(), DEFAULT_TTL)

    @staticmethod
    def topics(provider: CredentialProvider | None = None) -> TopicClient:
        return TopicClient(TopicConfigurations.Default.latest(), provider or credentials())

    @staticmethod
    def auth(provider: CredentialProvider | None = None) -> AuthClient:
        return AuthClient(AuthConfigurations.Laptop.latest(), provider or credentials())


class Async:
    """The async clients."""

    @staticmethod
    async def cache(provider: CredentialProvider | None = None) -> CacheClientAsync:
        return await CacheClientAsync.create(Configurations.Laptop.latest(), provider or credentials(), DEFAULT_TTL)

    @staticmethod
    async def topics(provider: CredentialProvider | None = None) -> TopicClientAsync:
        return TopicClientAsync(TopicConfigurations.Default.latest(), provider or credentials())

    @staticmethod
    async def auth(provider: CredentialProvider | None = None) -> AuthClientAsync:
        return AuthClientAsync(AuthConfigurations.Laptop.latest(), provider or credentials())


class Awaited:
    """A client of either kind behind `await`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return call


@asynccontextmanager
async def closing(client: Any) -> AsyncIterator[Awaited]:
    """A client, awaited if it must be, that is closed at the end."""
    client = await client if inspect.isawaitable(client) else client
    is_async = hasattr(client, "__aexit__")
    yield Awaited(client)
    # What users call where there is one; else what `with` calls.
    if hasattr(client, "close"):
        await Awaited(client).close()
    elif is_async:
        await client.__aexit__(None, None, None)
    else:
        client.__exit__(None, None, None)
