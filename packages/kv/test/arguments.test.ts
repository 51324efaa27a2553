// What callers give: every option, range and target is checked, and the message says what was given and
// what is allowed. Nothing is written.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Database, restore } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import {
  contents,
  freshPath,
  openBytes,
  openDatabase,
  refused,
  temporaryDirectory,
} from "./fixture.js";

const given = <T>(value: unknown) => value as T;

describe("options", () => {
  test.each<[string, unknown, RegExp]>([
    ["no object", 5, /options has to be an object, not 5/],
    ["an unknown one", { compress: true }, /options has no "compress"; what there is: keys, log/],
    [
      "another kind of keys",
      { keys: "number" },
      /keys has to be "string" or "bytes", not "number"/,
    ],
    ["readOnly that is no boolean", { readOnly: 1 }, /true or false, not 1/],
    ["readOnly that creates", { readOnly: true, createIfMissing: true }, /left out with readOnly/],
    [
      "readOnly that must create",
      { readOnly: true, errorIfExists: true },
      /left out with readOnly/,
    ],
    [
      "retention of the log",
      { log: { retention: { maxBytes: 1 } } },
      /options.log has no "retention"/,
    ],
    ["the size of records", { log: { maxRecordBytes: 9 } }, /options.log has no "maxRecordBytes"/],
    ["a durability that there is not", { log: { durability: "maybe" } }, /durability/],
    ["a clock that is none", { log: { clock: 5 } }, /clock has to be a function, not 5/],
  ])("%s is refused, and nothing is made", async (_, options, message) => {
    const directory = freshPath();
    const error = await refused("KV_INVALID_ARGUMENT", () =>
      Database.open(directory, given(options)),
    );
    expect(error.message).toMatch(message);
    expect(readdirSync(join(directory, ".."))).toEqual([]);
  });

  test.each([[""], ["a\0b"], [5], [undefined]])(
    "fault 59: %o as a path is refused",
    async (path) => {
      await refused("KV_INVALID_ARGUMENT", () => Database.open(given(path)));
      await refused("KV_INVALID_ARGUMENT", () => restore(given(path), freshPath(), { offset: 0 }));
      await refused("KV_INVALID_ARGUMENT", () => restore(freshPath(), given(path), { offset: 0 }));
    },
  );

  test("of a write, a checkpoint, going back and restoring are checked too", async () => {
    const db = await openDatabase();
    await refused("KV_INVALID_ARGUMENT", () => db.put("a", 1, given({ tll: 5 })));
    await refused("KV_INVALID_ARGUMENT", () => db.del("a", given({ sync: "yes" })));
    await refused("KV_INVALID_ARGUMENT", () => db.batch([], given(5)));
    await refused("KV_INVALID_ARGUMENT", () => db.checkpoint(given({ force: true })));
    await refused("KV_INVALID_ARGUMENT", () => db.checkpoint(given({ signal: {} })));
    await refused("KV_INVALID_ARGUMENT", () => db.at({ offset: 0 }, given({ sgnal: 1 })));
    const options = given<object>({ dryrun: true });
    await refused("KV_INVALID_ARGUMENT", () => restore("a", "b", { offset: 0 }, options));
    expect(db.endOffset).toBe(0);
  });
});

describe("writes", () => {
  test.each<[string, unknown]>([
    ["no array", { type: "put", key: "a", value: 1 }],
    ["an operation that is none", [5]],
    ["another type", [{ type: "set", key: "a", value: 1 }]],
    ["a put without a value", [{ type: "put", key: "a" }]],
    ["a property that there is not", [{ type: "del", key: "a", ttl: 1 }]],
  ])("a batch with %s is refused whole", async (_, operations) => {
    const db = await openDatabase();
    const good = { type: "put", key: "good", value: 1 };
    await refused("KV_INVALID_ARGUMENT", () =>
      db.batch(given(Array.isArray(operations) ? [good, ...operations] : operations)),
    );
    expect(db.endOffset).toBe(0);
    expect(db.size).toBe(0);
  });

  test("keys of the wrong kind are refused everywhere", async () => {
    const db = await openDatabase();
    const bytes = await openBytes();
    const key = given<string>(5);
    await refused("KV_INVALID_KEY", () => db.put(key, 1));
    await refused("KV_INVALID_KEY", () => db.del(key));
    await refused("KV_INVALID_KEY", () => db.batch([{ type: "del", key }]));
    await refused("KV_INVALID_KEY", () => db.get(key));
    await refused("KV_INVALID_KEY", () => db.getMany([key]));
    await refused("KV_INVALID_KEY", () => db.has("\ud800"));
    await refused("KV_INVALID_KEY", () => db.entries({ gt: key }));
    await refused("KV_INVALID_KEY", () => bytes.get(given("a")));
    await refused("KV_INVALID_ARGUMENT", () => db.getMany(given("ab")));
    expect(db.endOffset).toBe(0);
  });

  test("a commit above the limit is refused before anything is written", async () => {
    const db = await openDatabase();
    const half = new Uint8Array(256 * 1024 * 1024);
    await refused("KV_COMMIT_TOO_LARGE", () => db.put("a", new Uint8Array(512 * 1024 * 1024)));
    await refused("KV_COMMIT_TOO_LARGE", () =>
      db.batch(["a", "b"].map((key) => ({ type: "put", key, value: half }))),
    );
    expect(db.endOffset).toBe(0);
    expect(db.size).toBe(0);
    expect(await db.put("a", 1)).toBe(0);
  });
});

