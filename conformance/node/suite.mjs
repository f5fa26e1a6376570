// `npm test`: all tests, then the look back at what they called.

import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'kura-node-'));
const called = join(scratch, 'called');
writeFileSync(called, '');

function run(...files) {
  const args = ['--test', '--test-reporter=spec', ...files];
  const ended = spawnSync(process.execPath, args, {stdio: 'inherit', env: {...process.env, KURA_CALLED: called}});
  return ended.status ?? 1;
}

const status = run() || run('every-method.mjs');
rmSync(scratch, {recursive: true});
process.exitCode = status;
