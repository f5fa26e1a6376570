// Topics and tokens through the Web SDK: a subscription is a stream that a page reads as it comes.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {authClient, cacheClient, credentials, mode, sdk, topicClient, unique} from './server.mjs';

const {CacheRole, ExpiresIn, MomentoErrorCode, TopicRole} = sdk;

/** Waits for `condition`, at most ten seconds. */
async function until(condition) {
  const end = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < end, 'it does not come');
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

describe('topics and tokens', () => {
  const cache = unique('conformance-web');
  let client;
  before(async () => {
    client = cacheClient();
    assert.equal((await client.createCache(cache)).type, 'Success');
  });
  after(async () => {
    assert.equal((await client.deleteCache(cache)).type, 'Success');
  });

  it('delivers what is published, in order', async () => {
    const topic = unique('topic');
    const topics = topicClient();
    const received = [];
    const subscription = await topics.subscribe(cache, topic, {
      onItem: item => received.push(item.value()),
      onError: error => received.push(error),
    });
    assert.equal(subscription.type, 'Subscription', subscription.toString());
    const sent = ['one', '二', new Uint8Array([0, 1, 254, 255])];
    for (const value of sent) {
      const published = await topics.publish(cache, topic, value);
      assert.equal(published.type, 'Success', published.toString());
    }
    await until(() => received.length === sent.length);
    assert.deepEqual(
      received.map(value => (typeof value === 'string' ? value : [...value])),
      ['one', '二', [0, 1, 254, 255]]
    );
    subscription.unsubscribe();
  });

  it('refuses topics of caches that are not there', async () => {
    const published = await topicClient().publish(unique('absent'), 'topic', 'value');
    assert.equal(published.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR, published.toString());
  });

  it('makes tokens that reach as far as they say', {skip: mode !== 'v1' && 'tokens are made of keys'}, async () => {
    const scope = {
      permissions: [
        {role: CacheRole.ReadOnly, cache},
        {role: TopicRole.PublishOnly, cache, topic: 'open'},
      ],
    };
    const made = await authClient().generateDisposableToken(scope, ExpiresIn.minutes(5));
    assert.equal(made.type, 'Success', made.toString());
    const limited = credentials(made.authToken);
    const reader = cacheClient(limited);
    assert.equal((await reader.get(cache, unique())).type, 'Miss');
    const written = await reader.set(cache, unique(), 'value');
    assert.equal(written.errorCode(), MomentoErrorCode.PERMISSION_ERROR, written.toString());
    const publisher = topicClient(limited);
    assert.equal((await publisher.publish(cache, 'open', 'value')).type, 'Success');
    const shut = await publisher.publish(cache, 'shut', 'value');
    assert.equal(shut.errorCode(), MomentoErrorCode.PERMISSION_ERROR, shut.toString());
  });
});
