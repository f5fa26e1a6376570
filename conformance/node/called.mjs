// Which public methods of the SDK's clients were called, in this file's process. `node --test` runs
// every file in a process of its own, so each writes what it saw, and every-method.mjs reads it all.

import {appendFileSync} from 'node:fs';
import {sdk} from './sdk.mjs';

// What TypeScript calls private stays visible at run time; users do not see these.
const PRIVATE = ['constructor', 'getNextDataClient', 'getNextPublishClient', 'getNextSubscribeClient'];

/** The client classes that the package exports. */
export const clients = Object.fromEntries(
  Object.entries(sdk).filter(([name, it]) => name.endsWith('Client') && typeof it === 'function')
);

/** The methods and getters of a class and of those it extends. */
export function methods(client) {
  const names = new Set();
  for (let it = client.prototype; it && it !== Object.prototype; it = Object.getPrototypeOf(it)) {
    for (const name of Object.getOwnPropertyNames(it)) names.add(name);
  }
  return [...names].filter(name => !PRIVATE.includes(name) && !name.startsWith('_')).sort();
}

const file = process.env.KURA_CALLED;
const seen = new Set();

function note(name) {
  if (!seen.has(name)) {
    seen.add(name);
    appendFileSync(file, `${name}\n`);
  }
}

/** `object` behind a proxy that notes each use of the methods of `client`, if a suite asks for it. */
export function recording(object, client) {
  if (!file) return object;
  const names = methods(clients[client]);
  return new Proxy(object, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (!names.includes(name)) return member;
      note(`${client}.${name}`);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
