"""Topics, with the blocking and the async client."""

import asyncio
import threading

import pytest
import server
from momento.errors import MomentoErrorCode
from momento.responses import TopicPublish, TopicSubscribe, TopicSubscriptionItem

WAIT = 10


@pytest.fixture
def topic():
    return server.unique("topic")


async def subscribe(topics, cache, topic, *resume):
    subscription = await topics.subscribe(cache, topic, *resume)
    assert isinstance(subscription, (TopicSubscribe.Subscription, TopicSubscribe.SubscriptionAsync)), subscription
    return subscription


async def following(subscription):
    """The next item of either kind of subscription."""
    if isinstance(subscription, TopicSubscribe.SubscriptionAsync):
        return await asyncio.wait_for(anext(subscription), WAIT)
    # The blocking client cannot be interrupted, so whoever waits for it must not keep the run alive.
    loop, found = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    threading.Thread(target=lambda: loop.call_soon_threadsafe(found.set_result, next(subscription)), daemon=True).start()
    return await asyncio.wait_for(found, WAIT)


async def values(subscription, count):
    return [(await following(subscription)).value for _ in range(count)]


async def publish(topics, cache, topic, *published):
    for value in published:
        answer = await topics.publish(cache, topic, value)
        assert isinstance(answer, TopicPublish.Success), answer


async def test_texts_and_bytes_arrive_in_order(topics, cache, topic):
    subscription = await subscribe(topics, cache, topic)
    sent = ["text", bytes(range(256)), "日本語", b"\0"]
    await publish(topics, cache, topic, *sent)
    got = [await following(subscription) for _ in sent]
    assert [it.value for it in got] == sent
    kinds = (TopicSubscriptionItem.Text, TopicSubscriptionItem.Binary)
    assert [isinstance(it, kinds[0]) for it in got] == [True, False, True, False]
    assert [it.sequence_number for it in got] == [1, 2, 3, 4]
    assert len({it.sequence_page for it in got}) == 1
    subscription.unsubscribe()


async def test_who_comes_late_gets_the_latest(topics, cache, topic):
    await publish(topics, cache, topic, "earlier", "latest")
    subscription = await subscribe(topics, cache, topic)
    first = await following(subscription)
    assert (first.value, first.sequence_number) == ("latest", 2)
    await publish(topics, cache, topic, "next")
    assert await values(subscription, 1) == ["next"]
    subscription.unsubscribe()


async def test_a_subscription_resumes_at_the_number_it_names(topics, cache, topic):
    await publish(topics, cache, topic, "one", "two", "three")
    subscription = await subscribe(topics, cache, topic, 2)
    first = await following(subscription)
    assert (first.value, first.sequence_number) == ("two", 2)
    assert await values(subscription, 1) == ["three"]
    again = await subscribe(topics, cache, topic, 3, first.sequence_page)
    assert await values(again, 1) == ["three"]
    for it in (subscription, again):
        it.unsubscribe()


async def test_a_place_that_never_was_gets_the_latest(topics, cache, topic):
    await publish(topics, cache, topic, "only")
    subscription = await subscribe(topics, cache, topic, 300, 5_435_435)
    assert await values(subscription, 1) == ["only"]
    subscription.unsubscribe()


async def test_all_subscribers_see_one_order(topics, cache, topic):
    subscriptions = [await subscribe(topics, cache, topic) for _ in range(5)]
    await asyncio.gather(*(publish(topics, cache, topic, f"{at}") for at in range(20)))
    seen = []
    for subscription in subscriptions:
        got = [await following(subscription) for _ in range(20)]
        assert [it.sequence_number for it in got] == list(range(1, 21))
        seen.append([it.value for it in got])
        subscription.unsubscribe()
    assert sorted(seen[0], key=int) == [f"{at}" for at in range(20)]
    assert all(it == seen[0] for it in seen)


async def test_topics_and_caches_do_not_mix(topics, client, cache, topic):
    other = server.unique("cache")
    await client.create_cache(other)
    subscription = await subscribe(topics, cache, topic)
    await publish(topics, other, topic, "in another cache")
    await publish(topics, cache, f"{topic}-2", "on another topic")
    await publish(topics, cache, topic, "here")
    assert await values(subscription, 1) == ["here"]
    subscription.unsubscribe()
    await client.delete_cache(other)


async def test_an_unknown_cache_is_not_found(topics, topic):
    unknown = server.unique("cache")
    for answer in (await topics.publish(unknown, topic, "value"), await topics.subscribe(unknown, topic)):
        assert isinstance(answer, (TopicPublish.Error, TopicSubscribe.Error)), answer
        assert answer.error_code == MomentoErrorCode.NOT_FOUND_ERROR, answer


async def test_names_are_checked(topics, cache, topic):
    for bad in [("", topic), (cache, ""), (None, topic)]:
        for answer in (await topics.publish(*bad, "value"), await topics.subscribe(*bad)):
            assert answer.error_code == MomentoErrorCode.INVALID_ARGUMENT_ERROR, answer


if server.MODE != "local":

    async def test_a_forged_token_is_refused(topic_stranger, cache, topic):
        for answer in (await topic_stranger.publish(cache, topic, "v"), await topic_stranger.subscribe(cache, topic)):
            assert answer.error_code == MomentoErrorCode.AUTHENTICATION_ERROR, answer
