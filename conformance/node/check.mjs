// The article's performance check: 100 writes and 100 reads in turn. The last line of output is JSON.

import {makeClient} from './server.mjs';

const cache = 'check';
const items = 100;

function expect(answer, ...types) {
  if (!types.includes(answer.type)) {
    throw new Error(answer.toString());
  }
  return answer;
}

async function timed(work) {
  const start = performance.now();
  for (let at = 0; at < items; at++) {
    await work(at);
  }
  return Number((performance.now() - start).toFixed(3));
}

const client = await makeClient();
expect(await client.createCache(cache), 'Success', 'AlreadyExists');
expect(await client.set(cache, 'foo', 'bar'), 'Success');
console.log(`foo: ${expect(await client.get(cache, 'foo'), 'Hit').value()}`);

const writes_ms = await timed(async at => expect(await client.set(cache, `key-${at}`, `value-${at}`), 'Success'));
const reads_ms = await timed(async at => {
  if (expect(await client.get(cache, `key-${at}`), 'Hit').value() !== `value-${at}`) {
    throw new Error(`key-${at}: another value came back`);
  }
});
client.close();
console.log(JSON.stringify({writes_ms, reads_ms}));
