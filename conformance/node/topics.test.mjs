// Topics and, because the topic client has them, webhooks; functions stand here as well. Kura has
// neither of the latter and says so.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {forgedCredentials, makeClient, makeFunctionClient, makeTopicClient, mode, sdk, unique, within} from './server.mjs';

const {MomentoErrorCode} = sdk;

describe('topics', () => {
  const cache = unique('conformance-node');
  let client, topics;
  before(async () => {
    [client, topics] = [await makeClient(), makeTopicClient()];
    await client.createCache(cache);
  });
  after(async () => {
    await client.deleteCache(cache);
    client.close();
  });

  /** A subscription whose items and errors are waited for with `seen`. */
  async function subscribe(topic, options = {}) {
    const [items, errors, heartbeats] = [[], [], []];
    const answer = await topics.subscribe(cache, topic, {
      onItem: item => items.push(item),
      onError: error => errors.push(error),
      onHeartbeat: () => heartbeats.push(1),
      onDiscontinuity: () => {},
      ...options,
    });
    assert.equal(answer.type, 'Subscription', answer.toString());
    const seen = async count => {
      await within(() => items.length >= count || errors.length > 0, `${count} items`);
      assert.deepEqual(errors.map(String), []);
      return items.map(item => item.value());
    };
    return {seen, items, errors, heartbeats, stop: () => answer.unsubscribe(), answer};
  }
  const publish = async (topic, ...values) => {
    for (const value of values) {
      const answer = await topics.publish(cache, topic, value);
      assert.equal(answer.type, 'Success', answer.toString());
    }
  };

  it('deliver texts and bytes in order', async () => {
    const topic = unique('topic');
    const {seen, items, stop} = await subscribe(topic);
    const bytes = Uint8Array.from({length: 256}, (_, at) => at);
    await publish(topic, 'one', bytes, '日本語');
    const [one, two, three] = await seen(3);
    assert.deepEqual([one, Buffer.from(two), three], ['one', Buffer.from(bytes), '日本語']);
    assert.deepEqual(items.map(it => it.sequenceNumber()), [1, 2, 3]);
    stop();
  });

  // The SDK resumes by itself after a lost connection; it has no option for it.
  it('begin with the latest', async () => {
    const topic = unique('topic');
    await publish(topic, 'one', 'two', 'three');
    const late = await subscribe(topic);
    assert.deepEqual(await late.seen(1), ['three']);
    await publish(topic, 'four');
    assert.deepEqual(await late.seen(2), ['three', 'four']);
    late.stop();
  });

  it('stop when they are told', async () => {
    const topic = unique('topic');
    const [stopped, going] = [await subscribe(topic), await subscribe(topic)];
    await publish(topic, 'one');
    await stopped.seen(1);
    stopped.stop();
    assert.equal(stopped.answer.isSubscribed, false);
    await publish(topic, 'two');
    await going.seen(2);
    assert.equal(stopped.items.length, 1);
    going.stop();
  });

  it('begin with a heartbeat', async () => {
    const {heartbeats, stop} = await subscribe(unique('topic'));
    await within(() => heartbeats.length > 0, 'a heartbeat');
    stop();
  });

  it('end with their cache', async () => {
    const [name, topic] = [unique('cache'), unique('topic')];
    await client.createCache(name);
    const errors = [];
    const answer = await topics.subscribe(name, topic, {onItem: () => {}, onError: error => errors.push(error)});
    assert.equal(answer.type, 'Subscription', answer.toString());
    await client.deleteCache(name);
    await within(() => errors.length > 0, 'the error');
    assert.equal(errors[0].errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR, errors[0].toString());
    answer.unsubscribe();
  });

  it('are not found in an unknown cache', async () => {
    const unknown = unique('cache');
    const subscribed = await topics.subscribe(unknown, 'topic', {onItem: () => {}, onError: () => {}});
    for (const answer of [subscribed, await topics.publish(unknown, 'topic', 'value')]) {
      assert.equal(answer.type, 'Error', answer.toString());
      assert.equal(answer.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR, answer.toString());
    }
  });

  if (mode !== 'local') {
    it('refuse a forged key', async () => {
      const stranger = makeTopicClient(forgedCredentials());
      for (const answer of [
        await stranger.publish(cache, 'topic', 'value'),
        await stranger.subscribe(cache, 'topic', {onItem: () => {}, onError: () => {}}),
      ]) {
        assert.equal(answer.errorCode(), MomentoErrorCode.AUTHENTICATION_ERROR, answer.toString());
      }
    });
  }

  it('have no webhooks, and say so', async () => {
    for (const answer of [
      await topics.listWebhooks(cache),
      await topics.putWebhook(cache, 'hook', {topicName: 'topic', destination: 'https://localhost/'}),
      await topics.deleteWebhook(cache, 'hook'),
      await topics.getWebhookSecret(cache, 'hook'),
      await topics.rotateWebhookSecret(cache, 'hook'),
    ]) {
      assert.equal(answer.type, 'Error', answer.toString());
      assert.equal(answer.errorCode(), MomentoErrorCode.BAD_REQUEST_ERROR, answer.toString());
    }
  });

  it('stand beside functions, which are not there either', async () => {
    const functions = makeFunctionClient();
    for (const answer of [
      await functions.putFunction(cache, 'name', new Uint8Array([0])),
      await functions.deleteFunction(cache, 'name'),
      await functions.listFunctions(cache),
      await functions.listFunctionVersions('id'),
    ]) {
      assert.equal(answer.type, 'Error', answer.toString());
      assert.equal(answer.errorCode(), MomentoErrorCode.BAD_REQUEST_ERROR, answer.toString());
    }
    functions.close();
  });
});
