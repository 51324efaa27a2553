// Reading and writing: order, ranges, isolation, transactions, views.

import { setImmediate as turn } from "node:timers/promises";
import { Database, type DatabaseOptions, type TransactionOutcome, type View } from "@tidemark/kv";
import { describe, expect, expectTypeOf, test } from "vitest";
import { contents, openBytes, openDatabase, refused, reopen } from "./fixture.js";

async function filled(): Promise<Database<number>> {
  const db = await openDatabase<number>();
  await db.batch(
    ["b", "a", "d", "ca", "cb", ""].map((key, value) => ({ type: "put", key, value })),
  );
  return db;
}

describe("reading", () => {
  test("keys come in the order of their UTF-8, beyond the basic plane last", async () => {
    const db = await openDatabase();
    const keys = ["\u{1f600}", "\uffee", "\ue000", "z", "é", "a", "", "Z", "\u{10ffff}", "\0"];
    await Promise.all(keys.map((key) => db.put(key, key)));
    const expected = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...db.keys()]).toEqual(expected);
    expect([...db.keys({ gte: "\ue000", lt: "\u{1f600}" })]).toEqual(["\ue000", "\uffee"]);
    expect([...(await reopen(db)).keys()]).toEqual(expected);
  });

  test("keys of bytes come in the order of bytes and are copies", async () => {
    const db = await openBytes<string>();
    const keys = [[0xff], [0x80, 0], [0x80], [0x7f], [], [0xff, 0xff]];
    for (const key of keys) await db.put(Uint8Array.from(key), String(key));
    const read = [...db.keys()];
    expect(read.map((key) => [...key])).toEqual([
      [],
      [0x7f],
      [0x80],
      [0x80, 0],
      [0xff],
      [0xff, 0xff],
    ]);
    expect([...db.keys({ prefix: Uint8Array.of(0x80) })]).toHaveLength(2);
    expect([...db.keys({ prefix: Uint8Array.of(0xff) })]).toHaveLength(2);
    read[0]?.fill(9);
    const { directory } = db;
    await db.close();
    const again = await openBytes<string>(directory);
    expect([...again.values()]).toEqual(["", "127", "128", "128,0", "255", "255,255"]);
    expect(again.get(Buffer.from([0x80]))).toBe("128");
  });

  test.each<[string, object, string[]]>([
    ["everything", {}, ["", "a", "b", "ca", "cb", "d"]],
    ["gt", { gt: "a" }, ["b", "ca", "cb", "d"]],
    ["gte", { gte: "a" }, ["a", "b", "ca", "cb", "d"]],
    ["lt", { lt: "b" }, ["", "a"]],
    ["lte", { lte: "b" }, ["", "a", "b"]],
    ["prefix", { prefix: "c" }, ["ca", "cb"]],
    ["an empty prefix", { prefix: "" }, ["", "a", "b", "ca", "cb", "d"]],
    ["prefix and bounds", { prefix: "c", gt: "ca" }, ["cb"]],
    ["reverse", { reverse: true, gt: "a", lt: "d" }, ["cb", "ca", "b"]],
    ["limit", { limit: 2 }, ["", "a"]],
    ["reverse with limit", { reverse: true, limit: 2 }, ["d", "cb"]],
  ])("a range with %s", async (_, range, expected) => {
    const db = await filled();
    expect([...db.keys(range)]).toEqual(expected);
    expect([...db.entries(range)].map(([key]) => key)).toEqual(expected);
    expect([...db.values(range)]).toEqual(expected.map((key) => db.get(key)));
  });

  test("a missing key is undefined, and has tells it from a value that is undefined", async () => {
    const db = await openDatabase();
    await db.put("there", undefined);
    expect([db.get("there"), db.get("missing")]).toEqual([undefined, undefined]);
    expect([db.has("there"), db.has("missing")]).toEqual([true, false]);
    expect(db.getMany(["missing", "there"])).toEqual([undefined, undefined]);
    expect(db.size).toBe(1);
  });

  test("a range that is being read stays as it was at the call", async () => {
    const db = await filled();
    const before = contents(db);
    const reading = db.entries();
    const seen = [reading.next().value];
    await db.batch([
      { type: "del", key: "a" },
      { type: "put", key: "aa", value: 9 },
      { type: "put", key: "d", value: 9 },
    ]);
    seen.push(...reading);
    expect(seen).toEqual(before);
    expect([...db.keys()]).toEqual(["", "aa", "b", "ca", "cb", "d"]);
  });
});

