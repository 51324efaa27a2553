// The change feed: durable commits only, all of them, in order, from wherever a consumer says that it was.

import { join } from "node:path";
import { type Change, type ChangesOptions, type Database, restore } from "@tidemark/kv";
import { Log } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { stringKeys } from "../src/arguments/keys.js";
import { CommitWriter } from "../src/formats/operations.js";
import { followChanges } from "../src/past/changes.js";
import { Pins } from "../src/upkeep/pins.js";
import { FaultyDisk } from "./faulty-disk.js";
import { freshPath, letGo, on, openBytes, openDatabase, refused, reopen } from "./fixture.js";

const store = { call: "write", path: /\.log$/ } as const;

/** The next changes, `count` of them. */
async function take<V>(
  changes: AsyncIterable<Change<V>>,
  count: number,
): Promise<readonly Change<V>[]> {
  const taken: Change<V>[] = [];
  for await (const change of changes) {
    taken.push(change);
    if (taken.length === count) break;
  }
  return taken;
}

async function offsetsFrom(db: Database, count: number, options: ChangesOptions = {}) {
  return (await take(db.changes(options), count)).map(({ offset }) => offset);
}

async function filled(count: number, db?: Database): Promise<Database> {
  const into = db ?? (await openDatabase());
  for (let n = 0; n < count; n++) await into.put("n", n);
  return into;
}

/** Takes whatever comes, which has to be without gaps. */
async function inOrderFrom(changes: AsyncIterable<Change>, from: number): Promise<void> {
  let next = from;
  for await (const { offset } of changes) expect(offset).toBe(next++);
}

/** A commit of every operation that there is, appended to the log of a closed database. */
async function appendEveryOperation(directory: string): Promise<void> {
  const writer = new CommitWriter();
  writer.begin(6);
  writer.put("a", { n: 1 }, 5000);
  writer.put("b", undefined);
  writer.delete("a");
  writer.deleteRange("a", undefined);
  writer.deleteRange(undefined, "c");
  writer.mark("here");
  const log = await Log.open(join(directory, "log"));
  await log.append(writer.payload());
  await log.close();
}

describe("a change", () => {
  test("has every operation as it was written, with values of the consumer's own", async () => {
    let db = await openDatabase<unknown>(freshPath(), { log: { clock: () => 1000 } });
    await db.close();
    await appendEveryOperation(db.directory);
    db = await openDatabase(db.directory);
    const [change] = await take(db.changes(), 1);
    expect(change).toMatchObject({ logId: db.logId, offset: 0 });
    expect(change?.time).toBeGreaterThan(0);
    expect(change?.operations).toEqual([
      { type: "put", key: "a", value: { n: 1 }, expiry: 5000 },
      { type: "put", key: "b", value: undefined, expiry: undefined },
      { type: "del", key: "a" },
      { type: "clear", gte: "a", lt: undefined },
      { type: "clear", gte: undefined, lt: "c" },
      { type: "mark", name: "here" },
    ]);
    const [again] = await take(db.changes(), 1);
    expect(again).toEqual(change);
    expect(again?.operations[0]).not.toBe(change?.operations[0]);
  });

  test("has keys of bytes where those are the keys", async () => {
    const db = await openBytes<number>();
    await db.put(Uint8Array.of(0, 255), 1);
    for await (const { operations } of db.changes()) {
      expect(operations).toEqual([
        { type: "put", key: Uint8Array.of(0, 255), value: 1, expiry: undefined },
      ]);
      break;
    }
  });

  test("of thousands of operations has them all", async () => {
    const db = await openDatabase<number>();
    const keys = Array.from({ length: 5000 }, (_, n) => `k${n}`);
    await db.batch(keys.map((key, value) => ({ type: "put", key, value })));
    const [change] = await take(db.changes(), 1);
    expect(change?.operations.map((operation) => "key" in operation && operation.key)).toEqual(
      keys,
    );
  });
});

