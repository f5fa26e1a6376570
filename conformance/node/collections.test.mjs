// Dictionaries, lists, sets and sorted sets.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {makeClient, sdk, sleep, unique} from './server.mjs';

const {CollectionTtl, ItemType, MomentoErrorCode, SortedSetAggregate, SortedSetOrder} = sdk;
const everyByte = Uint8Array.from({length: 256}, (_, at) => at);

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

/** The answer, which must be of this type. */
function of(type, answer) {
  assert.equal(answer.type, type, answer.toString());
  return answer;
}

/** `write` on two collections with a second left, and which of them lives on: the one that it refreshed. */
async function refreshes(first, write, read) {
  const long = CollectionTtl.of(60);
  const [kept, gone] = [unique(), unique()];
  for (const [name, ttl] of [[kept, long], [gone, long.withNoRefreshTtlOnUpdates()]]) {
    // The first write gives the time whether it asks for a refresh or not.
    of('Success', await first(name, {ttl: CollectionTtl.of(1).withNoRefreshTtlOnUpdates()}));
    of('Success', await write(name, {ttl}));
    of('Hit', await read(name));
  }
  await sleep(1050);
  of('Hit', await read(kept));
  of('Miss', await read(gone));
}

describe('dictionaries', () => {
  const all = async name => of('Hit', await client.dictionaryFetch(cache, name)).value();

  it('are missing in every way until they are there', async () => {
    const name = unique();
    of('Miss', await client.dictionaryFetch(cache, name));
    of('Miss', await client.dictionaryGetField(cache, name, 'a'));
    of('Miss', await client.dictionaryGetFields(cache, name, ['a']));
    of('Miss', await client.dictionaryLength(cache, name));
    of('Success', await client.dictionaryRemoveField(cache, name, 'a'));
    of('Success', await client.dictionaryRemoveFields(cache, name, ['a']));
    of('Miss', await client.itemGetType(cache, name));
  });

  it('give what was set, in the order asked', async () => {
    const name = unique();
    of('Success', await client.dictionarySetField(cache, name, 'a', '0'));
    of('Success', await client.dictionarySetFields(cache, name, {a: '1', b: '2', c: '3'}));
    assert.deepEqual(await all(name), {a: '1', b: '2', c: '3'});
    assert.equal(of('Hit', await client.dictionaryLength(cache, name)).length(), 3);
    assert.equal(of('Hit', await client.dictionaryGetField(cache, name, 'b')).value(), '2');
    of('Miss', await client.dictionaryGetField(cache, name, 'x'));
    const got = of('Hit', await client.dictionaryGetFields(cache, name, ['c', 'x', 'a']));
    assert.deepEqual(got.responses.map(it => it.type), ['Hit', 'Miss', 'Hit']);
    assert.deepEqual(got.value(), {a: '1', c: '3'});
    of('Hit', await client.dictionaryGetFields(cache, name, ['x']));
    assert.equal((await client.itemGetType(cache, name)).itemType(), ItemType.DICTIONARY);
  });

  it('go with their last field', async () => {
    const name = unique();
    await client.dictionarySetFields(cache, name, new Map([['a', '1'], ['b', '2'], ['c', '3']]));
    of('Success', await client.dictionaryRemoveField(cache, name, 'b'));
    assert.deepEqual(await all(name), {a: '1', c: '3'});
    of('Success', await client.dictionaryRemoveFields(cache, name, ['a', 'x', 'c']));
    of('Miss', await client.dictionaryFetch(cache, name));
    of('Miss', await client.dictionaryLength(cache, name));
  });

  it('count', async () => {
    const name = unique();
    for (const [amount, sum] of [[1, 1], [41, 42], [-43, -1], [0, -1]]) {
      assert.equal(of('Success', await client.dictionaryIncrement(cache, name, 'a', amount)).value(), sum);
    }
    await client.dictionarySetField(cache, name, 'b', 'text');
    const answer = of('Error', await client.dictionaryIncrement(cache, name, 'b'));
    assert.equal(answer.errorCode(), MomentoErrorCode.FAILED_PRECONDITION_ERROR);
    assert.deepEqual(await all(name), {a: '-1', b: 'text'});
  });

  it('take any bytes', async () => {
    const name = unique();
    await client.dictionarySetField(cache, name, everyByte, new Uint8Array());
    const got = of('Hit', await client.dictionaryGetField(cache, name, everyByte));
    assert.equal(got.valueUint8Array().length, 0);
  });
});

