// Disposable tokens and API keys: what they let through, and what they do not.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {makeAuthClient, makeClient, makeTopicClient, sdk, sleep, tokenCredentials, unique, within} from './server.mjs';

const {AllCaches, AllDataReadWrite, AllTopics, CacheRole, DisposableTokenScopes, ExpiresIn, MomentoErrorCode} = sdk;
const {PermissionScopes, TopicRole} = sdk;
const life = ExpiresIn.minutes(5);

describe('auth', () => {
  const [cache, other] = [unique('conformance-node'), unique('other')];
  let client, auth;
  before(async () => {
    [client, auth] = [await makeClient(), makeAuthClient()];
    for (const name of [cache, other]) await client.createCache(name);
  });
  after(async () => {
    for (const name of [cache, other]) await client.deleteCache(name);
    client.close();
  });

  const success = answer => {
    assert.equal(answer.type, 'Success', answer.toString());
    return answer;
  };
  const error = (answer, ...codes) => {
    assert.equal(answer.type, 'Error', answer.toString());
    assert.ok(codes.includes(answer.errorCode()), answer.toString());
  };
  const token = async (scope, expires = life, props = {}) =>
    success(await auth.generateDisposableToken(scope, expires, props)).authToken;

  /** Runs `work` with a cache client of this token. */
  async function as(token, work) {
    const client = await makeClient(tokenCredentials(token));
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  /** Whether a token may [read, write] an item. */
  const reach = (token, name, key) =>
    as(token, async client => {
      const answers = [await client.get(name, key), await client.set(name, key, 'value')];
      return answers.map(answer => {
        if (answer.type === 'Error') error(answer, MomentoErrorCode.PERMISSION_ERROR);
        return answer.type !== 'Error';
      });
    });

  /** Whether a token may [publish, subscribe]. */
  async function topicReach(token, name, topic) {
    const topics = makeTopicClient(tokenCredentials(token));
    const published = await topics.publish(name, topic, 'value');
    const subscribed = await topics.subscribe(name, topic, {onItem: () => {}, onError: () => {}});
    if (subscribed.type === 'Subscription') subscribed.unsubscribe();
    return [published, subscribed].map(answer => {
      if (answer.type === 'Error') error(answer, MomentoErrorCode.PERMISSION_ERROR);
      return answer.type !== 'Error';
    });
  }

  const nothing = [false, false];
  const roles = {ReadWrite: [true, true], ReadOnly: [true, false], WriteOnly: [false, true]};
  for (const [role, reached] of Object.entries(roles)) {
    it(`a ${role} token of a cache reaches that cache`, async () => {
      const one = await token(DisposableTokenScopes[`cache${role}`](cache));
      assert.deepEqual(await reach(one, cache, unique()), reached);
      assert.deepEqual(await reach(one, other, unique()), nothing);
      const all = await token(DisposableTokenScopes[`cache${role}`](AllCaches));
      assert.deepEqual(await reach(all, other, unique()), reached);
      assert.deepEqual(await topicReach(all, cache, unique()), nothing);
    });

    it(`a ${role} token of a key reaches that key`, async () => {
      const key = unique();
      const one = await token(DisposableTokenScopes[`cacheKey${role}`](cache, key));
      assert.deepEqual(await reach(one, cache, key), reached);
      assert.deepEqual(await reach(one, cache, `${key}x`), nothing);
      assert.deepEqual(await reach(one, other, key), nothing);
    });

    it(`a ${role} token of a prefix reaches what begins so`, async () => {
      const key = unique();
      const one = await token(DisposableTokenScopes[`cacheKeyPrefix${role}`](cache, key));
      assert.deepEqual(await reach(one, cache, `${key}x`), reached);
      assert.deepEqual(await reach(one, cache, `x${key}`), nothing);
    });
  }

  const topicRoles = {PublishSubscribe: [true, true], SubscribeOnly: [false, true], PublishOnly: [true, false]};
  for (const [role, reached] of Object.entries(topicRoles)) {
    it(`a ${role} token reaches that topic`, async () => {
      const topic = unique('topic');
      const one = await token(DisposableTokenScopes[`topic${role}`](cache, topic));
      assert.deepEqual(await topicReach(one, cache, topic), reached);
      assert.deepEqual(await topicReach(one, cache, `${topic}x`), nothing);
      assert.deepEqual(await topicReach(one, other, topic), nothing);
      assert.deepEqual(await reach(one, cache, topic), nothing);
      const all = await token(DisposableTokenScopes[`topic${role}`](AllCaches, AllTopics));
      assert.deepEqual(await topicReach(all, other, topic), reached);
    });
  }

  it('the name of a collection is its key, and a union needs all of its keys', async () => {
    const key = unique();
    await as(await token(DisposableTokenScopes.cacheKeyReadWrite(cache, key)), async client => {
      success(await client.sortedSetPutElement(cache, key, 'a', 1));
      error(await client.sortedSetPutElement(cache, `${key}x`, 'a', 1), MomentoErrorCode.PERMISSION_ERROR);
      success(await client.sortedSetUnionStore(cache, key, [{sortedSetName: key, weight: 2}]));
      const foreign = [{sortedSetName: `${key}x`, weight: 2}];
      error(await client.sortedSetUnionStore(cache, key, foreign), MomentoErrorCode.PERMISSION_ERROR);
      error(await client.keysExist(cache, [key, `${key}x`]), MomentoErrorCode.PERMISSION_ERROR);
      error(await client.getBatch(cache, [key, `${key}x`]), MomentoErrorCode.PERMISSION_ERROR);
    });
  });

  it('a token that reads all data manages nothing and makes no tokens', async () => {
    const one = await token(AllDataReadWrite);
    await as(one, async client => {
      success(await client.set(cache, unique(), 'value'));
      for (const answer of [
        await client.createCache(unique('cache')),
        await client.deleteCache(cache),
        await client.flushCache(cache),
        await client.listCaches(),
      ]) {
        error(answer, MomentoErrorCode.PERMISSION_ERROR);
      }
    });
    const its = makeAuthClient(tokenCredentials(one));
    error(await its.generateDisposableToken(AllDataReadWrite, life), MomentoErrorCode.PERMISSION_ERROR);
    error(await its.generateApiKey(AllDataReadWrite, life), MomentoErrorCode.PERMISSION_ERROR);
  });

  it('what clashes, is empty, never ends or has a long id is refused', async () => {
    const entry = role => ({role, cache, item: sdk.AllCacheItems ?? 'key'});
    const clash = {permissions: [{role: CacheRole.ReadOnly, cache}, {role: CacheRole.WriteOnly, cache}]};
    const topics = role => ({role, cache, topic: 'topic'});
    const topicClash = {permissions: [topics(TopicRole.PublishOnly), topics(TopicRole.SubscribeOnly)]};
    const keyClash = {permissions: [entry(CacheRole.ReadOnly), entry(CacheRole.ReadOnly)]};
    for (const scope of [clash, topicClash, keyClash, {permissions: []}]) {
      error(await auth.generateDisposableToken(scope, life), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
      error(await auth.generateApiKey(scope, life), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
    }
    const scope = DisposableTokenScopes.cacheReadOnly(cache);
    for (const expires of [ExpiresIn.never(), ExpiresIn.seconds(0), ExpiresIn.seconds(-1)]) {
      error(await auth.generateDisposableToken(scope, expires), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
    }
    await token(scope, life, {tokenId: 'x'.repeat(64)});
    const long = {tokenId: 'x'.repeat(65)};
    error(await auth.generateDisposableToken(scope, life, long), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
  });

  it("a token's id is the publisher's", async () => {
    const topic = unique('topic');
    const scope = DisposableTokenScopes.topicPublishSubscribe(cache, topic);
    const topics = makeTopicClient(tokenCredentials(await token(scope, life, {tokenId: 'it was me'})));
    const items = [];
    const subscribed = await topics.subscribe(cache, topic, {onItem: item => items.push(item), onError: () => {}});
    success(await topics.publish(cache, topic, 'one'));
    success(await makeTopicClient().publish(cache, topic, 'two'));
    await within(() => items.length === 2, 'both items');
    assert.deepEqual(items.map(item => item.tokenId() ?? ''), ['it was me', '']);
    subscribed.unsubscribe();
  });

  it('a token ends when it says', async () => {
    const asked = Date.now() / 1000;
    const made = success(await auth.generateDisposableToken(AllDataReadWrite, ExpiresIn.seconds(1)));
    assert.ok(made.expiresAt.doesExpire());
    assert.ok(Math.abs(made.expiresAt.epoch() - asked - 1) <= 2);
    await sleep(Math.max(0, made.expiresAt.epoch() * 1000 + 50 - Date.now()));
    await as(made.authToken, async client =>
      error(await client.get(cache, 'key'), MomentoErrorCode.AUTHENTICATION_ERROR));
  });

  describe('API keys', () => {
    it('reach what their permissions say', async () => {
      const made = success(await auth.generateApiKey(PermissionScopes.cacheReadOnly(cache), life));
      assert.ok(made.expiresAt.doesExpire());
      assert.deepEqual(await reach(made.apiKey, cache, unique()), [true, false]);
      assert.deepEqual(await reach(made.apiKey, other, unique()), nothing);
      const all = success(await auth.generateAuthToken(AllDataReadWrite, life));
      assert.deepEqual(await reach(all.apiKey, other, unique()), [true, true]);
      await as(all.apiKey, async client =>
        error(await client.createCache(unique('cache')), MomentoErrorCode.PERMISSION_ERROR));
    });

    it('need not end', async () => {
      const made = success(await auth.generateApiKey(AllDataReadWrite, ExpiresIn.never()));
      assert.equal(made.expiresAt.doesExpire(), false);
      assert.deepEqual(await reach(made.apiKey, cache, unique()), [true, true]);
    });

    it('are refreshed for as long again', async () => {
      const made = success(await auth.generateApiKey(AllDataReadWrite, ExpiresIn.seconds(600)));
      const its = makeAuthClient(tokenCredentials(made.apiKey));
      for (const refresh of ['refreshApiKey', 'refreshAuthToken']) {
        const again = success(await its[refresh](made.refreshToken));
        assert.notEqual(again.apiKey, made.apiKey);
        assert.ok(Math.abs(again.expiresAt.epoch() - made.expiresAt.epoch()) <= 10);
        assert.deepEqual(await reach(again.apiKey, cache, unique()), [true, true]);
      }
      const {AUTHENTICATION_ERROR, INVALID_ARGUMENT_ERROR, PERMISSION_ERROR} = MomentoErrorCode;
      error(await its.refreshApiKey('no refresh token'), AUTHENTICATION_ERROR, INVALID_ARGUMENT_ERROR, PERMISSION_ERROR);
    });
  });
});
