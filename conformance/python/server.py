"""The server under test, as the environment names it (../README.md). Import this before anything that imports grpc."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

MODE = os.environ["KURA_MODE"]
if MODE not in ("local", "v1", "v2"):
    raise SystemExit(f"KURA_MODE={MODE}: expected local, v1 or v2")
if MODE != "local":
    # Read by grpc when its first secure channel is made. It adds nothing to other roots: it is the only one trusted.
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = os.environ["KURA_CA"]

from momento import CacheClient, CacheClientAsync, Configurations, CredentialProvider  # noqa: E402

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


def v1_parts() -> dict[str, str]:
    """What a v1 key holds."""
    return json.loads(base64.b64decode(os.environ["KURA_API_KEY"], validate=True))


def sync_client(provider: CredentialProvider | None = None) -> CacheClient:
    return CacheClient(Configurations.Laptop.latest(), provider or credentials(), DEFAULT_TTL)


def async_client(provider: CredentialProvider | None = None) -> CacheClientAsync:
    return CacheClientAsync(Configurations.Laptop.latest(), provider or credentials(), DEFAULT_TTL)
