// The server under test, as the environment names it (../README.md).

import {randomUUID} from 'node:crypto';
import {recording} from './called.mjs';
import {env, mode, sdk} from './sdk.mjs';

export {mode, sdk};

const quiet = new sdk.NoopMomentoLoggerFactory();

/** A name no other test uses. */
export const unique = (prefix = 'key') => `${prefix}-${randomUUID()}`;

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Waits until `holds`, for ten seconds at most. */
export async function within(holds, what) {
  for (let at = 0; at < 1000; at++) {
    if (holds()) return;
    await sleep(10);
  }
  throw new Error(`no ${what} within ten seconds`);
}

/** Credentials made from `key`, or from the key the environment gives. */
export function credentials(key = undefined) {
  switch (mode) {
    case 'local':
      return sdk.CredentialProvider.forMomentoLocal({hostname: env('KURA_HOST'), port: Number(env('KURA_PORT'))});
    case 'v1':
      return sdk.CredentialProvider.fromString({apiKey: key ?? env('KURA_API_KEY')});
    default:
      return sdk.CredentialProvider.fromApiKeyV2({apiKey: key ?? env('KURA_API_KEY'), endpoint: env('KURA_ENDPOINT')});
  }
}

/** Credentials this server never signed: the real ones with the signature altered. */
export function forgedCredentials() {
  const key = env('KURA_API_KEY');
  if (mode === 'v2') {
    return credentials(forge(key));
  }
  const parts = JSON.parse(Buffer.from(key, 'base64').toString());
  return credentials(Buffer.from(JSON.stringify({...parts, api_key: forge(parts.api_key)})).toString('base64'));
}

function forge(token) {
  const at = token.lastIndexOf('.') + 1;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

/** Credentials made from a disposable token or an API key, as the SDK hands them over. */
export function tokenCredentials(token) {
  if (mode !== 'local') {
    return sdk.CredentialProvider.fromString({apiKey: token});
  }
  const {api_key} = JSON.parse(Buffer.from(token, 'base64').toString());
  // No provider for keys knows a plaintext server.
  const provider = credentials();
  provider.getAuthToken = () => api_key;
  return provider;
}

export async function makeClient(credentialProvider = credentials()) {
  const client = await sdk.CacheClient.create({
    configuration: sdk.Configurations.Laptop.v1(quiet),
    credentialProvider,
    defaultTtlSeconds: 60,
  });
  return recording(client, 'CacheClient');
}

export function makeTopicClient(credentialProvider = credentials()) {
  const configuration = sdk.TopicConfigurations.Default.latest(quiet);
  return recording(new sdk.TopicClient({configuration, credentialProvider}), 'TopicClient');
}

export function makeAuthClient(credentialProvider = credentials()) {
  const configuration = sdk.AuthClientConfigurations.Default.latest(quiet);
  return recording(new sdk.AuthClient({configuration, credentialProvider}), 'AuthClient');
}

export function makeLeaderboardClient(credentialProvider = credentials()) {
  const configuration = sdk.LeaderboardConfigurations.Laptop.v1(quiet);
  const client = new sdk.PreviewLeaderboardClient({configuration, credentialProvider});
  return recording(client, 'PreviewLeaderboardClient');
}

export function makeFunctionClient(credentialProvider = credentials()) {
  const configuration = sdk.FunctionConfigurations.Laptop.v1(quiet);
  return recording(new sdk.PreviewFunctionClient({configuration, credentialProvider}), 'PreviewFunctionClient');
}
