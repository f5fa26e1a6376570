"""The server under test, as the environment names it (../../README.md). Import this before anything that imports grpc."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any
from uuid import uuid4

MODE = os.environ["KURA_MODE"]
if MODE not in ("local", "v2"):
    raise SystemExit(f"KURA_MODE={MODE}: expected local or v2")
if MODE != "local":
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = os.environ["KURA_CA"]

import redis  # noqa: E402
import redis.asyncio  # noqa: E402
from momento import CacheClient, Configurations, CredentialProvider, TopicClient, TopicConfigurations  # noqa: E402

HOST, _, PORT = os.environ["KURA_RESP"].rpartition(":")
KEY = os.environ.get("KURA_API_KEY", "")


def unique(prefix: str) -> str:
    """A name no other test uses."""
    return f"{prefix}-{uuid4()}"


def settings(cache: str, protocol: int, **more: Any) -> dict[str, Any]:
    """How redis-py reaches a cache: its name is the username, the key the password."""
    how: dict[str, Any] = {"host": HOST, "port": int(PORT), "protocol": protocol, "decode_responses": True}
    how |= {"username": cache, "password": KEY or "any", "socket_timeout": 20, "client_name": "conformance"}
    if MODE != "local":
        how |= {"ssl": True, "ssl_ca_certs": os.environ["KURA_CA"]}
    return how | more


def sync(cache: str, protocol: int, **more: Any) -> redis.Redis:
    return redis.Redis(**settings(cache, protocol, **more))


def asynchronous(cache: str, protocol: int, **more: Any) -> redis.asyncio.Redis:
    return redis.asyncio.Redis(**settings(cache, protocol, **more))


def credentials() -> CredentialProvider:
    if MODE == "local":
        return CredentialProvider.for_momento_local(os.environ["KURA_HOST"], int(os.environ["KURA_PORT"]))
    return CredentialProvider.from_api_key_v2(KEY, os.environ["KURA_ENDPOINT"])


def momento() -> CacheClient:
    return CacheClient.create(Configurations.Laptop.latest(), credentials(), timedelta(seconds=60))


def topics() -> TopicClient:
    return TopicClient(TopicConfigurations.Default.latest(), credentials())
