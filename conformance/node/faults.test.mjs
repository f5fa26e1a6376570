// How the SDK bears faults: asked for in its calls' metadata by the middleware that it brings, counted by request id.

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {createRequire} from 'node:module';
import {credentials, mode, sdk, unique} from './server.mjs';

const require = createRequire(import.meta.url);
// The SDK has it for its own tests and does not export it.
const inside = path => require(`@gomomento/sdk/dist/src/config/${path}`);
const {MomentoErrorCode} = sdk;
const quiet = new sdk.NoopMomentoLoggerFactory();

// Faults are for local servers.
describe('faults', {skip: mode !== 'local'}, () => {
  const cache = unique('conformance-node');
  const {ExperimentalMomentoLocalTestConfigMiddleware: Asking} = inside(
    'middleware/experimental-momento-local-test-config-middleware.js',
  );
  const {MomentoRPCMethod: Rpc} = inside('retry/momento-rpc-method.js');
  const clients = [];

  /** A client whose attempts ask for a fault, and their count. */
  async function asking(asked, {maxAttempts = 3, retryStrategy, timeout = 10_000} = {}) {
    const attempts = {count: 0};
    const middleware = new Asking({requestId: unique('request'), ...asked});
    const counting = {
      shouldLoadLate: true,
      onNewRequest: () => {
        const handler = middleware.onNewRequest();
        const onRequestMetadata = handler.onRequestMetadata.bind(handler);
        handler.onRequestMetadata = metadata => {
          attempts.count += 1;
          return onRequestMetadata(metadata);
        };
        return handler;
      },
    };
    const client = await sdk.CacheClient.create({
      configuration: sdk.Configurations.Laptop.v1(quiet)
        .withClientTimeoutMillis(timeout)
        .withRetryStrategy(retryStrategy ?? new sdk.FixedCountRetryStrategy({loggerFactory: quiet, maxAttempts}))
        .withMiddlewares([counting]),
      credentialProvider: credentials(),
      defaultTtlSeconds: 60,
    });
    clients.push(client);
    return {client, attempts};
  }

  before(async () => {
    const {client} = await asking({});
    await client.createCache(cache);
  });
  after(() => clients.forEach(client => client.close()));

  it('exhausts its attempts in a full outage', async () => {
    const {client, attempts} = await asking({returnError: MomentoErrorCode.SERVER_UNAVAILABLE, errorRpcs: [Rpc.Get]});
    const answer = await client.get(cache, 'key');
    assert.equal(answer.type, 'Error', answer.toString());
    assert.equal(answer.errorCode(), MomentoErrorCode.SERVER_UNAVAILABLE);
    assert.equal(attempts.count, 4);
    assert.equal((await client.set(cache, 'other', 'value')).type, 'Success');
  });

  it('gets through a temporary outage', async () => {
    const {client, attempts} = await asking({
      returnError: MomentoErrorCode.INTERNAL_SERVER_ERROR,
      errorRpcs: [Rpc.Get],
      errorCount: 2,
    });
    assert.equal((await client.get(cache, 'key')).type, 'Miss');
    assert.equal(attempts.count, 3);
    assert.equal((await client.get(cache, 'key')).type, 'Miss');
    assert.equal(attempts.count, 4);
  });

  it('does not repeat what may not be repeated', async () => {
    const {client, attempts} = await asking({
      returnError: MomentoErrorCode.SERVER_UNAVAILABLE,
      errorRpcs: [Rpc.Increment],
      errorCount: 1,
    });
    assert.equal((await client.increment(cache, 'counter')).type, 'Error');
    assert.equal(attempts.count, 1);
    assert.equal((await client.increment(cache, 'counter')).valueNumber(), 1);
  });

  it('asks again for answers that are late', async () => {
    const {client, attempts} = await asking(
      // Only a repeated attempt has the strategy's limit. The first is late and fails, the second is late.
      {
        returnError: MomentoErrorCode.SERVER_UNAVAILABLE,
        errorRpcs: [Rpc.Get],
        errorCount: 1,
        delayRpcs: [Rpc.Get],
        delayMs: 600,
        delayCount: 2,
      },
      {
        retryStrategy: new sdk.FixedTimeoutRetryStrategy({
          loggerFactory: quiet,
          retryDelayIntervalMillis: 50,
          responseDataReceivedTimeoutMillis: 300,
        }),
      },
    );
    assert.equal((await client.get(cache, 'key')).type, 'Miss');
    assert.equal(attempts.count, 3);
  });

  it('times out by its own deadline', async () => {
    const {client} = await asking({delayRpcs: [Rpc.Get], delayMs: 5000}, {timeout: 500});
    assert.equal((await client.get(cache, 'key')).errorCode(), MomentoErrorCode.TIMEOUT_ERROR);
  });

  it('is told of a fault that cannot be had', async () => {
    const {client} = await asking({returnError: MomentoErrorCode.INTERNAL_SERVER_ERROR});
    const answer = await client.get(cache, 'key');
    assert.equal(answer.errorCode(), MomentoErrorCode.INVALID_ARGUMENT_ERROR);
    assert.match(answer.message(), /error-rpcs/);
  });
});