describe('lists', () => {
  const all = async name => of('Hit', await client.listFetch(cache, name)).valueList();

  it('are missing in every way until they are there', async () => {
    const name = unique();
    of('Miss', await client.listFetch(cache, name));
    of('Miss', await client.listLength(cache, name));
    of('Miss', await client.listPopFront(cache, name));
    of('Miss', await client.listPopBack(cache, name));
    of('Success', await client.listRemoveValue(cache, name, 'a'));
    of('Success', await client.listRetain(cache, name, {startIndex: 1}));
    of('Miss', await client.listFetch(cache, name));
  });

  it('grow and shrink at both ends', async () => {
    const name = unique();
    assert.equal(of('Success', await client.listPushBack(cache, name, 'b')).listLength(), 1);
    assert.equal(of('Success', await client.listPushFront(cache, name, 'a')).listLength(), 2);
    assert.equal(of('Success', await client.listConcatenateBack(cache, name, ['c', 'd'])).listLength(), 4);
    assert.equal(of('Success', await client.listConcatenateFront(cache, name, ['y', 'z'])).listLength(), 6);
    assert.deepEqual(await all(name), ['y', 'z', 'a', 'b', 'c', 'd']);
    assert.equal(of('Hit', await client.listLength(cache, name)).length(), 6);
    assert.equal(of('Hit', await client.listPopFront(cache, name)).value(), 'y');
    assert.equal(of('Hit', await client.listPopBack(cache, name)).value(), 'd');
    assert.deepEqual(await all(name), ['z', 'a', 'b', 'c']);
    assert.equal((await client.itemGetType(cache, name)).itemType(), ItemType.LIST);
  });

  it('are cut at the other end', async () => {
    const name = unique();
    await client.listConcatenateBack(cache, name, ['1', '2', '3']);
    for (const [write, expected] of [
      [() => client.listPushBack(cache, name, '4', {truncateFrontToSize: 3}), ['2', '3', '4']],
      [() => client.listPushFront(cache, name, '5', {truncateBackToSize: 2}), ['5', '2']],
      [() => client.listConcatenateBack(cache, name, ['6', '7'], {truncateFrontToSize: 3}), ['2', '6', '7']],
      [() => client.listConcatenateFront(cache, name, ['8', '9'], {truncateBackToSize: 3}), ['8', '9', '2']],
    ]) {
      assert.equal(of('Success', await write()).listLength(), expected.length);
      assert.deepEqual(await all(name), expected);
    }
  });

  // [start, end, what is within of abcde], none for a miss.
  const ranges = [
    [undefined, undefined, 'abcde'],
    [1, 3, 'bc'],
    [undefined, 2, 'ab'],
    [3, undefined, 'de'],
    [-2, undefined, 'de'],
    [undefined, -3, 'ab'],
    [1, -1, 'bcd'],
    [-3, -1, 'cd'],
    [2, 99, 'cde'],
    [-99, 2, 'ab'],
    [5, 99, ''],
    [99, undefined, ''],
  ];
  for (const [startIndex, endIndex, expected] of ranges) {
    it(`have from ${startIndex} to ${endIndex} ${expected || 'nothing'}, which is what a retain keeps`, async () => {
      const name = unique();
      await client.listConcatenateBack(cache, name, [...'abcde']);
      const fetched = await client.listFetch(cache, name, {startIndex, endIndex});
      if (expected) assert.deepEqual(of('Hit', fetched).valueList(), [...expected]);
      else of('Miss', fetched);
      of('Success', await client.listRetain(cache, name, {startIndex, endIndex}));
      if (expected) assert.deepEqual(await all(name), [...expected]);
      else of('Miss', await client.listLength(cache, name));
    });
  }

  it('lose every equal value', async () => {
    const name = unique();
    await client.listConcatenateBack(cache, name, ['a', 'b', 'a', 'a']);
    of('Success', await client.listRemoveValue(cache, name, 'a'));
    of('Success', await client.listRemoveValue(cache, name, 'x'));
    assert.deepEqual(await all(name), ['b']);
    of('Success', await client.listRemoveValue(cache, name, 'b'));
    of('Miss', await client.listFetch(cache, name));
  });
});

