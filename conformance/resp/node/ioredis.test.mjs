// ioredis: commands, pipelines, scans and channels.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { connect, unique } from "./server.mjs";

for (const protocol of [2, 3]) {
  describe(`RESP${protocol}`, () => suite(protocol));
}

function suite(protocol) {
  const open = (options) => connect({ protocol, ...options });
  let client;
  before(async () => {
    client = open();
    await client.ping();
  });
  after(() => client.quit());

  test("values and their times to live", async () => {
    const key = unique("value");
    assert.equal(await client.set(key, "v", "EX", 60), "OK");
    assert.equal(await client.get(key), "v");
    assert.ok((await client.ttl(key)) > 50);
    assert.deepEqual(await client.getBuffer(key), Buffer.from("v"));
    assert.equal(await client.incr(unique("n")), 1);
    assert.equal(await client.del(key), 1);
    assert.equal(await client.get(key), null);
  });

  test("collections of every kind", async () => {
    const [h, l, s, t, z] = ["h", "l", "s", "t", "z"].map(unique);
    await client.hset(h, { a: 1, b: 2 });
    assert.deepEqual(await client.hgetall(h), { a: "1", b: "2" });
    await client.rpush(l, "x", "y", "z");
    assert.deepEqual(await client.lrange(l, 0, -1), ["x", "y", "z"]);
    assert.equal(await client.lmove(l, l, "LEFT", "RIGHT"), "x");
    await client.sadd(s, "a", "b");
    await client.sadd(t, "b", "c");
    assert.deepEqual(await client.sinter(s, t), ["b"]);
    await client.zadd(z, 1, "a", 2.5, "b");
    assert.deepEqual((await client.zrange(z, 0, -1, "WITHSCORES")).flat().map(String), ["a", "1", "b", "2.5"]);
    const [from, popped] = await client.zmpop(1, z, "MAX");
    assert.deepEqual([from, ...popped.flat().map(String)], [z, "b", "2.5"]);
  });

  test("pipelines of thousands, and calls that are sent together", async () => {
    const pipeline = client.pipeline();
    const prefix = unique("p");
    for (let n = 0; n < 5000; n += 1) pipeline.set(`${prefix}:${n}`, n).get(`${prefix}:${n}`);
    const answers = await pipeline.exec();
    assert.equal(answers.length, 10_000);
    answers.forEach(([error, answer], at) => {
      assert.equal(error, null);
      assert.equal(answer, at % 2 === 0 ? "OK" : String((at - 1) / 2));
    });
    const together = open({ enableAutoPipelining: true });
    const values = await Promise.all([...Array(100).keys()].map((n) => together.get(`${prefix}:${n}`)));
    assert.deepEqual(values, [...Array(100).keys()].map(String));
    await together.quit();
  });

  test("scans see every key once", async () => {
    const prefix = unique("scan");
    const names = [...Array(500).keys()].map((n) => `${prefix}:${n}`);
    await client.mset(Object.fromEntries(names.map((name) => [name, "v"])));
    const seen = [];
    for await (const keys of client.scanStream({ match: `${prefix}:*`, count: 50 })) seen.push(...keys);
    assert.deepEqual(seen.sort(), names.sort());
  });

  test("channels", async () => {
    const channel = unique("channel");
    const subscriber = open();
    const messages = [];
    subscriber.on("message", (name, message) => messages.push([name, message]));
    assert.equal(await subscriber.subscribe(channel, unique("other")), 2);
    if (protocol === 2) await assert.rejects(subscriber.get("k"), /subscriber mode/);
    else assert.equal(await subscriber.get(unique("none")), null);
    for (let n = 0; n < 200; n += 1) assert.equal(await client.publish(channel, String(n)), 1);
    while (messages.length < 200) await once(subscriber, "message");
    assert.deepEqual(messages, [...Array(200).keys()].map((n) => [channel, String(n)]));
    assert.deepEqual(await subscriber.ping(), protocol === 2 ? ["pong", ""] : "PONG");
    await subscriber.unsubscribe();
    assert.notEqual(await subscriber.set(unique("k"), "v"), null);
    await subscriber.quit();
  });

  test("subscriptions come back after the connection has gone", async () => {
    const channel = unique("channel");
    const subscriber = open();
    await subscriber.subscribe(channel);
    const ready = once(subscriber, "ready");
    subscriber.stream.destroy();
    await ready;
    const message = once(subscriber, "message");
    while ((await client.publish(channel, "again")) === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual((await message).slice(0, 2), [channel, "again"]);
    await subscriber.quit();
  });

  test("what is left out says so", async () => {
    await assert.rejects(client.eval("return 1", 0), /'eval' is not offered: no programs run within the server/);
    await assert.rejects(client.multi().set("k", "v").exec(), /not offered|EXECABORT/);
    await assert.rejects(client.blpop(unique("l"), 1), /not offered/);
    await assert.rejects(client.psubscribe("a*"), /not offered: a subscription is to one topic/);
    assert.equal(await client.ping(), "PONG");
  });
}
