"""How the SDK bears faults: asked for in its calls' metadata by a middleware, counted by request id. Local mode only."""

from __future__ import annotations

import inspect
import os
from datetime import timedelta
from time import monotonic
from typing import Any, AsyncIterator, Callable
from urllib.request import urlopen

import pytest
import server
from momento import CacheClient, CacheClientAsync, Configurations
from momento.config.middleware import aio, synchronous
from momento.errors import MomentoErrorCode
from momento.responses import CacheGet, CacheIncrement, CacheSet
from momento.retry import FixedCountRetryStrategy
from momento.retry.fixed_timeout_retry_strategy import FixedTimeoutRetryStrategy
from server import Awaited, closing

pytestmark = pytest.mark.skipif(server.MODE != "local", reason="faults are for local servers")

RETRY_THREE_TIMES = FixedCountRetryStrategy(max_attempts=3)


class Attempts:
    """What every attempt of a client asks for, and how many there were."""

    def __init__(self, **asked: object) -> None:
        self.asked = {"request-id": server.unique("request")}
        self.asked |= {name.replace("_", "-"): str(value) for name, value in asked.items()}
        self.count = 0


class Handler(synchronous.MiddlewareRequestHandler):
    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts

    def on_request_metadata(self, metadata: Any) -> Any:
        self.attempts.count += 1
        kept = [pair for pair in metadata.grpc_metadata or [] if pair[0] not in self.attempts.asked]
        return synchronous.MiddlewareMetadata(kept + list(self.attempts.asked.items()))

    def on_request_body(self, request: Any) -> Any:
        return request

    def on_response_metadata(self, metadata: Any) -> Any:
        return metadata

    def on_response_body(self, response: Any) -> Any:
        return response

    def on_response_status(self, status: Any) -> Any:
        return status


class AsyncHandler(aio.MiddlewareRequestHandler):
    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts

    async def on_request_metadata(self, metadata: Any) -> Any:
        self.attempts.count += 1
        for name, value in self.attempts.asked.items():
            metadata.grpc_metadata[name] = value
        return metadata

    async def on_request_body(self, request: Any) -> Any:
        return request

    async def on_response_metadata(self, metadata: Any) -> Any:
        return metadata

    async def on_response_body(self, response: Any) -> Any:
        return response

    async def on_response_status(self, status: Any) -> Any:
        return status


class Middleware(synchronous.Middleware):
    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts

    def on_new_request(self, context: Any) -> Handler:
        return Handler(self.attempts)


class AsyncMiddleware(aio.Middleware):
    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts

    async def on_new_request(self, context: Any) -> AsyncHandler:
        return AsyncHandler(self.attempts)


@pytest.fixture
async def asking(flavour: Any) -> AsyncIterator[Callable[..., Any]]:
    """Makes clients whose attempts ask for a fault."""
    opened = []

    async def make(attempts: Attempts, strategy: Any, timeout: timedelta = timedelta(seconds=10)) -> Awaited:
        configuration = Configurations.Laptop.latest().with_retry_strategy(strategy).with_client_timeout(timeout)
        if flavour is server.Sync:
            configuration = configuration.add_middleware(Middleware(attempts))
            client = CacheClient.create(configuration, server.credentials(), server.DEFAULT_TTL)
        else:
            configuration = configuration.add_middleware(AsyncMiddleware(attempts))
            client = CacheClientAsync.create(configuration, server.credentials(), server.DEFAULT_TTL)
        client = await client if inspect.isawaitable(client) else client
        context = closing(client)
        opened.append(context)
        return await context.__aenter__()

    yield make
    for context in opened:
        await context.__aexit__(None, None, None)


async def test_a_full_outage_exhausts_the_attempts(asking: Any, cache: str, key: str) -> None:
    attempts = Attempts(return_error="unavailable", error_rpcs="get")
    client = await asking(attempts, RETRY_THREE_TIMES)
    answer = await client.get(cache, key)
    assert isinstance(answer, CacheGet.Error)
    assert answer.error_code == MomentoErrorCode.SERVER_UNAVAILABLE
    assert attempts.count == 4
    # The other calls of the same session are well.
    assert isinstance(await client.set(cache, key, "value"), CacheSet.Success)
    assert attempts.count == 5


async def test_a_temporary_outage_is_retried_through(asking: Any, cache: str, key: str) -> None:
    for token in ("unavailable", "internal"):
        attempts = Attempts(return_error=token, error_rpcs="get set", error_count=2)
        client = await asking(attempts, RETRY_THREE_TIMES)
        assert isinstance(await client.get(cache, key), CacheGet.Miss)
        assert attempts.count == 3
        # The count is used up, and it is this request id's alone.
        assert isinstance(await client.get(cache, key), CacheGet.Miss)
        assert attempts.count == 4
    other = Attempts(return_error="unavailable", error_rpcs="get", error_count=1)
    assert isinstance(await (await asking(other, RETRY_THREE_TIMES)).get(cache, key), CacheGet.Miss)
    assert other.count == 2


