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
  dictionaryFetch: (client, cache) => client.dictionaryFetch(cache, 'key'),
  dictionaryGetField: (client, cache) => client.dictionaryGetField(cache, 'key', 'f'),
  dictionaryGetFields: (client, cache) => client.dictionaryGetFields(cache, 'key', ['f']),
  dictionarySetField: (client, cache) => client.dictionarySetField(cache, 'key', 'f', 'v'),
  dictionarySetFields: (client, cache) => client.dictionarySetFields(cache, 'key', {f: 'v'}),
  dictionaryIncrement: (client, cache) => client.dictionaryIncrement(cache, 'key', 'f'),
  dictionaryRemoveField: (client, cache) => client.dictionaryRemoveField(cache, 'key', 'f'),
  dictionaryRemoveFields: (client, cache) => client.dictionaryRemoveFields(cache, 'key', ['f']),
  dictionaryLength: (client, cache) => client.dictionaryLength(cache, 'key'),
  listFetch: (client, cache) => client.listFetch(cache, 'key'),
  listLength: (client, cache) => client.listLength(cache, 'key'),
  listPushFront: (client, cache) => client.listPushFront(cache, 'key', 'v'),
  listPushBack: (client, cache) => client.listPushBack(cache, 'key', 'v'),
  listConcatenateFront: (client, cache) => client.listConcatenateFront(cache, 'key', ['v']),
  listConcatenateBack: (client, cache) => client.listConcatenateBack(cache, 'key', ['v']),
  listPopFront: (client, cache) => client.listPopFront(cache, 'key'),
  listPopBack: (client, cache) => client.listPopBack(cache, 'key'),
  listRemoveValue: (client, cache) => client.listRemoveValue(cache, 'key', 'v'),
  listRetain: (client, cache) => client.listRetain(cache, 'key', {startIndex: 0, endIndex: 1}),
  setFetch: (client, cache) => client.setFetch(cache, 'key'),
  setAddElement: (client, cache) => client.setAddElement(cache, 'key', 'e'),
  setAddElements: (client, cache) => client.setAddElements(cache, 'key', ['e']),
  setRemoveElement: (client, cache) => client.setRemoveElement(cache, 'key', 'e'),
  setRemoveElements: (client, cache) => client.setRemoveElements(cache, 'key', ['e']),
  setContainsElement: (client, cache) => client.setContainsElement(cache, 'key', 'e'),
  setContainsElements: (client, cache) => client.setContainsElements(cache, 'key', ['e']),
  setLength: (client, cache) => client.setLength(cache, 'key'),
  setPop: (client, cache) => client.setPop(cache, 'key', 1),
  setSample: (client, cache) => client.setSample(cache, 'key', 1),
  sortedSetFetchByRank: (client, cache) => client.sortedSetFetchByRank(cache, 'key'),
  sortedSetFetchByScore: (client, cache) => client.sortedSetFetchByScore(cache, 'key'),
  sortedSetGetRank: (client, cache) => client.sortedSetGetRank(cache, 'key', 'e'),
  sortedSetGetScore: (client, cache) => client.sortedSetGetScore(cache, 'key', 'e'),
  sortedSetGetScores: (client, cache) => client.sortedSetGetScores(cache, 'key', ['e']),
  sortedSetPutElement: (client, cache) => client.sortedSetPutElement(cache, 'key', 'e', 1),
  sortedSetPutElements: (client, cache) => client.sortedSetPutElements(cache, 'key', {e: 1}),
  sortedSetIncrementScore: (client, cache) => client.sortedSetIncrementScore(cache, 'key', 'e', 1),
  sortedSetRemoveElement: (client, cache) => client.sortedSetRemoveElement(cache, 'key', 'e'),
  sortedSetRemoveElements: (client, cache) => client.sortedSetRemoveElements(cache, 'key', ['e']),
  sortedSetLength: (client, cache) => client.sortedSetLength(cache, 'key'),
  sortedSetLengthByScore: (client, cache) => client.sortedSetLengthByScore(cache, 'key'),
  sortedSetUnionStore: (client, cache) =>
    client.sortedSetUnionStore(cache, 'key', [{sortedSetName: 'other', weight: 1}]),
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
