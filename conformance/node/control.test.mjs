// Caches, their limits, and ping. The Node SDK has no methods for signing keys.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {makeClient, sdk, unique} from './server.mjs';

const {MomentoErrorCode} = sdk;

describe('control', () => {
  let client;
  before(async () => (client = await makeClient()));
  after(() => client.close());

  const caches = async () => {
    const listed = await client.listCaches();
    assert.equal(listed.type, 'Success', listed.toString());
    return listed.getCaches();
  };
  const names = async () => (await caches()).map(cache => cache.getName());

  it('answers a ping', async () => {
    await client.ping();
  });

  it('is a client with a configuration, and with caches that can be spoken to', async () => {
    assert.ok(client.configuration.getTransportStrategy());
    const name = unique('cache');
    await client.createCache(name);
    const cache = client.cache(name);
    assert.equal((await cache.set('key', 'value')).type, 'Success');
    assert.equal((await cache.get('key')).value(), 'value');
    await client.deleteCache(name);
  });

  it('makes, lists and deletes a cache', async () => {
    const name = unique('cache');
    assert.ok(!(await names()).includes(name));
    assert.equal((await client.createCache(name)).type, 'Success');
    assert.equal((await client.createCache(name)).type, 'AlreadyExists');
    assert.equal((await names()).filter(it => it === name).length, 1);
    assert.equal((await client.deleteCache(name)).type, 'Success');
    assert.ok(!(await names()).includes(name));
  });

  // The SDK's own suite checks these where CI=true.
  it('lists the limits of each cache', async () => {
    const name = unique('cache');
    await client.createCache(name);
    const cache = (await caches()).find(it => it.getName() === name);
    const limits = cache.getCacheLimits();
    assert.ok(limits.maxTrafficRate >= 500, `${limits.maxTrafficRate}`);
    assert.ok(limits.maxThroughputKbps >= 10240, `${limits.maxThroughputKbps}`);
    assert.equal(limits.maxItemSizeKb, 4883);
    assert.equal(limits.maxTtlSeconds, 86400);
    assert.deepEqual(cache.getTopicLimits(), {
      maxPublishRate: 100,
      maxSubscriptionCount: 100,
      maxPublishMessageSizeKb: 100,
    });
    await client.deleteCache(name);
  });

  it('flushes a cache and keeps it', async () => {
    const [name, key] = [unique('cache'), unique()];
    await client.createCache(name);
    await client.set(name, key, 'value');
    assert.equal((await client.flushCache(name)).type, 'Success');
    assert.equal((await client.get(name, key)).type, 'Miss');
    assert.equal((await client.set(name, key, 'again')).type, 'Success');
    assert.equal((await client.get(name, key)).value(), 'again');
    await client.deleteCache(name);
  });

  it('does not find an unknown cache', async () => {
    for (const answer of [await client.deleteCache(unique('cache')), await client.flushCache(unique('cache'))]) {
      assert.equal(answer.type, 'Error');
      assert.equal(answer.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR);
      assert.match(answer.message(), /^A cache with the specified name does not exist\./);
    }
  });

  it('refuses a blank name', async () => {
    for (const name of ['', '   ']) {
      for (const call of ['createCache', 'deleteCache', 'flushCache']) {
        assert.equal((await client[call](name)).errorCode(), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
      }
    }
  });

  it('lets one of many concurrent makers make it', async () => {
    const name = unique('cache');
    const answers = await Promise.all(Array.from({length: 16}, () => client.createCache(name)));
    assert.deepEqual(answers.map(it => it.type).sort(), [...Array(15).fill('AlreadyExists'), 'Success']);
    await client.deleteCache(name);
  });
});
