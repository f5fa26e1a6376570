// The official SDK, loaded once the environment says whom it may trust.

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

export function env(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} must be set, see conformance/README.md`);
  }
  return value;
}
