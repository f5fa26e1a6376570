"""The official generated stubs, for what the Python SDK has no method for and for what it hides: codes and trailers."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import grpc
from momento.auth import CredentialProvider
from momento_wire_types import cacheclient_pb2_grpc, controlclient_pb2, controlclient_pb2_grpc
from server import unique

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class Wire:
    """One channel to each endpoint, and a cache made for it."""

    def __init__(self, credentials: CredentialProvider) -> None:
        self.token = credentials.auth_token
        self.cache = unique("conformance-wire")
        self.cache_channel = _channel(credentials.cache_endpoint, credentials.port)
        self.control_channel = _channel(credentials.control_endpoint, credentials.port)
        self.scs = cacheclient_pb2_grpc.ScsStub(self.cache_channel)
        self.control = controlclient_pb2_grpc.ScsControlStub(self.control_channel)

    def headers(self, **changed: str | None) -> list[tuple[str, str]]:
        """What every data call sends, with some of it changed or (None) left out."""
        return [(k, v) for k, v in {"authorization": self.token, "cache": self.cache, **changed}.items() if v is not None]

    def __getattr__(self, rpc: str) -> Any:
        """`wire.Get(request, cache=...)` calls the Scs method of that name."""
        method = getattr(self.scs, rpc)

        def call(request: Any, **changed: str | None) -> Any:
            return method(request, metadata=self.headers(**changed), timeout=15)

        return call

    def __enter__(self) -> Wire:
        request = controlclient_pb2._CreateCacheRequest(cache_name=self.cache)
        self.control.CreateCache(request, metadata=self.headers(cache=None), timeout=15)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        request = controlclient_pb2._DeleteCacheRequest(cache_name=self.cache)
        self.control.DeleteCache(request, metadata=self.headers(cache=None), timeout=15)
        self.cache_channel.close()
        self.control_channel.close()


def _channel(endpoint: str, port: int) -> grpc.Channel:
    if port == 443:
        return grpc.secure_channel(endpoint, grpc.ssl_channel_credentials(), UNLIMITED)
    return grpc.insecure_channel(f"{endpoint}:{port}", UNLIMITED)
