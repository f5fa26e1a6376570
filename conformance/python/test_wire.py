"""The scalar RPCs through the official stubs: the whole truth tables, codes, trailers, order in streams."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import server
from grpc import StatusCode as Code
from momento_wire_types import cacheclient_pb2 as pb
from momento_wire_types import common_pb2 as common
from momento_wire_types import controlclient_pb2 as control
from wire import Wire

MINUTE = 60_000


def put(wire, key, body, ttl=MINUTE):
    return wire.Set(pb._SetRequest(cache_key=key, cache_body=body, ttl_milliseconds=ttl))


def got(wire, key):
    answer = wire.Get(pb._GetRequest(cache_key=key))
    assert answer.result in (pb.Hit, pb.Miss)
    return answer.cache_body if answer.result == pb.Hit else None


@pytest.fixture
def key():
    return server.unique("key").encode()


SET_IF = {  # condition: (when absent, when equal, when different)
    "absent": (True, False, False),
    "present": (False, True, True),
    "equal": (False, True, False),
    "not_equal": (True, False, True),
    "present_and_not_equal": (False, False, True),
    "absent_or_equal": (True, True, False),
}
CONDITION = {
    "absent": lambda _: common.Absent(),
    "present": lambda _: common.Present(),
    "equal": lambda value: common.Equal(value_to_check=value),
    "not_equal": lambda value: common.NotEqual(value_to_check=value),
    "present_and_not_equal": lambda value: common.PresentAndNotEqual(value_to_check=value),
    "absent_or_equal": lambda value: common.AbsentOrEqual(value_to_check=value),
}


@pytest.mark.parametrize("condition", SET_IF)
@pytest.mark.parametrize("before", [None, b"same", b"other", b""])
def test_set_if(wire, key, condition, before):
    if before is not None:
        put(wire, key, before)
    stored = SET_IF[condition][0 if before is None else 1 if before == b"same" else 2]
    answer = wire.SetIf(
        pb._SetIfRequest(
            cache_key=key, cache_body=b"new", ttl_milliseconds=MINUTE, **{condition: CONDITION[condition](b"same")}
        )
    )
    assert answer.WhichOneof("result") == ("stored" if stored else "not_stored")
    assert got(wire, key) == (b"new" if stored else before)


def test_set_if_compares_with_an_empty_value(wire, key):
    request = pb._SetIfRequest(cache_key=key, cache_body=b"new", ttl_milliseconds=MINUTE, equal=common.Equal())
    assert wire.SetIf(request).WhichOneof("result") == "not_stored"
    put(wire, key, b"")
    assert wire.SetIf(request).WhichOneof("result") == "stored"


def test_set_if_replaces_the_time_to_live_only_when_it_stores(wire, key):
    put(wire, key, b"old")
    request = pb._SetIfRequest(cache_key=key, cache_body=b"new", ttl_milliseconds=5000, absent=common.Absent())
    wire.SetIf(request)
    assert remaining(wire, key) > 5000
    request = pb._SetIfRequest(cache_key=key, cache_body=b"new", ttl_milliseconds=5000, present=common.Present())
    wire.SetIf(request)
    assert remaining(wire, key) < 5000


def test_set_if_without_a_condition_is_refused(wire, key, refused):
    with refused(Code.INVALID_ARGUMENT):
        wire.SetIf(pb._SetIfRequest(cache_key=key, cache_body=b"new", ttl_milliseconds=MINUTE))
    assert got(wire, key) is None


def test_one_of_many_concurrent_setters_wins(wire, key):
    def attempt(at):
        request = pb._SetIfRequest(
            cache_key=key, cache_body=b"%d" % at, ttl_milliseconds=MINUTE, absent=common.Absent()
        )
        return wire.SetIf(request).WhichOneof("result")

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(attempt, range(64))).count("stored") == 1


def hash_of(wire, key):
    answer = wire.GetWithHash(pb._GetWithHashRequest(cache_key=key))
    return answer.found.hash if answer.WhichOneof("result") == "found" else None


def set_if_hash(wire, key, body, ttl=MINUTE, **condition):
    return wire.SetIfHash(pb._SetIfHashRequest(cache_key=key, cache_body=body, ttl_milliseconds=ttl, **condition))


SET_IF_HASH = {
    "present_and_not_hash_equal": (common.PresentAndNotHashEqual, (False, False, True)),
    "present_and_hash_equal": (common.PresentAndHashEqual, (False, True, False)),
    "absent_or_hash_equal": (common.AbsentOrHashEqual, (True, True, False)),
    "absent_or_not_hash_equal": (common.AbsentOrNotHashEqual, (True, False, True)),
}


@pytest.mark.parametrize("condition", SET_IF_HASH)
@pytest.mark.parametrize("before", [None, b"same", b"other", b""])
def test_set_if_hash(wire, key, condition, before):
    message, table = SET_IF_HASH[condition]
    same = set_if_hash(wire, server.unique().encode(), b"same", unconditional=common.Unconditional()).stored.new_hash
    if before is not None:
        put(wire, key, before)
    stored = table[0 if before is None else 1 if before == b"same" else 2]
    answer = set_if_hash(wire, key, b"new", **{condition: message(hash_to_check=same)})
    assert answer.WhichOneof("result") == ("stored" if stored else "not_stored")
    assert got(wire, key) == (b"new" if stored else before)
    if stored:
        assert answer.stored.new_hash == hash_of(wire, key)


def test_a_hash_is_of_the_value_alone_and_is_text(wire, key):
    assert wire.GetWithHash(pb._GetWithHashRequest(cache_key=key)).WhichOneof("result") == "missing"
    hashes = set()
    for value in (b"", b"a", b"b", bytes(range(256)), b"x" * 100_000):
        new = set_if_hash(wire, key, value, unconditional=common.Unconditional()).stored.new_hash
        found = wire.GetWithHash(pb._GetWithHashRequest(cache_key=key)).found
        assert (found.value, found.hash) == (value, new)
        put(wire, key, value, ttl=5000)
        assert hash_of(wire, key) == new
        assert new.decode("ascii").isprintable()
        hashes.add(new)
    assert len(hashes) == 5


def test_set_if_hash_without_a_condition_is_refused(wire, key, refused):
    with refused(Code.INVALID_ARGUMENT):
        set_if_hash(wire, key, b"new")


def test_set_if_not_exists(wire, key):
    request = pb._SetIfNotExistsRequest(cache_key=key, cache_body=b"value", ttl_milliseconds=MINUTE)
    assert wire.SetIfNotExists(request).WhichOneof("result") == "stored"
    assert wire.SetIfNotExists(request).WhichOneof("result") == "not_stored"


def test_get_batch_answers_in_order_and_each_time(wire, key):
    keys = [key + b"-%d" % at for at in range(1000)]
    for it in keys[::3]:
        put(wire, it, b"value of " + it)
    asked = keys[::-1] + keys
    answers = list(wire.GetBatch(pb._GetBatchRequest(items=[pb._GetRequest(cache_key=it) for it in asked])))
    present = set(keys[::3])
    assert [(a.result, a.cache_body) for a in answers] == [
        (pb.Hit, b"value of " + it) if it in present else (pb.Miss, b"") for it in asked
    ]


def test_set_batch_stores_all_with_their_own_times(wire, key):
    items = [
        pb._SetRequest(cache_key=key + b"-%d" % at, cache_body=b"%d" % at, ttl_milliseconds=1500 if at % 2 else MINUTE)
        for at in range(100)
    ]
    assert [answer.result for answer in wire.SetBatch(pb._SetBatchRequest(items=items))] == [pb.Ok] * 100
    assert [got(wire, it.cache_key) for it in items] == [it.cache_body for it in items]
    time.sleep(1.5)
    assert [got(wire, it.cache_key) is None for it in items] == [False, True] * 50


def test_a_batch_of_large_values(wire, key):
    for at in range(4):
        put(wire, key + b"%d" % at, b"%d" % at * 2_000_000)
    items = [pb._GetRequest(cache_key=key + b"%d" % at) for at in range(4)]
    answers = list(wire.GetBatch(pb._GetBatchRequest(items=items)))
    assert [len(answer.cache_body) for answer in answers] == [2_000_000] * 4


def test_empty_batches_answer_nothing(wire):
    assert list(wire.GetBatch(pb._GetBatchRequest())) == []
    assert list(wire.SetBatch(pb._SetBatchRequest())) == []


def test_keys_exist(wire, key):
    put(wire, key, b"")
    asked = [key, key + b"x", key]
    assert list(wire.KeysExist(pb._KeysExistRequest(cache_keys=asked)).exists) == [True, False, True]
    assert list(wire.KeysExist(pb._KeysExistRequest()).exists) == []
    wire.Delete(pb._DeleteRequest(cache_key=key))
    assert list(wire.KeysExist(pb._KeysExistRequest(cache_keys=asked)).exists) == [False] * 3


def test_increment_does_not_wrap(wire, key, refused):
    put(wire, key, b"9223372036854775807")
    with refused(Code.FAILED_PRECONDITION, Code.OUT_OF_RANGE, Code.INVALID_ARGUMENT):
        wire.Increment(pb._IncrementRequest(cache_key=key, amount=1, ttl_milliseconds=MINUTE))
    assert got(wire, key) == b"9223372036854775807"
    answer = wire.Increment(pb._IncrementRequest(cache_key=key, amount=-(2**63), ttl_milliseconds=MINUTE))
    assert answer.value == -1


def remaining(wire, key):
    answer = wire.ItemGetTtl(pb._ItemGetTtlRequest(cache_key=key))
    return answer.found.remaining_ttl_millis if answer.WhichOneof("result") == "found" else None


def update(wire, key, **change):
    return wire.UpdateTtl(pb._UpdateTtlRequest(cache_key=key, **change)).WhichOneof("result")


@pytest.mark.parametrize(
    "change, result, low, high",
    [
        ({"increase_to_milliseconds": 20_000}, "set", 19_000, 20_000),
        ({"increase_to_milliseconds": 5_000}, "not_set", 9_000, 10_000),
        ({"decrease_to_milliseconds": 5_000}, "set", 4_000, 5_000),
        ({"decrease_to_milliseconds": 20_000}, "not_set", 9_000, 10_000),
        ({"overwrite_to_milliseconds": 20_000}, "set", 19_000, 20_000),
        ({"overwrite_to_milliseconds": 5_000}, "set", 4_000, 5_000),
    ],
)
def test_update_ttl(wire, key, change, result, low, high):
    assert update(wire, key, **change) == "missing"
    put(wire, key, b"value", ttl=10_000)
    assert update(wire, key, **change) == result
    assert low < remaining(wire, key) < high
    assert got(wire, key) == b"value"


def test_update_ttl_takes_effect_to_the_millisecond(wire, key):
    put(wire, key, b"value", ttl=MINUTE)
    before = time.monotonic()
    update(wire, key, decrease_to_milliseconds=300)
    after = time.monotonic()
    while True:
        asked = time.monotonic()
        if got(wire, key) is None:
            break
        assert asked < after + 0.3, f"still there {asked - after - 0.3:.4f} s too late"
        time.sleep(0.002)
    assert time.monotonic() >= before + 0.299, "gone too early"
    assert update(wire, key, increase_to_milliseconds=MINUTE) == "missing"
    assert remaining(wire, key) is None


def test_update_ttl_without_a_change_is_refused(wire, key, refused):
    put(wire, key, b"value")
    with refused(Code.INVALID_ARGUMENT):
        update(wire, key)


def test_the_remaining_time_is_below_what_was_asked(wire, key):
    for _ in range(50):
        put(wire, key, b"value", ttl=5_000)
        assert 4_000 < remaining(wire, key) < 5_000


def test_a_type_is_a_scalar_or_missing(wire, key):
    assert wire.ItemGetType(pb._ItemGetTypeRequest(cache_key=key)).WhichOneof("result") == "missing"
    put(wire, key, b"value")
    answer = wire.ItemGetType(pb._ItemGetTypeRequest(cache_key=key))
    assert answer.found.item_type == pb._ItemGetTypeResponse.SCALAR


@pytest.mark.parametrize("ttl", [0, 2**63 - 1, 2**64 - 1])
def test_a_time_to_live_at_the_edge_is_refused_or_means_something(wire, key, ttl):
    try:
        put(wire, key, b"value", ttl=ttl)
    except grpc.RpcError as error:
        assert error.code() == Code.INVALID_ARGUMENT
    else:
        assert got(wire, key) == (b"value" if ttl else None)


REQUESTS = {
    "Get": pb._GetRequest(cache_key=b"k"),
    "GetBatch": pb._GetBatchRequest(items=[pb._GetRequest(cache_key=b"k")]),
    "GetWithHash": pb._GetWithHashRequest(cache_key=b"k"),
    "Set": pb._SetRequest(cache_key=b"k", ttl_milliseconds=MINUTE),
    "SetBatch": pb._SetBatchRequest(items=[pb._SetRequest(cache_key=b"k", ttl_milliseconds=MINUTE)]),
    "SetIf": pb._SetIfRequest(cache_key=b"k", ttl_milliseconds=MINUTE, absent=common.Absent()),
    "SetIfHash": pb._SetIfHashRequest(cache_key=b"k", ttl_milliseconds=MINUTE, unconditional=common.Unconditional()),
    "SetIfNotExists": pb._SetIfNotExistsRequest(cache_key=b"k", ttl_milliseconds=MINUTE),
    "Delete": pb._DeleteRequest(cache_key=b"k"),
    "KeysExist": pb._KeysExistRequest(cache_keys=[]),
    "Increment": pb._IncrementRequest(cache_key=b"k", amount=1, ttl_milliseconds=MINUTE),
    "UpdateTtl": pb._UpdateTtlRequest(cache_key=b"k", overwrite_to_milliseconds=MINUTE),
    "ItemGetTtl": pb._ItemGetTtlRequest(cache_key=b"k"),
    "ItemGetType": pb._ItemGetTypeRequest(cache_key=b"k"),
}


CONTROL = {
    "CreateCache": control._CreateCacheRequest(cache_name="cache"),
    "DeleteCache": control._DeleteCacheRequest(cache_name="cache"),
    "ListCaches": control._ListCachesRequest(),
    "FlushCache": control._FlushCacheRequest(cache_name="cache"),
    "CreateSigningKey": control._CreateSigningKeyRequest(ttl_minutes=30),
    "RevokeSigningKey": control._RevokeSigningKeyRequest(key_id="id"),
    "ListSigningKeys": control._ListSigningKeysRequest(),
}


def call(wire, rpc, **headers):
    answer = getattr(wire, rpc)(REQUESTS[rpc], **headers)
    return list(answer) if rpc.endswith("Batch") else answer


def test_all_of_them_are_here():
    assert (len(REQUESTS), len(CONTROL)) == (14, 7)


@pytest.mark.parametrize("rpc", REQUESTS)
def test_every_rpc_answers_not_found_for_an_unknown_cache(wire, refused, rpc):
    with refused(Code.NOT_FOUND) as answer:
        call(wire, rpc, cache=server.unique("cache"))
    assert answer.err not in ("item_not_found", "store_not_found"), "the SDKs would take it for another error"


@pytest.mark.parametrize("rpc", REQUESTS)
def test_every_rpc_needs_a_cache_name(wire, refused, rpc):
    for name in (None, ""):
        with refused(Code.NOT_FOUND, Code.INVALID_ARGUMENT):
            call(wire, rpc, cache=name)


if server.MODE != "local":  # which takes every token it did not mint

    @pytest.mark.parametrize("rpc", REQUESTS)
    @pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c", "forged", "unsigned"])
    def test_every_rpc_needs_a_token_of_this_server(wire, refused, rpc, token):
        if token == "forged":
            token = server.foreign_credentials().auth_token
        if token == "unsigned":
            none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode()
            token = f"{none}.{wire.token.split('.')[1]}."
        for cache in (wire.cache, server.unique("cache")):
            with refused(Code.UNAUTHENTICATED):
                call(wire, rpc, cache=cache, authorization=token)

    @pytest.mark.parametrize("rpc", CONTROL)
    @pytest.mark.parametrize("token", [None, "", "nonsense"])
    def test_every_control_rpc_needs_a_token_of_this_server(wire, refused, rpc, token):
        with refused(Code.UNAUTHENTICATED):
            getattr(wire.control, rpc)(CONTROL[rpc], metadata=wire.headers(cache=None, authorization=token), timeout=15)


def test_a_request_over_the_limit_says_which_limit(wire, key, refused):
    with refused(Code.RESOURCE_EXHAUSTED) as answer:
        put(wire, key, b"x" * 5_300_000)
    assert answer.err == "request_size_limit_exceeded"
    assert got(wire, key) is None


def test_unknown_methods_and_services_are_unimplemented(wire, refused):
    for path in ("/cache_client.Scs/NoSuchMethod", "/no.such.Service/Get"):
        method = wire.cache_channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        with refused(Code.UNIMPLEMENTED):
            method(b"", metadata=wire.headers(), timeout=15)


def test_a_body_that_is_no_message_is_refused(wire, refused):
    method = wire.cache_channel.unary_unary("/cache_client.Scs/Get", request_serializer=bytes, response_deserializer=bytes)
    with refused(Code.INVALID_ARGUMENT, Code.INTERNAL):
        method(b"\xff\xff\xff\xff", metadata=wire.headers(), timeout=15)


def test_ping_answers_without_a_token(wire):
    ping = wire.cache_channel.unary_unary("/cache_client.Ping/Ping", request_serializer=bytes, response_deserializer=bytes)
    assert ping(b"", timeout=15) is not None


def test_listed_caches_carry_their_limits(wire):
    listed = []
    token = ""
    while True:
        request = control._ListCachesRequest(next_token=token)
        page = wire.control.ListCaches(request, metadata=wire.headers(cache=None), timeout=15)
        listed += page.cache
        token = page.next_token
        if not token:
            break
    (mine,) = [it for it in listed if it.cache_name == wire.cache]
    assert mine.cache_limits.max_item_size_kb == 4883
    assert mine.cache_limits.max_ttl_seconds == 86_400
    assert mine.cache_limits.max_traffic_rate >= 500
    assert mine.cache_limits.max_throughput_kbps >= 10_240
    assert mine.topic_limits.max_publish_rate == 100
    assert mine.topic_limits.max_subscription_count == 100
    assert mine.topic_limits.max_publish_message_size_kb == 100


def test_control_calls_answer_with_their_own_codes(wire, refused):
    metadata = wire.headers(cache=None)
    with refused(Code.ALREADY_EXISTS):
        wire.control.CreateCache(control._CreateCacheRequest(cache_name=wire.cache), metadata=metadata, timeout=15)
    for name in ("", "      "):
        with refused(Code.INVALID_ARGUMENT):
            wire.control.CreateCache(control._CreateCacheRequest(cache_name=name), metadata=metadata, timeout=15)
    unknown = server.unique("cache")
    with refused(Code.NOT_FOUND):
        wire.control.DeleteCache(control._DeleteCacheRequest(cache_name=unknown), metadata=metadata, timeout=15)
    with refused(Code.NOT_FOUND):
        wire.control.FlushCache(control._FlushCacheRequest(cache_name=unknown), metadata=metadata, timeout=15)


def test_many_connections_are_served_at_once(key):
    def one(at):
        with Wire(server.credentials()) as wire:
            put(wire, key, b"%d" % at)
            return got(wire, key) == b"%d" % at

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(64)))