describe('sets', () => {
  const all = async name => of('Hit', await client.setFetch(cache, name)).valueArray().sort();

  it('are missing in every way until they are there', async () => {
    const name = unique();
    of('Miss', await client.setFetch(cache, name));
    of('Miss', await client.setLength(cache, name));
    of('Miss', await client.setPop(cache, name, 1));
    of('Miss', await client.setSample(cache, name, 1));
    of('Miss', await client.setContainsElement(cache, name, 'a'));
    of('Miss', await client.setContainsElements(cache, name, ['a']));
    of('Success', await client.setRemoveElement(cache, name, 'a'));
    of('Success', await client.setRemoveElements(cache, name, ['a']));
    of('Miss', await client.setFetch(cache, name));
  });

  it('have each element once, and tell which they have', async () => {
    const name = unique();
    of('Success', await client.setAddElement(cache, name, 'a'));
    of('Success', await client.setAddElements(cache, name, ['a', 'b', 'b']));
    assert.deepEqual(await all(name), ['a', 'b']);
    assert.equal(of('Hit', await client.setLength(cache, name)).length(), 2);
    assert.equal(of('Hit', await client.setContainsElement(cache, name, 'a')).containsElement(), true);
    assert.equal(of('Hit', await client.setContainsElement(cache, name, 'x')).containsElement(), false);
    const contains = of('Hit', await client.setContainsElements(cache, name, ['b', 'x']));
    assert.deepEqual(contains.containsElements(), {b: true, x: false});
    of('Hit', await client.setContainsElements(cache, name, ['x']));
    assert.equal((await client.itemGetType(cache, name)).itemType(), ItemType.SET);
  });

  it('go with their last element', async () => {
    const name = unique();
    await client.setAddElements(cache, name, ['a', 'b', 'c']);
    of('Success', await client.setRemoveElement(cache, name, 'b'));
    assert.deepEqual(await all(name), ['a', 'c']);
    of('Success', await client.setRemoveElements(cache, name, ['a', 'x', 'c']));
    of('Miss', await client.setFetch(cache, name));
  });

  it('are popped until they are gone', async () => {
    const name = unique();
    const elements = Array.from({length: 10}, (_, at) => `${at}`);
    await client.setAddElements(cache, name, elements);
    const popped = of('Hit', await client.setPop(cache, name, 3)).valueArray();
    assert.equal(popped.length, 3);
    assert.deepEqual([...popped, ...(await all(name))].sort(), elements);
    popped.push(...of('Hit', await client.setPop(cache, name, 99)).valueArray());
    assert.deepEqual(popped.sort(), elements);
    of('Miss', await client.setPop(cache, name, 1));
  });

  it('give samples of what they keep', async () => {
    const name = unique();
    const elements = Array.from({length: 10}, (_, at) => `${at}`);
    await client.setAddElements(cache, name, elements);
    for (const [limit, count] of [[0, 0], [1, 1], [4, 4], [10, 10], [99, 10]]) {
      const sample = of('Hit', await client.setSample(cache, name, limit)).valueArray();
      assert.equal(new Set(sample).size, count);
      assert.equal(sample.length, count);
      assert.ok(sample.every(it => elements.includes(it)));
    }
    assert.deepEqual(await all(name), elements);
  });
});

