// Unknown caches, forged keys, sizes.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {forgedCredentials, makeClient, mode, sdk, unique} from './server.mjs';

const {MomentoErrorCode} = sdk;
const hash = new Uint8Array([1]);
const calls = {
  get: (client, cache) => client.get(cache, 'key'),
  getWithHash: (client, cache) => client.getWithHash(cache, 'key'),
  getBatch: (client, cache) => client.getBatch(cache, ['key']),
  set: (client, cache) => client.set(cache, 'key', 'value'),
  setWithHash: (client, cache) => client.setWithHash(cache, 'key', 'value'),
  setBatch: (client, cache) => client.setBatch(cache, {key: 'value'}),
  setIfAbsent: (client, cache) => client.setIfAbsent(cache, 'key', 'value'),
  setIfPresentAndHashEqual: (client, cache) => client.setIfPresentAndHashEqual(cache, 'key', 'value', hash),
  delete: (client, cache) => client.delete(cache, 'key'),
  increment: (client, cache) => client.increment(cache, 'key', 1),
  keyExists: (client, cache) => client.keyExists(cache, 'key'),
  keysExist: (client, cache) => client.keysExist(cache, ['key']),
  updateTtl: (client, cache) => client.updateTtl(cache, 'key', 1000),
  increaseTtl: (client, cache) => client.increaseTtl(cache, 'key', 1000),
  decreaseTtl: (client, cache) => client.decreaseTtl(cache, 'key', 1000),
  itemGetTtl: (client, cache) => client.itemGetTtl(cache, 'key'),
  itemGetType: (client, cache) => client.itemGetType(cache, 'key'),
};
const controlCalls = {
  createCache: (client, cache) => client.createCache(cache),
  deleteCache: (client, cache) => client.deleteCache(cache),
  flushCache: (client, cache) => client.flushCache(cache),
  listCaches: client => client.listCaches(),
};

describe('errors', () => {
  const cache = unique('conformance-node');
  let client;
  before(async () => {
    client = await makeClient();
    await client.createCache(cache);
  });
  after(async () => {
    await client.deleteCache(cache);
    client.close();
  });

  for (const [name, call] of Object.entries(calls)) {
    it(`${name} does not find an unknown cache`, async () => {
      const answer = await call(client, unique('cache'));
      assert.equal(answer.type, 'Error', answer.toString());
      assert.equal(answer.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR);
    });

    it(`${name} refuses a blank cache name`, async () => {
      const answer = await call(client, '   ');
      assert.equal(answer.errorCode(), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
    });
  }

  // Local mode takes every key it did not mint.
  if (mode !== 'local') {
    describe('a forged key', () => {
      let stranger;
      before(async () => (stranger = await makeClient(forgedCredentials())));
      after(() => stranger.close());

      for (const [name, call] of Object.entries({...calls, ...controlCalls})) {
        it(`is refused by ${name}, whether the cache exists or not`, async () => {
          for (const answer of [await call(stranger, cache), await call(stranger, unique('cache'))]) {
            assert.equal(answer.type, 'Error', answer.toString());
            assert.equal(answer.errorCode(), MomentoErrorCode.AUTHENTICATION_ERROR, answer.toString());
          }
        });
      }
    });
  }

  it('takes five million bytes and gives them back', async () => {
    const stored = Buffer.alloc(5_000_000, 'abcdefg');
    const answer = await client.set(cache, 'large', stored);
    assert.equal(answer.type, 'Success', answer.toString());
    const got = await client.get(cache, 'large');
    assert.equal(got.type, 'Hit', got.toString());
    assert.ok(stored.equals(got.valueUint8Array()));
    await client.delete(cache, 'large');
  });

  it('refuses five point three million bytes as over the request limit', async () => {
    const answer = await client.set(cache, 'larger', Buffer.alloc(5_300_000, 'x'));
    assert.equal(answer.type, 'Error');
    assert.equal(answer.errorCode(), MomentoErrorCode.LIMIT_EXCEEDED_ERROR, answer.toString());
    assert.match(answer.message(), /^Request size limit exceeded for this account/);
    assert.equal((await client.get(cache, 'larger')).type, 'Miss');
  });
});