describe("writing", () => {
  test("is visible at once and acknowledged with ascending offsets", async () => {
    const db = await openDatabase<number>();
    const first = db.put("a", 1);
    expect(db.get("a")).toBe(1);
    const second = db.del("a");
    expect(db.has("a")).toBe(false);
    expect(db.stats().pendingCommits).toBe(2);
    expect(await Promise.all([first, second])).toEqual([0, 1]);
    expect(db.durableOffset).toBe(2);
    expect(db.stats()).toMatchObject({ entries: 0, pendingCommits: 0, endOffset: 2 });
  });

  test("deleting what is not there is a commit", async () => {
    const db = await openDatabase();
    expect(await db.del("a")).toBe(0);
    expect(db.endOffset).toBe(1);
  });

  test("a batch is one commit, and the last operation on a key stands", async () => {
    const db = await openDatabase<number>();
    const offset = await db.batch([
      { type: "put", key: "a", value: 1 },
      { type: "put", key: "b", value: 1 },
      { type: "put", key: "a", value: 2 },
      { type: "del", key: "b" },
    ]);
    expect(offset).toBe(0);
    expect(contents(db)).toEqual([["a", 2]]);
    expect(contents(await reopen(db))).toEqual([["a", 2]]);
  });

  test("a batch with one thing that cannot be stored writes nothing", async () => {
    const db = await openDatabase();
    const error = await refused("KV_VALUE_NOT_STORABLE", () =>
      db.batch([
        { type: "put", key: "a", value: 1 },
        { type: "put", key: "b", value: { f: () => 1 } },
      ]),
    );
    expect(error.message).toContain("value.f is a function");
    expect([db.size, db.endOffset]).toEqual([0, 0]);
    expect(await db.put("c", 1)).toBe(0);
  });

  test("a value is as it was at the call, and each read is a value of its own", async () => {
    const db = await openDatabase<{ list: number[]; bytes: Uint8Array }>();
    const value = { list: [1], bytes: new Uint8Array([1]) };
    const written = db.put("a", value);
    value.list.push(2);
    value.bytes[0] = 2;
    await written;
    const read = db.get("a");
    read?.list.push(3);
    read?.bytes.fill(3);
    const expected = { list: [1], bytes: new Uint8Array([1]) };
    expect(db.get("a")).toEqual(expected);
    expect([...db.values()]).toEqual([expected]);
    expect((await db.at({ offset: 0 })).get("a")).toEqual(expected);
    expect((await reopen(db)).get("a")).toEqual(expected);
  });

  test("a getter in a value may write too; its commit comes first", async () => {
    const db = await openDatabase();
    await db.put("before", 1);
    const inner: Promise<number>[] = [];
    const value = {
      get now() {
        inner.push(db.put("inner", { deep: "x".repeat(100) }));
        return inner.length;
      },
    };
    expect(await db.put("outer", value)).toBe(2);
    expect(await Promise.all(inner)).toEqual([1]);
    expect(contents(await reopen(db))).toEqual([
      ["before", 1],
      ["inner", { deep: "x".repeat(100) }],
      ["outer", { now: 1 }],
    ]);
  });

  test("thousands of commits in flight keep their order", async () => {
    const db = await openDatabase<number>();
    const offsets = await Promise.all(
      Array.from({ length: 5000 }, (_, n) => db.put(`k${n % 100}`, n)),
    );
    expect(offsets).toEqual(offsets.map((_, n) => n));
    expect(db.get("k7")).toBe(4907);
    const again = await reopen(db);
    expect(again.get("k7")).toBe(4907);
    expect(again.recovery).toMatchObject({ commits: 5000, snapshot: undefined, skipped: [] });
  });

  test("durability of the log is that of the database, and sync asks for more", async () => {
    const db = await openDatabase<number>(undefined, { log: { durability: "os" } });
    await db.put("a", 1);
    expect(db.durableOffset).toBe(0);
    await db.put("b", 1, { sync: true });
    expect(db.durableOffset).toBe(2);
    await db.put("c", 1);
    expect(await db.sync()).toBe(3);
  });
});

