// Run by suite.mjs after all tests: nothing that an SDK's client offers was left out.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {describe, it} from 'node:test';
import {clients, methods} from './called.mjs';

describe('the clients of the SDK', () => {
  it('are those that are known', () => {
    assert.deepEqual(Object.keys(clients).sort(), [
      'AuthClient',
      'CacheClient',
      'PreviewFunctionClient',
      'PreviewLeaderboardClient',
      'SimpleCacheClient',
      'TopicClient',
    ]);
    // An older name of the other.
    assert.ok(clients.SimpleCacheClient.prototype instanceof clients.CacheClient);
    assert.deepEqual(methods(clients.SimpleCacheClient), methods(clients.CacheClient));
  });

  it('had every method called', () => {
    const called = new Set(readFileSync(process.env.KURA_CALLED, 'utf8').split('\n'));
    const offered = Object.entries(clients)
      .filter(([name]) => name !== 'SimpleCacheClient')
      .flatMap(([name, client]) => methods(client).map(method => `${name}.${method}`));
    assert.ok(offered.length > 90, `${offered.length}`);
    assert.deepEqual(offered.filter(name => !called.has(name)), []);
  });
});
