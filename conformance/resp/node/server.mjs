// The server under test, as the environment names it (../../README.md).

import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import Redis from "ioredis";

const { KURA_MODE: mode, KURA_RESP: address, KURA_API_KEY: key, KURA_CA: authority } = process.env;
if (mode !== "local" && mode !== "v2") throw new Error(`KURA_MODE=${mode}: expected local or v2`);
const colon = address.lastIndexOf(":");

export const unique = (prefix) => `${prefix}-${randomUUID()}`;

/** A connection to the cache that the suite's runner has made. */
export function connect(options = {}) {
  return new Redis({
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    username: "default-cache",
    password: key ?? "any",
    commandTimeout: 20_000,
    maxRetriesPerRequest: 1,
    ...(mode === "local" ? {} : { tls: { ca: readFileSync(authority) } }),
    ...options,
  });
}