describe("a transaction", () => {
  test("reads its own writes, is one commit, and others see it when it returns", async () => {
    const db = await filled();
    const done = db.transaction((tx) => {
      tx.put("a", (tx.get("a") ?? 0) + 10);
      tx.del("b");
      tx.put("x", 1);
      tx.put("x", 2);
      expect([tx.get("a"), tx.has("b"), tx.size]).toEqual([11, false, 6]);
      expect([...tx.entries({ gte: "x" })]).toEqual([["x", 2]]);
      expect([...tx.keys({ lt: "c" })]).toEqual(["", "a"]);
      expect(tx.getMany(["a", "b"])).toEqual([11, undefined]);
      expect(db.get("a")).toBe(1);
      return "done";
    });
    expect(db.get("a")).toBe(11);
    expect(await done).toEqual({ offset: 1, result: "done" });
    const again = await reopen(db);
    expect(again.recovery.commits).toBe(2);
    expect([again.get("a"), again.has("b"), again.get("x")]).toEqual([11, false, 2]);
  });

  test("that throws writes nothing and rejects with what it threw", async () => {
    const db = await filled();
    const reason = new Error("no");
    const failing = db.transaction((tx) => {
      tx.put("a", 99);
      throw reason;
    });
    await expect(failing).rejects.toBe(reason);
    expect([db.get("a"), db.endOffset]).toEqual([1, 1]);
  });

  test("that is asynchronous is refused, and nothing is written", async () => {
    const db = await filled();
    const run = async (tx: { put(key: string, value: number): void }) => {
      tx.put("a", 99);
      await turn();
      tx.put("b", 99);
    };
    const error = await refused("KV_INVALID_ARGUMENT", () => db.transaction(run as () => never));
    expect(error.message).toContain("returns no promise");
    await turn();
    expect([db.get("a"), db.get("b"), db.endOffset]).toEqual([1, 0, 1]);
  });

  test("that is a generator is refused: nothing of it would run", async () => {
    const db = await openDatabase();
    await refused("KV_INVALID_ARGUMENT", () =>
      db.transaction(function* (tx) {
        yield tx.put("a", 1);
      }),
    );
    expect(db.size).toBe(0);
  });

  test("that writes nothing is no commit, and waits for what it may have read", async () => {
    const db = await openDatabase<number>();
    expect(await db.transaction((tx) => tx.size)).toEqual({ offset: -1, result: 0 });
    const written = db.put("a", 1);
    expect(db.stats().pendingCommits).toBe(1);
    const reading = await db.transaction((tx) => tx.get("a"));
    expect(reading).toEqual({ offset: 0, result: 1 });
    expect(db.stats().pendingCommits).toBe(0);
    expect(await db.batch([])).toBe(0);
    expect([await written, db.endOffset]).toEqual([0, 1]);
  });

  test("refuses writes to the database from within, and is over when it has returned", async () => {
    const db = await openDatabase<number>();
    const refusals: Promise<unknown>[] = [];
    let leaked: { put(key: string, value: number): void; get(key: string): unknown } | undefined;
    await db.transaction((tx) => {
      leaked = tx;
      refusals.push(refused("KV_INVALID_ARGUMENT", () => db.put("x", 1)));
      refusals.push(refused("KV_INVALID_ARGUMENT", () => db.transaction(() => 1)));
      tx.put("a", 1);
      return 1;
    });
    await Promise.all(refusals);
    await refused("KV_CLOSED", () => leaked?.put("b", 2));
    await refused("KV_CLOSED", () => leaked?.get("a"));
    expect(contents(db)).toEqual([["a", 1]]);
    expect(await db.put("x", 1)).toBe(1);
  });

  test("a put in it that is refused leaves the others to stand if it is caught", async () => {
    const db = await openDatabase();
    await db.transaction((tx) => {
      tx.put("a", 1);
      expect(() => tx.put("b", Symbol("s"))).toThrowError(/is a symbol/);
      return 1;
    });
    expect(contents(db)).toEqual([["a", 1]]);
  });
});

