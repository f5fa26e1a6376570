// The server under test, as the environment names it (../README.md), seen from a page of another origin.

import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import https from 'node:https';
import {JSDOM} from 'jsdom';

export const mode = env('KURA_MODE');
if (!['local', 'v1', 'v2'].includes(mode)) {
  throw new Error(`KURA_MODE=${mode}: expected local, v1 or v2`);
}
if (mode !== 'local') {
  https.globalAgent.options.ca = readFileSync(env('KURA_CA'));
}

// The SDK is made for pages. A page has an origin, so each call is asked for before it is made.
export const origin = 'http://page.test';
const page = new JSDOM('', {url: origin});
for (const name of ['XMLHttpRequest', 'window', 'document', 'navigator', 'self']) {
  Object.defineProperty(globalThis, name, {value: page.window[name], configurable: true});
}
// grpc-web tells of a call that was cancelled on the page's console.
page.virtualConsole.removeAllListeners();

export const sdk = createRequire(import.meta.url)('@gomomento/sdk-web');

function env(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} must be set, see conformance/README.md`);
  }
  return value;
}

/** A name no other test uses. */
export const unique = (prefix = 'key') => `${prefix}-${randomUUID()}`;

/** Credentials made from `key`, or from the key the environment gives. */
export function credentials(key = undefined) {
  switch (mode) {
    case 'local': {
      const here = `http://${env('KURA_HOST')}:${env('KURA_PORT')}`;
      const endpointOverrides = {cacheEndpoint: here, controlEndpoint: here, tokenEndpoint: here};
      return key
        ? sdk.CredentialProvider.fromString({apiKey: key, endpointOverrides})
        : sdk.CredentialProvider.forMomentoLocal({endpointOverrides});
    }
    case 'v1':
      return sdk.CredentialProvider.fromString({apiKey: key ?? env('KURA_API_KEY')});
    default:
      return key
        ? sdk.CredentialProvider.fromString({apiKey: key})
        : sdk.CredentialProvider.fromApiKeyV2({apiKey: env('KURA_API_KEY'), endpoint: env('KURA_ENDPOINT')});
  }
}

const configuration = configurations => configurations.Browser.v1(new sdk.NoopMomentoLoggerFactory());

export const cacheClient = (credentialProvider = credentials()) =>
  new sdk.CacheClient({
    configuration: configuration(sdk.Configurations),
    credentialProvider,
    defaultTtlSeconds: 60,
  });

export const topicClient = (credentialProvider = credentials()) =>
  new sdk.TopicClient({configuration: configuration(sdk.TopicConfigurations), credentialProvider});

export const authClient = (credentialProvider = credentials()) => new sdk.AuthClient({credentialProvider});
