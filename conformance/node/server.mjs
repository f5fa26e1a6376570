// The server under test, as the environment names it (../README.md).

import {randomUUID} from 'node:crypto';
import {createRequire} from 'node:module';

export const mode = env('KURA_MODE');
if (!['local', 'v1', 'v2'].includes(mode)) {
  throw new Error(`KURA_MODE=${mode}: expected local, v1 or v2`);
}
if (mode !== 'local') {
  // Read when the SDK is loaded, so that is done below and not by an import above.
  process.env.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH = env('KURA_CA');
}

export const sdk = createRequire(import.meta.url)('@gomomento/sdk');

function env(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} must be set, see conformance/README.md`);
  }
  return value;
}

/** A name no other test uses. */
export const unique = (prefix = 'key') => `${prefix}-${randomUUID()}`;

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

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

export function makeClient(credentialProvider = credentials()) {
  return sdk.CacheClient.create({
    configuration: sdk.Configurations.Laptop.v1(new sdk.NoopMomentoLoggerFactory()),
    credentialProvider,
    defaultTtlSeconds: 60,
  });
}