describe("ranges", () => {
  test.each<[string, unknown]>([
    ["no object", 5],
    ["a bound that there is not", { from: "a" }],
    ["a limit below zero", { limit: -1 }],
    ["a limit that is no integer", { limit: 1.5 }],
    ["reverse that is no boolean", { reverse: "yes" }],
  ])("%s is refused at the call", async (_, range) => {
    const db = await openDatabase();
    for (const read of [db.entries, db.keys, db.values] as const) {
      await refused("KV_INVALID_ARGUMENT", () => read.call(db, given(range)));
    }
  });

  test("bounds that contradict each other select nothing", async () => {
    const db = await openDatabase();
    await db.batch(["a", "b", "c"].map((key) => ({ type: "put", key, value: key })));
    expect([...db.keys({ gt: "b", lt: "b" })]).toEqual([]);
    expect([...db.keys({ gte: "c", lte: "a" })]).toEqual([]);
    expect([...db.keys({ gt: "b", lte: "b" })]).toEqual([]);
    expect([...db.keys({ prefix: "a", gte: "b" })]).toEqual([]);
    expect([...db.keys({ gte: "b", lte: "b" })]).toEqual(["b"]);
    expect([...db.keys({ gt: "a", gte: "c" })]).toEqual(["c"]);
    expect([...db.keys({ limit: 0 })]).toEqual([]);
  });
});

describe("targets", () => {
  test.each<[string, unknown, RegExp]>([
    ["no object", 5, /target has to be an object/],
    ["nothing in it", {}, /exactly one of offset, time and mark, not 0/],
    ["two in it", { offset: 1, time: 1 }, /exactly one of offset, time and mark, not 2/],
    ["something else in it", { version: 1 }, /target has no "version"/],
    ["an offset below zero", { offset: -1 }, /target.offset has to be an integer from 0/],
    ["an offset that is no integer", { offset: 0.5 }, /target.offset/],
    ["an invalid date", { time: new Date(Number.NaN) }, /target.time has to be/],
    ["an endless time", { time: Number.POSITIVE_INFINITY }, /target.time has to be/],
    ["an empty mark", { mark: "" }, /target.mark has to be the name of a mark/],
  ])("%s is refused", async (_, target, message) => {
    const db = await openDatabase();
    await db.put("a", 1);
    const error = await refused("KV_INVALID_ARGUMENT", () => db.at(given(target)));
    expect(error.message).toMatch(message);
    const path = temporaryDirectory();
    await refused("KV_INVALID_ARGUMENT", () => restore(db.directory, path, given(target)));
  });
});

describe("after closing", () => {
  test("everything is refused but closing again, and views stay readable", async () => {
    const db = await openDatabase();
    await db.put("a", 1);
    const view = db.snapshot();
    await db.close();
    await db.close();
    for (const call of [
      () => db.get("a"),
      () => db.size,
      () => db.entries(),
      () => db.snapshot(),
      () => db.stats(),
      () => db.put("a", 2),
      () => db.del("a"),
      () => db.batch([]),
      () => db.transaction(() => 1),
      () => db.at({ offset: 0 }),
      () => db.checkpoint(),
      () => db.sync(),
    ]) {
      await refused("KV_CLOSED", call);
    }
    expect(contents(view)).toEqual([["a", 1]]);
  });
});
