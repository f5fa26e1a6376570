// Every scalar method the Node SDK has.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {makeClient, sdk, sleep, unique} from './server.mjs';

const {MomentoErrorCode} = sdk;
const everyByte = Uint8Array.from({length: 256}, (_, at) => at);

describe('scalar', () => {
  const cache = unique('conformance-node');
  let client;
  before(async () => {
    client = await makeClient();
    assert.equal((await client.createCache(cache)).type, 'Success');
  });
  after(async () => {
    assert.equal((await client.deleteCache(cache)).type, 'Success');
    client.close();
  });

  const value = async key => {
    const answer = await client.get(cache, key);
    assert.equal(answer.type, 'Hit', answer.toString());
    return answer.value();
  };

  describe('get, set, delete', () => {
    it('gets what was set', async () => {
      const key = unique();
      assert.equal((await client.get(cache, key)).type, 'Miss');
      assert.equal((await client.set(cache, key, 'value')).type, 'Success');
      assert.equal(await value(key), 'value');
    });

    it('takes any bytes as key and value', async () => {
      const key = Buffer.concat([Buffer.from(unique()), everyByte]);
      for (const stored of [new Uint8Array(), everyByte, Buffer.from('日本語'), Buffer.alloc(100_000, 'x')]) {
        await client.set(cache, key, stored);
        assert.deepEqual(Buffer.from((await client.get(cache, key)).valueUint8Array()), Buffer.from(stored));
      }
      assert.equal((await client.get(cache, key.subarray(0, -1))).type, 'Miss');
    });

    it('deletes, and does not mind absence', async () => {
      const key = unique();
      assert.equal((await client.delete(cache, key)).type, 'Success');
      await client.set(cache, key, 'value');
      assert.equal((await client.delete(cache, key)).type, 'Success');
      assert.equal((await client.get(cache, key)).type, 'Miss');
    });

    it('expires on the millisecond', async () => {
      const key = unique();
      const before = performance.now();
      await client.set(cache, key, 'value', {ttl: 1});
      const after = performance.now();
      for (;;) {
        const asked = performance.now();
        if ((await client.get(cache, key)).type === 'Miss') break;
        assert.ok(asked < after + 1000, `still there ${asked - after - 1000} ms too late`);
        await sleep(2);
      }
      assert.ok(performance.now() >= before + 999, 'gone too early');
    });

    it('refuses a negative time to live', async () => {
      const answer = await client.set(cache, unique(), 'value', {ttl: -1});
      assert.equal(answer.errorCode(), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
    });

    it('keeps concurrent answers apart', async () => {
      const key = unique();
      const answers = await Promise.all(
        Array.from({length: 1000}, async (_, at) => {
          await client.set(cache, `${key}-${at}`, `value ${at}`);
          return value(`${key}-${at}`);
        })
      );
      assert.deepEqual(answers, Array.from({length: 1000}, (_, at) => `value ${at}`));
    });
  });

  describe('increment', () => {
    it('counts from nothing, up, down, and not at all', async () => {
      const key = unique();
      for (const [amount, sum] of [[1, 1], [41, 42], [-43, -1], [0, -1]]) {
        const answer = await client.increment(cache, key, amount);
        assert.equal(answer.type, 'Success', answer.toString());
        assert.equal(answer.value(), sum);
        assert.equal(await value(key), String(sum));
      }
      assert.equal((await client.increment(cache, key)).value(), 0);
    });

    it('refuses what is no number', async () => {
      const key = unique();
      await client.set(cache, key, 'value');
      const answer = await client.increment(cache, key, 1);
      assert.equal(answer.type, 'Error');
      assert.equal(answer.errorCode(), MomentoErrorCode.FAILED_PRECONDITION_ERROR);
    });

    it('sets the time to live', async () => {
      const key = unique();
      await client.increment(cache, key, 1, {ttl: 1});
      await sleep(1050);
      assert.equal((await client.get(cache, key)).type, 'Miss');
    });

    it('counts every one of many at once', async () => {
      const key = unique();
      const answers = await Promise.all(Array.from({length: 500}, () => client.increment(cache, key, 1)));
      const values = answers.map(it => it.value()).sort((a, b) => a - b);
      assert.deepEqual(values, Array.from({length: 500}, (_, at) => at + 1));
    });
  });

  // Stored when: [absent, present and equal, present and different].
  const setIf = {
    setIfNotExists: [true, false, false],
    setIfAbsent: [true, false, false],
    setIfPresent: [false, true, true],
    setIfEqual: [false, true, false],
    setIfNotEqual: [true, false, true],
    setIfPresentAndNotEqual: [false, false, true],
    setIfAbsentOrEqual: [true, true, false],
  };
  const setIfHash = {
    setIfPresentAndHashEqual: [false, true, false],
    setIfPresentAndHashNotEqual: [false, false, true],
    setIfAbsentOrHashEqual: [true, true, false],
    setIfAbsentOrHashNotEqual: [true, false, true],
  };
  const befores = [undefined, 'same', 'other'];

  for (const [method, table] of Object.entries(setIf)) {
    // The methods without a value to compare with take their options there.
    const compares = /Equal$/.test(method);
    describe(method, () => {
      befores.forEach((before, at) => {
        it(`${table[at] ? 'stores' : 'does not store'} over ${before ?? 'nothing'}`, async () => {
          const key = unique();
          if (before) await client.set(cache, key, before);
          const args = compares ? ['same', {ttl: 10}] : [{ttl: 10}];
          const answer = await client[method](cache, key, 'new', ...args);
          assert.equal(answer.type, table[at] ? 'Stored' : 'NotStored', answer.toString());
          const now = await client.get(cache, key);
          assert.equal(now.value(), table[at] ? 'new' : before);
          if (table[at]) {
            const left = (await client.itemGetTtl(cache, key)).remainingTtlMillis();
            assert.ok(left > 9000 && left < 10_000, `${left}`);
          }
        });
      });

      it('does not find an unknown cache', async () => {
        const answer = await client[method](unique('cache'), 'key', 'new', ...(compares ? ['same'] : []));
        assert.equal(answer.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR);
      });
    });
  }

  describe('hashes', () => {
    it('are the same from every way to ask', async () => {
      const key = unique();
      assert.equal((await client.getWithHash(cache, key)).type, 'Miss');
      const stored = await client.setWithHash(cache, key, 'value');
      assert.equal(stored.type, 'Stored', stored.toString());
      const got = await client.getWithHash(cache, key);
      assert.equal(got.type, 'Hit', got.toString());
      assert.equal(got.value(), 'value');
      assert.equal(got.hashString(), stored.hashString());
      assert.deepEqual(got.hashUint8Array(), stored.hashUint8Array());
      await client.set(cache, key, 'value');
      assert.equal((await client.getWithHash(cache, key)).hashString(), got.hashString());
    });

    it('differ for different values', async () => {
      const key = unique();
      const hashes = new Set();
      for (let at = 0; at < 20; at++) {
        hashes.add((await client.setWithHash(cache, key, `value ${at}`)).hashString());
      }
      assert.equal(hashes.size, 20);
    });

    it('decide one of many concurrent writers', async () => {
      const key = unique();
      const hash = (await client.setWithHash(cache, key, 'value')).hashUint8Array();
      const answers = await Promise.all(
        Array.from({length: 32}, (_, at) => client.setIfPresentAndHashEqual(cache, key, `value ${at}`, hash))
      );
      assert.equal(answers.filter(it => it.type === 'Stored').length, 1);
    });
  });

  for (const [method, table] of Object.entries(setIfHash)) {
    describe(method, () => {
      befores.forEach((before, at) => {
        it(`${table[at] ? 'stores' : 'does not store'} over ${before ?? 'nothing'}`, async () => {
          const key = unique();
          const same = (await client.setWithHash(cache, unique(), 'same')).hashUint8Array();
          if (before) await client.set(cache, key, before);
          const answer = await client[method](cache, key, 'new', same, {ttl: 10});
          assert.equal(answer.type, table[at] ? 'Stored' : 'NotStored', answer.toString());
          const now = await client.getWithHash(cache, key);
          assert.equal(now.value(), table[at] ? 'new' : before);
          if (table[at]) assert.equal(now.hashString(), answer.hashString());
        });
      });
    });
  }

  describe('batches', () => {
    it('answer in the order asked', async () => {
      const key = unique();
      const keys = Array.from({length: 300}, (_, at) => `${key}-${at}`);
      const items = new Map(keys.filter((_, at) => at % 3 === 0).map(it => [it, `value of ${it}`]));
      const set = await client.setBatch(cache, items);
      assert.equal(set.type, 'Success', set.toString());
      assert.deepEqual(set.results().map(it => it.type), Array(100).fill('Success'));
      const got = await client.getBatch(cache, keys);
      assert.equal(got.type, 'Success', got.toString());
      assert.deepEqual(got.results().map(it => it.value()), keys.map(it => items.get(it)));
      assert.deepEqual(got.values(), Object.fromEntries(items));
    });

    it('take records, and a time to live', async () => {
      const key = unique();
      await client.setBatch(cache, {[key]: 'value'}, {ttl: 1});
      assert.equal(await value(key), 'value');
      await sleep(1050);
      assert.equal((await client.getBatch(cache, [key])).results()[0].type, 'Miss');
    });

    it('do not find an unknown cache', async () => {
      for (const answer of [
        await client.getBatch(unique('cache'), ['a', 'b']),
        await client.setBatch(unique('cache'), {a: 'b'}),
      ]) {
        assert.equal(answer.type, 'Error');
        assert.equal(answer.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR);
      }
    });
  });

  it('tells which keys exist', async () => {
    const key = unique();
    await client.set(cache, key, '');
    assert.equal((await client.keyExists(cache, key)).exists(), true);
    assert.equal((await client.keyExists(cache, `${key}x`)).exists(), false);
    assert.deepEqual((await client.keysExist(cache, [`${key}x`, key, `${key}y`, key])).exists(), [false, true, false, true]);
    assert.deepEqual((await client.keysExist(cache, [])).exists(), []);
  });

  it('tells the type', async () => {
    const key = unique();
    assert.equal((await client.itemGetType(cache, key)).type, 'Miss');
    await client.set(cache, key, 'value');
    assert.equal((await client.itemGetType(cache, key)).itemType(), sdk.ItemType.SCALAR);
  });

  describe('time to live', () => {
    const left = async key => (await client.itemGetTtl(cache, key)).remainingTtlMillis();
    // [method, asked ms, answer, more than ms, less than ms] on an item with 10 s left.
    const cases = [
      ['updateTtl', 20_000, 'Set', 19_000, 20_000],
      ['updateTtl', 5_000, 'Set', 4_000, 5_000],
      ['increaseTtl', 20_000, 'Set', 19_000, 20_000],
      ['increaseTtl', 5_000, 'NotSet', 9_000, 10_000],
      ['decreaseTtl', 20_000, 'NotSet', 9_000, 10_000],
      ['decreaseTtl', 5_000, 'Set', 4_000, 5_000],
    ];
    for (const [method, asked, answered, low, high] of cases) {
      it(`${method} to ${asked} ms of an item with 10 s left`, async () => {
        const key = unique();
        assert.equal((await client[method](cache, key, asked)).type, 'Miss');
        await client.set(cache, key, 'value', {ttl: 10});
        assert.equal((await client[method](cache, key, asked)).type, answered);
        const remaining = await left(key);
        assert.ok(remaining > low && remaining < high, `${remaining}`);
      });
    }

    it('is below what was asked even at once', async () => {
      assert.equal((await client.itemGetTtl(cache, unique())).type, 'Miss');
      for (let at = 0; at < 50; at++) {
        const key = unique();
        await client.set(cache, key, 'value', {ttl: 10});
        const remaining = await left(key);
        assert.ok(remaining > 9000 && remaining < 10_000, `${remaining}`);
      }
    });
  });
});
