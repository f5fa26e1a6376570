"""Sorted sets."""

import asyncio
from datetime import timedelta

import pytest
from momento.errors import MomentoErrorCode
from momento.requests import CollectionTtl, SortOrder
from momento.responses import (
    CacheSortedSetFetch,
    CacheSortedSetGetRank,
    CacheSortedSetGetScore,
    CacheSortedSetGetScores,
    CacheSortedSetIncrementScore,
    CacheSortedSetPutElement,
    CacheSortedSetPutElements,
    CacheSortedSetRemoveElement,
    CacheSortedSetRemoveElements,
)

DESCENDING = SortOrder.DESCENDING
FIVE = {"a": -1.5, "b": 0.0, "c": 1.0, "d": 2.0, "e": 1e9}


async def by_rank(client, cache, key, *range_, **options):
    answer = await client.sorted_set_fetch_by_rank(cache, key, *range_, **options)
    assert isinstance(answer, CacheSortedSetFetch.Hit), answer
    return answer.value_list_string


async def test_a_missing_sorted_set_is_a_miss_in_every_way(client, cache, key):
    assert isinstance(await client.sorted_set_fetch_by_rank(cache, key), CacheSortedSetFetch.Miss)
    assert isinstance(await client.sorted_set_fetch_by_score(cache, key), CacheSortedSetFetch.Miss)
    assert isinstance(await client.sorted_set_get_rank(cache, key, "a"), CacheSortedSetGetRank.Miss)
    assert isinstance(await client.sorted_set_get_score(cache, key, "a"), CacheSortedSetGetScore.Miss)
    assert isinstance(await client.sorted_set_get_scores(cache, key, ["a"]), CacheSortedSetGetScores.Miss)
    assert isinstance(await client.sorted_set_remove_element(cache, key, "a"), CacheSortedSetRemoveElement.Success)
    assert isinstance(await client.sorted_set_remove_elements(cache, key, ["a"]), CacheSortedSetRemoveElements.Success)
    assert isinstance(await client.sorted_set_fetch_by_rank(cache, key), CacheSortedSetFetch.Miss)


async def test_elements_come_by_score(client, cache, key):
    answer = await client.sorted_set_put_element(cache, key, "c", 3.0)
    assert isinstance(answer, CacheSortedSetPutElement.Success), answer
    answer = await client.sorted_set_put_elements(cache, key, {"a": 1.0, "b": 2.0})
    assert isinstance(answer, CacheSortedSetPutElements.Success), answer
    assert await by_rank(client, cache, key) == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
    assert await by_rank(client, cache, key, sort_order=DESCENDING) == [("c", 3.0), ("b", 2.0), ("a", 1.0)]
    # Another score moves an element.
    await client.sorted_set_put_element(cache, key, "a", 2.5)
    assert await by_rank(client, cache, key) == [("b", 2.0), ("a", 2.5), ("c", 3.0)]


@pytest.mark.parametrize(
    ("start", "end", "ascending", "descending"),
    [
        (None, None, "abcde", "edcba"),
        (0, 2, "ab", "ed"),
        (1, None, "bcde", "dcba"),
        (None, 3, "abc", "edc"),
        (-2, None, "de", "ba"),
        (1, -1, "bcd", "dcb"),
        (-3, -1, "cd", "cb"),
        (3, 99, "de", "ba"),
        (5, None, "", ""),
        (99, None, "", ""),
        (-99, 2, "ab", "ed"),
        (3, -5, "", ""),
    ],
)
async def test_ranks_are_counted_from_either_end(client, cache, key, start, end, ascending, descending):
    await client.sorted_set_put_elements(cache, key, FIVE)
    for order, expected in [(SortOrder.ASCENDING, ascending), (DESCENDING, descending)]:
        got = await by_rank(client, cache, key, start, end, order)
        assert got == [(value, FIVE[value]) for value in expected], order