async def test_what_may_not_be_repeated_is_not(asking: Any, cache: str, key: str) -> None:
    attempts = Attempts(return_error="unavailable", error_rpcs="increment", error_count=1)
    client = await asking(attempts, RETRY_THREE_TIMES)
    assert isinstance(await client.increment(cache, key), CacheIncrement.Error)
    assert attempts.count == 1
    answer = await client.increment(cache, key)
    assert isinstance(answer, CacheIncrement.Success)
    assert answer.value == 1, "the call that failed was carried out"


@pytest.mark.parametrize(
    "token, code",
    [
        ("invalid-argument", MomentoErrorCode.INVALID_ARGUMENT_ERROR),
        ("unknown", MomentoErrorCode.BAD_REQUEST_ERROR),
        ("already-exists", MomentoErrorCode.ALREADY_EXISTS_ERROR),
        ("not-found", MomentoErrorCode.NOT_FOUND_ERROR),
        ("permission-denied", MomentoErrorCode.PERMISSION_ERROR),
        ("unauthenticated", MomentoErrorCode.AUTHENTICATION_ERROR),
        ("cancelled", MomentoErrorCode.CANCELLED_ERROR),
        ("resource-exhausted", MomentoErrorCode.LIMIT_EXCEEDED_ERROR),
        ("deadline-exceeded", MomentoErrorCode.TIMEOUT_ERROR),
        ("failed-precondition", MomentoErrorCode.FAILED_PRECONDITION_ERROR),
    ],
)
async def test_every_error_has_its_name_and_none_is_retried(
    asking: Any, cache: str, key: str, token: str, code: MomentoErrorCode
) -> None:
    attempts = Attempts(return_error=token, error_rpcs="get")
    answer = await (await asking(attempts, RETRY_THREE_TIMES)).get(cache, key)
    assert isinstance(answer, CacheGet.Error)
    assert answer.error_code == code
    assert attempts.count == 1


async def test_answers_that_are_late_are_waited_for(asking: Any, cache: str, key: str) -> None:
    # Both attempts are late, the first fails. The strategy means 300 ms, but the SDK takes them for seconds.
    fails = {"return_error": "unavailable", "error_rpcs": "get", "error_count": 1}
    attempts = Attempts(**fails, delay_rpcs="get", delay_ms=600, delay_count=2)
    strategy = FixedTimeoutRetryStrategy(retry_timeout_millis=300, retry_delay_interval_millis=50)
    began = monotonic()
    assert isinstance(await (await asking(attempts, strategy)).get(cache, key), CacheGet.Miss)
    assert attempts.count == 2
    assert monotonic() - began >= 1.2
    # All are late: the client's own deadline ends it.
    attempts = Attempts(delay_rpcs="get", delay_ms=5000)
    answer = await (await asking(attempts, RETRY_THREE_TIMES, timedelta(milliseconds=500))).get(cache, key)
    assert isinstance(answer, CacheGet.Error)
    assert answer.error_code == MomentoErrorCode.TIMEOUT_ERROR


async def test_a_fault_that_cannot_be_had_is_told(asking: Any, cache: str, key: str) -> None:
    attempts = Attempts(return_error="gone", error_rpcs="get")
    answer = await (await asking(attempts, RETRY_THREE_TIMES)).get(cache, key)
    assert isinstance(answer, CacheGet.Error)
    assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR
    assert "return-error" in answer.message


async def test_an_outage_ends_in_a_timeout_and_passes(asking: Any, cache: str, key: str) -> None:
    client = await asking(Attempts(), RETRY_THREE_TIMES, timedelta(milliseconds=700))
    admin = os.environ["KURA_TEST_ADMIN"]
    assert isinstance(await client.get(cache, key), CacheGet.Miss)
    with urlopen(f"http://{admin}/block", timeout=5) as answer:
        assert answer.status == 200
    try:
        blocked = await client.get(cache, key)
    finally:
        with urlopen(f"http://{admin}/unblock", timeout=5) as answer:
            assert answer.status == 200
    assert isinstance(blocked, CacheGet.Error), blocked
    # The connection may have been given up meanwhile: the next attempts find another.
    for _ in range(50):
        if isinstance(await client.get(cache, key), CacheGet.Miss):
            return
    raise AssertionError("the client does not recover from an outage")