describe('sorted sets', () => {
  const five = {a: -1.5, b: 0, c: 1, d: 2, e: 1e9};
  const pairs = values => [...values].map(value => ({value, score: five[value]}));
  const orders = {[SortedSetOrder.Ascending]: 0, [SortedSetOrder.Descending]: 1};
  const all = async name => of('Hit', await client.sortedSetFetchByRank(cache, name)).valueArray();
  const made = async (elements = five) => {
    const name = unique();
    of('Success', await client.sortedSetPutElements(cache, name, elements));
    return name;
  };

  it('are missing in every way until they are there', async () => {
    const name = unique();
    of('Miss', await client.sortedSetFetchByRank(cache, name));
    of('Miss', await client.sortedSetFetchByScore(cache, name));
    of('Miss', await client.sortedSetGetRank(cache, name, 'a'));
    of('Miss', await client.sortedSetGetScore(cache, name, 'a'));
    of('Miss', await client.sortedSetGetScores(cache, name, ['a']));
    of('Miss', await client.sortedSetLength(cache, name));
    of('Miss', await client.sortedSetLengthByScore(cache, name));
    of('Success', await client.sortedSetRemoveElement(cache, name, 'a'));
    of('Success', await client.sortedSetRemoveElements(cache, name, ['a']));
    of('Miss', await client.sortedSetFetchByRank(cache, name));
  });

  it('keep elements by score', async () => {
    const name = unique();
    of('Success', await client.sortedSetPutElement(cache, name, 'b', 2));
    of('Success', await client.sortedSetPutElements(cache, name, new Map([['a', 3], ['c', 1]])));
    assert.deepEqual((await all(name)).map(it => it.value), ['c', 'b', 'a']);
    await client.sortedSetPutElement(cache, name, 'a', 0);
    assert.deepEqual(await all(name), [{value: 'a', score: 0}, {value: 'c', score: 1}, {value: 'b', score: 2}]);
    assert.equal((await client.itemGetType(cache, name)).itemType(), ItemType.SORTED_SET);
  });

  for (const [startRank, endRank, ...expected] of [
    [undefined, undefined, 'abcde', 'edcba'],
    [1, 3, 'bc', 'dc'],
    [-2, undefined, 'de', 'ba'],
    [undefined, -3, 'ab', 'ed'],
    [1, -1, 'bcd', 'dcb'],
    [3, 99, 'de', 'ba'],
    [99, undefined, '', ''],
    [3, -5, '', ''],
  ]) {
    it(`give from rank ${startRank} to ${endRank} ${expected[0] || 'nothing'}`, async () => {
      const name = await made();
      for (const [order, at] of Object.entries(orders)) {
        const answer = of('Hit', await client.sortedSetFetchByRank(cache, name, {startRank, endRank, order}));
        assert.deepEqual(answer.valueArray(), pairs(expected[at]));
      }
    });
  }

  for (const [options, ...expected] of [
    [{}, 'abcde', 'edcba'],
    [{minScore: 0}, 'bcde', 'edcb'],
    [{maxScore: 1}, 'abc', 'cba'],
    [{minScore: 0, maxScore: 2}, 'bcd', 'dcb'],
    [{minScore: 1.5, maxScore: 1.7}, '', ''],
    [{offset: 1, count: 2}, 'bc', 'dc'],
    [{minScore: 0, offset: 2}, 'de', 'cb'],
    [{offset: 99}, '', ''],
  ]) {
    it(`give by ${JSON.stringify(options)} ${expected[0] || 'nothing'}`, async () => {
      const name = await made();
      for (const [order, at] of Object.entries(orders)) {
        const answer = of('Hit', await client.sortedSetFetchByScore(cache, name, {...options, order}));
        assert.deepEqual(answer.valueArray(), pairs(expected[at]));
      }
      if (!('offset' in options)) {
        const length = await client.sortedSetLengthByScore(cache, name, options);
        // The SDK takes a length of 0 for a miss.
        assert.equal(of(expected[0] ? 'Hit' : 'Miss', length).length() ?? 0, expected[0].length);
      }
    });
  }

  it('tell ranks and scores', async () => {
    const name = await made();
    assert.equal(of('Hit', await client.sortedSetLength(cache, name)).length(), 5);
    for (const [at, value] of [...'abcde'].entries()) {
      assert.equal(of('Hit', await client.sortedSetGetRank(cache, name, value)).rank(), at);
      const descending = {order: SortedSetOrder.Descending};
      assert.equal(of('Hit', await client.sortedSetGetRank(cache, name, value, descending)).rank(), 4 - at);
      assert.equal(of('Hit', await client.sortedSetGetScore(cache, name, value)).score(), five[value]);
    }
    of('Miss', await client.sortedSetGetRank(cache, name, 'x'));
    of('Miss', await client.sortedSetGetScore(cache, name, 'x'));
    const scores = of('Hit', await client.sortedSetGetScores(cache, name, ['e', 'x', 'a']));
    assert.deepEqual(scores.responses().map(it => it.type), ['Hit', 'Miss', 'Hit']);
    assert.deepEqual(scores.value(), {a: -1.5, e: 1e9});
  });

  it('add to scores', async () => {
    const name = unique();
    for (const [amount, sum] of [[1, 1], [2.5, 3.5], [-4, -0.5]]) {
      assert.equal(of('Success', await client.sortedSetIncrementScore(cache, name, 'a', amount)).score(), sum);
    }
  });

  it('go with their last element', async () => {
    const name = await made({a: 1, b: 2, c: 3});
    of('Success', await client.sortedSetRemoveElement(cache, name, 'b'));
    assert.deepEqual((await all(name)).map(it => it.value), ['a', 'c']);
    of('Success', await client.sortedSetRemoveElements(cache, name, ['a', 'x', 'c']));
    of('Miss', await client.sortedSetLength(cache, name));
  });

  describe('united', () => {
    const united = async (sources, options) => {
      const name = unique();
      const answer = of('Success', await client.sortedSetUnionStore(cache, name, sources, options));
      return [answer.length(), answer.length() ? await all(name) : of('Miss', await client.sortedSetLength(cache, name))];
    };

    for (const [aggregate, score] of [['SUM', 21], ['MIN', 1], ['MAX', 20]]) {
      it(`take the ${aggregate} of weighted scores`, async () => {
        const [one, two] = [await made({a: 1, b: 2}), await made({a: 10, c: 30})];
        const sources = [{sortedSetName: one, weight: 1}, {sortedSetName: two, weight: 2}];
        const [length, elements] = await united(sources, {aggregate: SortedSetAggregate[aggregate]});
        assert.equal(length, 3);
        const scores = Object.fromEntries(elements.map(it => [it.value, it.score]));
        assert.deepEqual(scores, {a: score, b: 2, c: 60});
      });
    }

    it('add a set to itself, take any weight, and leave nothing of nothing', async () => {
      const name = await made({a: 1, b: -2});
      const twice = [{sortedSetName: name, weight: 1}, {sortedSetName: name, weight: 2}];
      assert.deepEqual(await united(twice), [2, [{value: 'b', score: -6}, {value: 'a', score: 3}]]);
      const negative = [{sortedSetName: name, weight: -1}];
      assert.deepEqual(await united(negative), [2, [{value: 'a', score: -1}, {value: 'b', score: 2}]]);
      const [, zeros] = await united([{sortedSetName: name, weight: 0}]);
      // -2 * 0 is -0, which deepEqual tells from 0.
      assert.deepEqual(zeros.map(it => it.score), [0, 0]);
      assert.equal((await united([{sortedSetName: unique(), weight: 1}]))[0], 0);
    });

    it('replace what was there, of whatever type, and may be one of their sources', async () => {
      const name = await made({a: 1});
      of('Success', await client.sortedSetUnionStore(cache, name, [{sortedSetName: name, weight: 3}]));
      assert.deepEqual(await all(name), [{value: 'a', score: 3}]);
      const none = of('Success', await client.sortedSetUnionStore(cache, name, [{sortedSetName: unique(), weight: 1}]));
      assert.equal(none.length(), 0);
      of('Miss', await client.sortedSetLength(cache, name));
    });

    it('need a source', async () => {
      const answer = of('Error', await client.sortedSetUnionStore(cache, unique(), []));
      assert.equal(answer.errorCode(), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
    });
  });
});

// Each waits for a second to pass.
describe('collections, in time', {concurrency: true}, () => {
  const kinds = [
    {
      first: 'dictionarySetField',
      read: name => client.dictionaryFetch(cache, name),
      writes: {
        dictionarySetField: (name, options) => client.dictionarySetField(cache, name, 'b', '2', options),
        dictionarySetFields: (name, options) => client.dictionarySetFields(cache, name, {b: '2'}, options),
        dictionaryIncrement: (name, options) => client.dictionaryIncrement(cache, name, 'b', 1, options),
      },
    },
    {
      first: 'listPushBack',
      read: name => client.listFetch(cache, name),
      writes: {
        listPushFront: (name, options) => client.listPushFront(cache, name, 'a', options),
        listPushBack: (name, options) => client.listPushBack(cache, name, 'a', options),
        listConcatenateFront: (name, options) => client.listConcatenateFront(cache, name, ['a'], options),
        listConcatenateBack: (name, options) => client.listConcatenateBack(cache, name, ['a'], options),
        listRetain: (name, options) => client.listRetain(cache, name, {startIndex: 0, ...options}),
      },
    },
    {
      first: 'setAddElement',
      read: name => client.setFetch(cache, name),
      writes: {
        setAddElement: (name, options) => client.setAddElement(cache, name, 'a', options),
        setAddElements: (name, options) => client.setAddElements(cache, name, ['b'], options),
      },
    },
    {
      first: 'sortedSetPutElement',
      read: name => client.sortedSetFetchByRank(cache, name),
      writes: {
        sortedSetPutElement: (name, options) => client.sortedSetPutElement(cache, name, 'a', 1, options),
        sortedSetPutElements: (name, options) => client.sortedSetPutElements(cache, name, {b: 1}, options),
        sortedSetIncrementScore: (name, options) => client.sortedSetIncrementScore(cache, name, 'a', 1, options),
      },
    },
  ];
  for (const {first, read, writes} of kinds) {
    for (const [method, write] of Object.entries(writes)) {
      it(`live longer after ${method} only if asked`, () => refreshes(writes[first], write, read));
    }
  }

  it('live, as a union, as long as they are told', async () => {
    const [source, name] = [unique(), unique()];
    of('Success', await client.sortedSetPutElement(cache, source, 'a', 1));
    const sources = [{sortedSetName: source, weight: 1}];
    of('Success', await client.sortedSetUnionStore(cache, name, sources, {ttl: CollectionTtl.of(1)}));
    of('Hit', await client.sortedSetLength(cache, name));
    await sleep(1050);
    of('Miss', await client.sortedSetLength(cache, name));
  });
});

describe('a key of another type', () => {
  const kinds = {
    scalar: [key => client.set(cache, key, 'v'), key => client.get(cache, key)],
    dictionary: [key => client.dictionarySetField(cache, key, 'f', 'v'), key => client.dictionaryFetch(cache, key)],
    list: [key => client.listPushBack(cache, key, 'v'), key => client.listFetch(cache, key)],
    set: [key => client.setAddElement(cache, key, 'v'), key => client.setFetch(cache, key)],
    sortedSet: [key => client.sortedSetPutElement(cache, key, 'v', 1), key => client.sortedSetFetchByRank(cache, key)],
  };
  for (const [is, [make]] of Object.entries(kinds)) {
    it(`is refused, where there is a ${is}, by all that want another type, and stays`, async () => {
      const key = unique();
      of('Success', await make(key));
      for (const [wanted, [write, read]] of Object.entries(kinds)) {
        if (wanted === is) continue;
        // A set of a value overwrites any type.
        const answers = wanted === 'scalar' ? [await read(key)] : [await read(key), await write(key)];
        for (const answer of answers) {
          assert.equal(of('Error', answer).errorCode(), MomentoErrorCode.FAILED_PRECONDITION_ERROR, wanted);
        }
      }
      of('Hit', await kinds[is][1](key));
      of('Success', await client.set(cache, key, 'v'));
      of('Hit', await client.get(cache, key));
      of('Success', await client.delete(cache, key));
      of('Success', await make(key));
      of('Set', await client.updateTtl(cache, key, 30_000));
      const left = of('Hit', await client.itemGetTtl(cache, key)).remainingTtlMillis();
      assert.ok(left > 29_000 && left < 30_000, `${left}`);
      assert.equal((await client.keyExists(cache, key)).exists(), true);
      of('Success', await client.delete(cache, key));
      of('Miss', await kinds[is][1](key));
    });
  }
});