describe("a view", () => {
  test("stays as it is while thousands of writes go on", async () => {
    const db = await openDatabase<number>();
    for (let n = 0; n < 2000; n++) void db.put(`k${n}`, n);
    await db.sync();
    const views: [View<number>, [string, unknown][]][] = [];
    for (let round = 0; round < 20; round++) {
      const view = db.snapshot();
      views.push([view, contents(db)]);
      const writes = Array.from({ length: 100 }, (_, n) => {
        const key = `k${(n * 37 + round * 101) % 2500}`;
        return n % 3 === 0 ? db.del(key) : db.put(key, round);
      });
      await Promise.all(writes);
    }
    for (const [view, then] of views) {
      expect(contents(view)).toEqual(then);
      expect(view.size).toBe(then.length);
    }
  });

  test("of the present has its offset and time; one of the past those of its commit", async () => {
    const time = { now: 1000 };
    const db = await openDatabase<number>(undefined, { log: { clock: () => time.now } });
    expect(db.snapshot()).toMatchObject({ offset: -1, time: 1000 });
    await db.put("a", 1);
    time.now = 2000;
    await db.put("a", 2);
    time.now = 3000;
    expect(db.snapshot()).toMatchObject({ offset: 1, time: 3000 });
    expect(await db.at({ offset: 0 })).toMatchObject({ offset: 0, time: 1000, size: 1 });
    expect(await db.at({ offset: 1 })).toMatchObject({ offset: 1, time: 2000 });
    expect(await db.at({ time: 1999 })).toMatchObject({ offset: 0, time: 1999 });
    expect(await db.at({ time: new Date(2000) })).toMatchObject({ offset: 1, time: 2000 });
    expect((await db.at({ time: 2999.5 })).get("a")).toBe(2);
  });

  test("beyond either end is refused, with what can be reached", async () => {
    const time = { now: 1000 };
    const db = await openDatabase<number>(undefined, { log: { clock: () => time.now } });
    const empty = await refused("KV_TARGET_OUT_OF_RANGE", () => db.at({ offset: 0 }));
    expect(empty.reachable).toBeUndefined();
    await db.put("a", 1);
    await db.put("a", 2);
    for (const target of [{ offset: 2 }, { time: 999 }, { time: 1001 }, { mark: "none" }]) {
      const error = await refused("KV_TARGET_OUT_OF_RANGE", () => db.at(target));
      expect(error.reachable).toEqual({ first: 0, last: 1 });
      expect(error.message).toContain("commits 0 to 1 can be reached");
    }
  });

  test("at an offset that is not durable yet waits for it", async () => {
    const db = await openDatabase<number>(undefined, { log: { durability: "os" } });
    void db.put("a", 1);
    void db.put("a", 2);
    expect(db.durableOffset).toBe(0);
    expect((await db.at({ offset: 0 })).get("a")).toBe(1);
    expect(db.durableOffset).toBe(2);
  });

  test("that takes long to build ends with the caller's signal, or when the database is closed", async () => {
    const db = await openDatabase<number>();
    await Promise.all(Array.from({ length: 20_000 }, (_, n) => db.put(`k${n}`, n)));
    const controller = new AbortController();
    const aborted = db.at({ offset: 19_000 }, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    const closed = refused("KV_CLOSED", () => db.at({ offset: 19_000 }));
    await db.close();
    await closed;
  });
});

describe("types", () => {
  test("a transaction gives what its function returns, which is no promise", () => {
    const counting = (db: Database<number>) => db.transaction((tx) => tx.size);
    expectTypeOf(counting).returns.resolves.toEqualTypeOf<TransactionOutcome<number>>();
    // @ts-expect-error an asynchronous function is no transaction
    const waiting = (db: Database<number>) => db.transaction(async (tx) => tx.size);
    expectTypeOf(waiting).toBeFunction();
  });

  test("values have the type that was named, keys that of the option", () => {
    const strings = () => Database.open<{ n: number }>("x");
    const bytes = () => Database.open("x", { keys: "bytes" });
    expectTypeOf(strings).returns.resolves.toEqualTypeOf<Database<{ n: number }>>();
    expectTypeOf(bytes).returns.resolves.toEqualTypeOf<Database<unknown, Uint8Array>>();
    const either = (options: DatabaseOptions) => Database.open("x", options);
    expectTypeOf(either).returns.resolves.toEqualTypeOf<Database | Database<unknown, Uint8Array>>();
    expectTypeOf<Database<number>["get"]>().returns.toEqualTypeOf<number | undefined>();
    expectTypeOf<Database<number, Uint8Array>["get"]>().parameter(0).toEqualTypeOf<Uint8Array>();
  });
});
