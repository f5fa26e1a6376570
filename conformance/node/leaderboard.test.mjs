// Leaderboards.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {forgedCredentials, makeClient, makeLeaderboardClient, mode, sdk, unique} from './server.mjs';

const {LeaderboardOrder, MomentoErrorCode} = sdk;
const descending = {order: LeaderboardOrder.Descending};

describe('leaderboards', () => {
  const cache = unique('conformance-node');
  let client, boards;
  before(async () => {
    [client, boards] = [await makeClient(), makeLeaderboardClient()];
    await client.createCache(cache);
  });
  after(async () => {
    await client.deleteCache(cache);
    client.close();
    boards.close();
  });

  const make = async (elements = {1: 10, 2: 20, 3: 30, 4: -5}) => {
    const board = boards.leaderboard(cache, unique('board'));
    assert.equal((await board.upsert(elements)).type, 'Success');
    return board;
  };
  const values = answer => {
    assert.equal(answer.type, 'Success', answer.toString());
    return answer.values().map(({rank, id, score}) => [rank, id, score]);
  };
  const invalid = answer => {
    assert.equal(answer.type, 'Error', answer.toString());
    assert.equal(answer.errorCode(), MomentoErrorCode.INVALID_ARGUMENT_ERROR, answer.toString());
  };

  it('are empty until something is put in', async () => {
    const board = boards.leaderboard(cache, unique('board'));
    assert.equal((await board.length()).length(), 0);
    assert.deepEqual(values(await board.fetchByRank(0, 10)), []);
    assert.deepEqual(values(await board.fetchByScore()), []);
    assert.deepEqual(values(await board.getRank([1])), []);
    assert.equal((await board.removeElements([1])).type, 'Success');
    assert.equal((await board.delete()).type, 'Success');
  });

  it('rank by score, from either end', async () => {
    const board = await make();
    assert.equal((await board.length()).length(), 4);
    const ascending = [[0, 4, -5], [1, 1, 10], [2, 2, 20], [3, 3, 30]];
    assert.deepEqual(values(await board.fetchByRank(0, 10)), ascending);
    assert.deepEqual(values(await board.fetchByRank(1, 3)), ascending.slice(1, 3));
    assert.deepEqual(values(await board.fetchByRank(0, 2, descending)), [[0, 3, 30], [1, 2, 20]]);
    assert.deepEqual(values(await board.fetchByRank(9, 12)), []);
    await board.upsert(new Map([[1, 99]]));
    assert.deepEqual(values(await board.getRank([1])), [[3, 1, 99]]);
  });

  it('answer for the ids that they have, in the order asked', async () => {
    const board = await make();
    assert.deepEqual(values(await board.getRank([3, 77, 4])), [[3, 3, 30], [0, 4, -5]]);
    assert.deepEqual(values(await board.getRank([3, 77, 4], descending)), [[0, 3, 30], [3, 4, -5]]);
  });

  it('give scores up to a maximum, with ranks of the whole board', async () => {
    const board = await make();
    assert.deepEqual(values(await board.fetchByScore({minScore: 10, maxScore: 30})), [[1, 1, 10], [2, 2, 20]]);
    assert.deepEqual(values(await board.fetchByScore({minScore: 20})), [[2, 2, 20], [3, 3, 30]]);
    assert.deepEqual(values(await board.fetchByScore({maxScore: 10, ...descending})), [[3, 4, -5]]);
    assert.deepEqual(values(await board.fetchByScore({offset: 1, count: 2})), [[1, 1, 10], [2, 2, 20]]);
    assert.deepEqual(values(await board.fetchByScore({offset: 1, count: 1, ...descending})), [[1, 2, 20]]);
    assert.deepEqual(values(await board.fetchByScore({offset: 99})), []);
  });

  it('keep every bit of a score and the largest id', async () => {
    const scores = {0: 27.004309862363737, 1: 16777217, 4294967295: -1e300};
    const board = await make(scores);
    const got = Object.fromEntries(values(await board.fetchByRank(0, 3)).map(([, id, score]) => [id, score]));
    assert.deepEqual(got, scores);
  });

  it('order equal scores by their ids as text', async () => {
    const board = await make({1: 5, 10: 5, 123: 5, 2: 5});
    assert.deepEqual(values(await board.fetchByRank(0, 4)).map(([rank, id]) => [rank, id]), [[0, 1], [1, 10], [2, 123], [3, 2]]);
  });

  it('lose elements, and all of them', async () => {
    const board = await make();
    assert.equal((await board.removeElements([1, 3, 77])).type, 'Success');
    assert.deepEqual(values(await board.fetchByRank(0, 4)), [[0, 4, -5], [1, 2, 20]]);
    assert.equal((await board.delete()).type, 'Success');
    assert.equal((await board.length()).length(), 0);
  });

  it('take 8192 elements in a call and no more', async () => {
    const many = count => new Map(Array.from({length: count}, (_, at) => [at, at]));
    const board = await make(many(8192));
    assert.equal((await board.length()).length(), 8192);
    assert.equal(values(await board.fetchByRank(0, 8192)).length, 8192);
    invalid(await board.fetchByRank(0, 8193));
    invalid(await board.fetchByRank(0, 0));
    invalid(await boards.leaderboard(cache, unique('board')).upsert(many(8193)));
    invalid(await board.removeElements([...many(8193).keys()]));
    assert.equal((await board.length()).length(), 8192);
  });

  it('are not found in an unknown cache', async () => {
    const board = boards.leaderboard(unique('cache'), 'board');
    for (const answer of [
      await board.upsert({1: 1}),
      await board.fetchByRank(0, 1),
      await board.fetchByScore(),
      await board.getRank([1]),
      await board.length(),
      await board.removeElements([1]),
      await board.delete(),
    ]) {
      assert.equal(answer.type, 'Error', answer.toString());
      assert.equal(answer.errorCode(), MomentoErrorCode.CACHE_NOT_FOUND_ERROR, answer.toString());
    }
  });

  if (mode !== 'local') {
    it('refuse a forged key', async () => {
      const stranger = makeLeaderboardClient(forgedCredentials());
      const answer = await stranger.leaderboard(cache, 'board').length();
      assert.equal(answer.errorCode(), MomentoErrorCode.AUTHENTICATION_ERROR, answer.toString());
      stranger.close();
    });
  }
});