@pytest.mark.parametrize(
    ("options", "ascending", "descending"),
    [
        ({}, "abcde", "edcba"),
        ({"min_score": 0.0}, "bcde", "edcb"),
        ({"max_score": 1.0}, "abc", "cba"),
        ({"min_score": 0.0, "max_score": 2.0}, "bcd", "dcb"),
        ({"min_score": 1.5, "max_score": 1.7}, "", ""),
        ({"offset": 1}, "bcde", "dcba"),
        ({"count": 2}, "ab", "ed"),
        ({"min_score": 0.0, "offset": 1, "count": 2}, "cd", "dc"),
        ({"offset": 99}, "", ""),
    ],
)
async def test_scores_are_bounds_and_then_offset_and_count(client, cache, key, options, ascending, descending):
    await client.sorted_set_put_elements(cache, key, FIVE)
    for order, expected in [(SortOrder.ASCENDING, ascending), (DESCENDING, descending)]:
        answer = await client.sorted_set_fetch_by_score(cache, key, sort_order=order, **options)
        assert isinstance(answer, CacheSortedSetFetch.Hit), answer
        assert answer.value_list_string == [(value, FIVE[value]) for value in expected], order


async def test_ranks_and_scores_of_single_values(client, cache, key):
    await client.sorted_set_put_elements(cache, key, FIVE)
    for at, value in enumerate("abcde"):
        rank = await client.sorted_set_get_rank(cache, key, value)
        assert isinstance(rank, CacheSortedSetGetRank.Hit), rank
        assert rank.rank == at
        assert (await client.sorted_set_get_rank(cache, key, value, DESCENDING)).rank == 4 - at
        score = await client.sorted_set_get_score(cache, key, value)
        assert isinstance(score, CacheSortedSetGetScore.Hit), score
        assert score.score == FIVE[value]
    assert isinstance(await client.sorted_set_get_rank(cache, key, "x"), CacheSortedSetGetRank.Miss)
    assert isinstance(await client.sorted_set_get_score(cache, key, "x"), CacheSortedSetGetScore.Miss)


async def test_several_scores_come_in_the_order_asked(client, cache, key):
    await client.sorted_set_put_elements(cache, key, FIVE)
    answer = await client.sorted_set_get_scores(cache, key, ["e", "x", "a", "e"])
    assert isinstance(answer, CacheSortedSetGetScores.Hit), answer
    kinds = [isinstance(it, CacheSortedSetGetScore.Hit) for it in answer.responses]
    assert kinds == [True, False, True, True]
    assert answer.value_dictionary_string == {"a": -1.5, "e": 1e9}
    assert isinstance(await client.sorted_set_get_scores(cache, key, ["x"]), CacheSortedSetGetScores.Hit)


async def test_equal_scores_have_one_order_and_distinct_ranks(client, cache, key):
    values = [f"value {at}" for at in range(20)]
    await client.sorted_set_put_elements(cache, key, dict.fromkeys(values, 1.0))
    ascending = [value for value, _ in await by_rank(client, cache, key)]
    assert sorted(ascending) == sorted(values)
    assert [value for value, _ in await by_rank(client, cache, key, sort_order=DESCENDING)] == ascending[::-1]
    for at, value in enumerate(ascending):
        assert (await client.sorted_set_get_rank(cache, key, value)).rank == at


async def test_scores_are_incremented(client, cache, key):
    for amount, sum_ in [(1.0, 1.0), (2.5, 3.5), (-4.0, -0.5), (0.25, -0.25)]:
        answer = await client.sorted_set_increment_score(cache, key, "a", amount)
        assert isinstance(answer, CacheSortedSetIncrementScore.Success), answer
        assert answer.score == sum_
    assert await by_rank(client, cache, key) == [("a", -0.25)]


async def test_scores_keep_every_bit(client, cache, key):
    scores = {"a": 27.004309862363737, "b": 16777217.0, "c": 1e-300, "d": -1.7976931348623157e308}
    await client.sorted_set_put_elements(cache, key, scores)
    assert dict(await by_rank(client, cache, key)) == scores


