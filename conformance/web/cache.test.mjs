// Caches and items through the Web SDK: what differs from other clients is the way, not the calls.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {cacheClient, credentials, mode, sdk, unique} from './server.mjs';

const {MomentoErrorCode} = sdk;
const everyByte = Uint8Array.from({length: 256}, (_, at) => at);

describe('caches and items', () => {
  const cache = unique('conformance-web');
  let client;
  before(async () => {
    client = cacheClient();
    assert.equal((await client.createCache(cache)).type, 'Success');
  });
  after(async () => {
    assert.equal((await client.deleteCache(cache)).type, 'Success');
  });

  it('creates, lists, flushes and deletes caches', async () => {
    assert.equal((await client.createCache(cache)).type, 'AlreadyExists');
    const listed = await client.listCaches();
    assert.equal(listed.type, 'Success', listed.toString());
    assert.ok(listed.getCaches().some(info => info.getName() === cache));
    const key = unique();
    await client.set(cache, key, 'value');
    assert.equal((await client.flushCache(cache)).type, 'Success');
    assert.equal((await client.get(cache, key)).type, 'Miss');
    const absent = await client.deleteCache(unique());
    assert.equal(absent.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR);
  });

  it('sets, gets and deletes any bytes', async () => {
    const key = Buffer.concat([Buffer.from(unique()), everyByte]);
    for (const stored of [everyByte, Buffer.from('日本語'), Buffer.alloc(100_000, 'x')]) {
      assert.equal((await client.set(cache, key, stored)).type, 'Success');
      const found = await client.get(cache, key);
      assert.equal(found.type, 'Hit', found.toString());
      assert.deepEqual(Buffer.from(found.valueUint8Array()), Buffer.from(stored));
    }
    assert.equal((await client.delete(cache, key)).type, 'Success');
    assert.equal((await client.get(cache, key)).type, 'Miss');
  });

  it('reads and writes in batches, which are answered as streams', async () => {
    const keys = Array.from({length: 20}, () => unique());
    const set = await client.setBatch(cache, new Map(keys.map((key, at) => [key, `value-${at}`])));
    assert.equal(set.type, 'Success', set.toString());
    const got = await client.getBatch(cache, keys);
    assert.equal(got.type, 'Success', got.toString());
    keys.forEach((key, at) => assert.equal(got.values()[key], `value-${at}`));
  });

  it('counts', async () => {
    const key = unique();
    assert.equal((await client.increment(cache, key, 7)).valueNumber(), 7);
    assert.equal((await client.increment(cache, key, -9)).valueNumber(), -2);
    await client.set(cache, key, 'text');
    assert.equal((await client.increment(cache, key)).errorCode(), MomentoErrorCode.FAILED_PRECONDITION_ERROR);
  });

  it('tells errors apart', async () => {
    const absent = await client.get(unique('absent'), 'key');
    assert.equal(absent.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR, absent.toString());
  });

  it('knows strangers', {skip: mode === 'local' && 'strangers are let in there'}, async () => {
    const parts = {endpoint: process.env.KURA_ENDPOINT, api_key: 'eyJhbGciOiJIUzI1NiJ9.eyJpZCI6ImsifQ.AAAA'};
    const forged = Buffer.from(JSON.stringify(parts)).toString('base64');
    const refused = await cacheClient(credentials(forged)).get(cache, 'key');
    assert.equal(refused.errorCode(), MomentoErrorCode.AUTHENTICATION_ERROR, refused.toString());
  });
});