describe("the feed", () => {
  test("shows what is there, then waits for each further commit", async () => {
    const db = await filled(3);
    const taking = take(db.changes(), 5);
    await filled(2, db);
    const changes = await taking;
    expect(changes.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4]);
    expect(changes.map(({ operations }) => operations)).toMatchObject(
      [0, 1, 2, 0, 1].map((value) => [{ type: "put", key: "n", value }]),
    );
  });

  test("goes on after the offset that it is given, or after a change of its own, across restarts", async () => {
    let db = await filled(10);
    const [last] = (await take(db.changes({ since: 3 }), 2)).slice(-1);
    expect(last?.offset).toBe(5);
    db = await reopen(db);
    expect(await offsetsFrom(db, 4, { since: last?.offset })).toEqual([6, 7, 8, 9]);
    expect(await offsetsFrom(db, 4, { since: last })).toEqual([6, 7, 8, 9]);
    expect(await offsetsFrom(db, 1, { since: -1 })).toEqual([0]);
    expect(await offsetsFrom(db, 2, { since: db.snapshot().offset - 2 })).toEqual([8, 9]);
  });

  test("waits for a consumer, who misses nothing however slow", async () => {
    const db = await filled(1);
    const seen: number[] = [];
    for await (const { offset } of db.changes()) {
      seen.push(offset);
      if (offset < 20) await Promise.all([db.put("n", offset), db.put("m", offset)]);
      if (seen.length === 40) break;
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  test("shows a commit only once it is on stable storage", async () => {
    const db = await openDatabase<number>(freshPath(), { log: { durability: "os" } });
    await db.put("n", 0);
    let shown = false;
    const taking = take(db.changes(), 1).then(() => {
      shown = true;
    });
    for (let n = 0; n < 5; n++) await db.put("n", n);
    expect([db.durableOffset, shown]).toEqual([0, false]);
    await db.sync();
    await taking;
    expect(shown).toBe(true);
  });

  test("never shows what was rejected, and shows what got its offset instead", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<string>(freshPath(), on(disk));
    await db.put("k", "kept");
    const taking = take(db.changes(), 2);
    const lift = disk.fail(store, "ENOSPC");
    await refused("KV_NO_SPACE", () => db.put("k", "rejected"));
    lift();
    expect(await db.put("k", "next")).toBe(1);
    expect((await taking).map(({ operations }) => operations)).toMatchObject([
      [{ value: "kept" }],
      [{ value: "next" }],
    ]);
  });

  test("goes on after a commit that is still being written, and fails with it", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    await db.put("n", 0);
    const pending = db.put("n", 1);
    const taking = offsetsFrom(db, 1, { since: 1 });
    expect([await pending, await db.put("n", 2), await taking]).toEqual([1, 2, [2]]);
    const lift = disk.fail(store, "ENOSPC");
    const rejected = refused("KV_NO_SPACE", () => db.put("n", 3));
    await refused("KV_NO_SPACE", () => take(db.changes({ since: 3 }), 1));
    await rejected;
    lift();
  });

  test("of a read-only database shows the same, and goes on with its writer", async () => {
    const writer = await openDatabase<number>(freshPath(), { log: { noteAfterMs: 1 } });
    await filled(3, writer);
    const reader = await openDatabase<number>(writer.directory, { readOnly: true });
    const taking = offsetsFrom(reader, 5, { since: 0 });
    await filled(3, writer);
    expect(await taking).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("the feed ends", () => {
  test("with the signal's reason, while it waits and before it began", async () => {
    const db = await filled(1);
    const ending = new AbortController();
    const waiting = take(db.changes({ since: 0, signal: ending.signal }), 1);
    const reason = new Error("enough");
    ending.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(take(db.changes({ signal: ending.signal }), 1)).rejects.toBe(reason);
  });

  test("with KV_CLOSED when the database is closed, for who waits and who comes later", async () => {
    const db = await filled(2);
    const waiting = refused("KV_CLOSED", () => take(db.changes({ since: 1 }), 1));
    const begun = db.changes();
    await begun.next();
    await db.close();
    await waiting;
    await refused("KV_CLOSED", () => begun.next());
    await refused("KV_CLOSED", () => db.changes());
  });

  test("with KV_FAILED after the last durable commit of a poisoned log", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    await filled(2, db);
    const taking = db.changes({ since: 0 });
    disk.fail({ call: ["datasync", "sync"], path: /\.log$/ }, "EIO");
    await refused("KV_FAILED", () => db.put("n", 2));
    expect((await taking.next()).value).toMatchObject({ offset: 1 });
    await refused("KV_FAILED", () => taking.next());
    await letGo(db);
  });
});

describe("a place that is not there", () => {
  test("beyond the end is refused, with the commits that there are", async () => {
    const db = await filled(3);
    const error = await refused("KV_TARGET_OUT_OF_RANGE", () => take(db.changes({ since: 3 }), 1));
    expect(error.reachable).toEqual({ first: 0, last: 2 });
    const empty = await openDatabase();
    await refused("KV_TARGET_OUT_OF_RANGE", () => take(empty.changes({ since: 0 }), 1));
  });

  test("because the log was cut is refused, before it began and under way", async () => {
    const log = await Log.open(freshPath(), { segmentBytes: 4096 });
    const writer = new CommitWriter();
    for (let n = 0; n < 20; n++) {
      writer.begin(1);
      writer.put("k", "v".repeat(1000));
      await log.append(writer.payload());
    }
    const feed = { log, pins: new Pins(), keys: stringKeys, readOnly: false };
    const slow = followChanges(feed, { from: 0, signal: undefined });
    await slow.next();
    await log.truncateBefore(15);
    const first = log.startOffset;
    expect(first).toBeGreaterThan(1);
    const late = followChanges(feed, { from: first - 1, signal: undefined });
    for (const [changes, seen] of [
      [slow, 1],
      [late, first - 1],
    ] as const) {
      await expect(inOrderFrom(changes, seen)).rejects.toMatchObject({
        code: "KV_TARGET_OUT_OF_RANGE",
        reachable: { first, last: 19 },
        message: expect.stringMatching(/from [1-9]\d* on .*: read the state anew/),
      });
    }
    const whole = followChanges(feed, { from: undefined, signal: undefined });
    expect((await whole.next()).value).toMatchObject({ offset: first });
    await log.close();
  });

  test("is told from one that a restored database shares with its source", async () => {
    const db = await filled(10);
    const path = freshPath();
    await restore(db.directory, path, { offset: 5 });
    const restored = await filled(2, await openDatabase(path));
    const [, own] = await take(restored.changes(), 2);
    const source = db.logId;
    expect(own?.logId).toBe(restored.logId);
    expect(await offsetsFrom(restored, 2, { since: { logId: source, offset: 5 } })).toEqual([6, 7]);
    // Shared, but the commits up to where the restored log begins are the source's to show.
    await refused("KV_TARGET_OUT_OF_RANGE", () =>
      take(restored.changes({ since: { logId: source, offset: 3 } }), 1),
    );
    for (const since of [
      { logId: source, offset: 6 },
      { logId: "00000000-0000-4000-8000-000000000000", offset: 0 },
    ]) {
      const error = await refused("KV_OTHER_LINEAGE", () => restored.changes({ since }));
      expect(error.offset).toBe(since.offset);
    }
    await refused("KV_OTHER_LINEAGE", () => db.changes({ since: own }));
  });

  test("is refused at the call if it is none at all", async () => {
    const db = await filled(1);
    for (const options of [
      { since: "1" },
      { since: 0.5 },
      { since: -2 },
      { since: null },
      { since: { offset: 1 } },
      { since: { logId: db.logId } },
      { from: 1 },
      { signal: 1 },
      null,
    ]) {
      await refused("KV_INVALID_ARGUMENT", () => db.changes(options as ChangesOptions));
    }
  });
});