async def test_the_last_element_takes_the_sorted_set_with_it(client, cache, key):
    await client.sorted_set_put_elements(cache, key, FIVE)
    await client.sorted_set_remove_element(cache, key, "a")
    await client.sorted_set_remove_elements(cache, key, ["b", "x", "c"])
    assert await by_rank(client, cache, key) == [("d", 2.0), ("e", 1e9)]
    await client.sorted_set_remove_elements(cache, key, ["d", "e"])
    assert isinstance(await client.sorted_set_fetch_by_rank(cache, key), CacheSortedSetFetch.Miss)
    assert isinstance(await client.sorted_set_get_scores(cache, key, ["d"]), CacheSortedSetGetScores.Miss)


async def test_a_score_that_is_no_number_is_refused(client, cache, key):
    answer = await client.sorted_set_put_element(cache, key, "a", float("nan"))
    assert isinstance(answer, CacheSortedSetPutElement.Error), answer
    assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR, answer
    assert isinstance(await client.sorted_set_fetch_by_rank(cache, key), CacheSortedSetFetch.Miss)


async def test_infinite_scores_are_first_and_last(client, cache, key):
    infinite = float("inf")
    await client.sorted_set_put_elements(cache, key, {"last": infinite, "a": 1e308, "first": -infinite})
    assert await by_rank(client, cache, key) == [("first", -infinite), ("a", 1e308), ("last", infinite)]
    # Their sum has no place in the order.
    answer = await client.sorted_set_increment_score(cache, key, "last", -infinite)
    assert isinstance(answer, CacheSortedSetIncrementScore.Error), answer
    assert answer.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR, answer
    assert (await client.sorted_set_get_score(cache, key, "last")).score == infinite


async def test_any_bytes_are_a_value(client, cache, key):
    values = {b"\0": 1.0, bytes(range(256)): 2.0, b"x" * 100_000: 3.0}
    await client.sorted_set_put_elements(cache, key, values)
    assert dict((await client.sorted_set_fetch_by_rank(cache, key)).value_list_bytes) == values


WRITES = {
    "put_element": lambda client, *name, ttl: client.sorted_set_put_element(*name, "a", 2.0, ttl=ttl),
    "put_elements": lambda client, *name, ttl: client.sorted_set_put_elements(*name, {"a": 2.0}, ttl=ttl),
    "increment_score": lambda client, *name, ttl: client.sorted_set_increment_score(*name, "a", 1.0, ttl=ttl),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_refreshes_the_time_to_live_only_if_asked(client, cache, key, write):
    long = CollectionTtl.of(timedelta(seconds=60))
    for ttl, lives in [(long, True), (long.with_no_refresh_ttl_on_updates(), False)]:
        first = CollectionTtl.of(timedelta(milliseconds=300)).with_no_refresh_ttl_on_updates()
        await client.sorted_set_put_element(cache, f"{key}-{lives}", "a", 1.0, ttl=first)
        await write(client, cache, f"{key}-{lives}", ttl=ttl)
        assert await by_rank(client, cache, f"{key}-{lives}") == [("a", 2.0)]
    await asyncio.sleep(0.35)
    assert await by_rank(client, cache, f"{key}-True") == [("a", 2.0)]
    assert isinstance(await client.sorted_set_fetch_by_rank(cache, f"{key}-False"), CacheSortedSetFetch.Miss)


async def test_a_value_is_no_sorted_set(client, cache, key):
    await client.set(cache, key, "value")
    for answer in [
        await client.sorted_set_fetch_by_rank(cache, key),
        await client.sorted_set_get_score(cache, key, "a"),
        await client.sorted_set_get_rank(cache, key, "a"),
        await client.sorted_set_put_element(cache, key, "a", 1.0),
        await client.sorted_set_increment_score(cache, key, "a"),
        await client.sorted_set_remove_element(cache, key, "a"),
    ]:
        assert answer.error_code == MomentoErrorCode.FAILED_PRECONDITION_ERROR, answer
    assert (await client.get(cache, key)).value_string == "value"
