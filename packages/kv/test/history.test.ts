// The history of a key: what it had, by whatever means it came and went, from wherever the window begins.

import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { type Database, type HistoryRange, restore, type Version } from "@tidemark/kv";
import { Log } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { CommitWriter } from "../src/formats/operations.js";
import { FaultyDisk } from "./faulty-disk.js";
import {
  freshPath,
  on,
  openBytes,
  openDatabase,
  refused,
  reopen,
  snapshotFiles,
} from "./fixture.js";

async function versions(
  db: Database,
  key: string,
  range: HistoryRange = {},
): Promise<Version<unknown>[]> {
  const found: Version<unknown>[] = [];
  for await (const version of db.history(key, range)) found.push(version);
  return found;
}

/** As `offset value`, with `-` for a deletion. */
async function shown(db: Database, key: string, range: HistoryRange = {}): Promise<string[]> {
  const found = await versions(db, key, range);
  return found.map((version) => `${version.offset} ${version.deleted ? "-" : version.value}`);
}

/** A database whose clock says 1,000 and one more at each commit. */
async function ticking() {
  const time = { now: 1000 };
  const db = await openDatabase<unknown>(freshPath(), { log: { clock: () => time.now++ } });
  return { db, time };
}

/** Commits, appended to the log of a database at a time of their own. */
async function append(
  db: Database,
  commits: readonly { time: number; write: (writer: CommitWriter) => void; count?: number }[],
): Promise<Database> {
  await db.close();
  const clock = { now: 0 };
  const log = await Log.open(join(db.directory, "log"), { clock: () => clock.now });
  for (const { time, write, count = 1 } of commits) {
    const writer = new CommitWriter();
    writer.begin(count);
    write(writer);
    clock.now = time;
    await log.append(writer.payload());
  }
  await log.close();
  return openDatabase(db.directory, { log: { clock: () => clock.now } });
}

describe("the history of a key", () => {
  test("is each value that it had, with the commit that wrote it, and each deletion", async () => {
    const { db } = await ticking();
    await db.put("a", 1);
    await db.put("b", 1);
    await db.put("a", { n: 2 });
    await db.del("a");
    await db.put("a", undefined);
    const found = await versions(db, "a");
    const time = (offset: number) => found.find((version) => version.offset === offset)?.time ?? 0;
    expect(found).toEqual([
      { offset: 0, time: time(0), deleted: false, value: 1, expiry: undefined },
      { offset: 2, time: time(2), deleted: false, value: { n: 2 }, expiry: undefined },
      { offset: 3, time: time(3), deleted: true },
      { offset: 4, time: time(4), deleted: false, value: undefined, expiry: undefined },
    ]);
    expect(time(0)).toBeGreaterThanOrEqual(1000);
    expect(found.map(({ offset }) => time(offset))).toEqual(
      found.map(({ offset }) => time(offset)).sort(),
    );
    expect(await shown(db, "never")).toEqual([]);
  });

  test("has one version for a commit, and none where nothing changed", async () => {
    const { db } = await ticking();
    await db.del("a");
    await db.batch([
      { type: "put", key: "a", value: 1 },
      { type: "del", key: "a" },
      { type: "put", key: "a", value: 2 },
    ]);
    await db.batch([
      { type: "put", key: "b", value: 1 },
      { type: "del", key: "b" },
    ]);
    await db.put("a", 2);
    await db.batch([
      { type: "put", key: "a", value: 3 },
      { type: "del", key: "a" },
    ]);
    await db.del("a");
    expect(await shown(db, "a")).toEqual(["1 2", "3 2", "4 -"]);
    expect(await shown(db, "b")).toEqual([]);
  });

  test("knows ranges that were cleared, expiries, and deletions that came after them", async () => {
    const { db: made } = await ticking();
    await made.put("k", 0);
    const db = await append(made, [
      { time: 2000, write: (writer) => writer.deleteRange("k\0", undefined) },
      { time: 2000, write: (writer) => writer.deleteRange(undefined, "k") },
      { time: 2001, write: (writer) => writer.deleteRange("a", "k\0") },
      { time: 2002, write: (writer) => writer.deleteRange(undefined, undefined) },
      { time: 2003, write: (writer) => writer.put("k", 5, 2010) },
      { time: 2004, write: (writer) => writer.mark("here") },
      { time: 2010, write: (writer) => writer.delete("k") },
      { time: 2011, write: (writer) => writer.put("k", 8, 2020) },
      { time: 2019, write: (writer) => writer.delete("k") },
    ]);
    expect(await shown(db, "k")).toEqual(["0 0", "3 -", "5 5", "8 8", "9 -"]);
    expect((await versions(db, "k"))[2]).toMatchObject({ expiry: 2010 });
    expect(await shown(db, "k", { from: { offset: 7 } })).toEqual(["8 8", "9 -"]);
    expect(await shown(db, "k", { from: { offset: 6 } })).toEqual(["5 5", "8 8", "9 -"]);
    expect(await shown(db, "k", { from: { offset: 5 }, to: { mark: "here" } })).toEqual(["5 5"]);
  });

  test("begins with what the key had where the range begins, and ends where it ends", async () => {
    const { db } = await ticking();
    for (let n = 0; n < 6; n++) await db.put(n % 2 === 0 ? "a" : "b", n);
    const [, , third] = await versions(db, "a");
    expect(await shown(db, "a", { from: { offset: 3 } })).toEqual(["2 2", "4 4"]);
    expect(await shown(db, "a", { from: { offset: 2 } })).toEqual(["2 2", "4 4"]);
    expect(await shown(db, "a", { to: { offset: 4 } })).toEqual(["0 0", "2 2", "4 4"]);
    expect(await shown(db, "a", { to: { offset: 3 } })).toEqual(["0 0", "2 2"]);
    expect(await shown(db, "a", { from: { offset: 5 } })).toEqual(["4 4"]);
    expect(await shown(db, "a", { from: { time: third?.time ?? 0 } })).toEqual(["4 4"]);
    expect(await shown(db, "a", { from: { offset: 3 }, to: { offset: 2 } })).toEqual([]);
  });

  test("goes across restarts, checkpoints, and damaged snapshot files", async () => {
    const disk = new FaultyDisk();
    let db = await openDatabase<number>(freshPath(), on(disk));
    for (let n = 0; n < 4; n++) {
      await db.put("a", n);
      await db.put(`b${n}`, n);
      await db.checkpoint();
    }
    db = await reopen(db, on(disk));
    const whole = ["0 0", "2 1", "4 2", "6 3"];
    expect(await shown(db, "a")).toEqual(whole);
    // The newest entry is older than the range: it is what the present has, and nothing is read.
    const reads = disk.count({ call: "read", path: /\.snapshot$/ });
    expect(await shown(db, "b0", { from: { offset: 6 } })).toEqual(["1 0"]);
    expect(disk.count({ call: "read", path: /\.snapshot$/ })).toBe(reads);
    await db.del("a");
    await db.del("b0");
    expect(await shown(db, "b0", { from: { offset: 5 } })).toEqual(["1 0", "9 -"]);
    const lift = disk.fail({ call: "read", path: /4\.snapshot$/ }, "EIO");
    expect(await shown(db, "a", { from: { offset: 5 } })).toEqual(["4 2", "6 3", "8 -"]);
    lift();
    expect(await shown(db, "a")).toEqual([...whole, "8 -"]);
  });

  test("of a restored database begins with the snapshot that it was made with", async () => {
    const { db, time } = await ticking();
    for (let n = 0; n < 4; n++) await db.put("a", n);
    await db.put("b", 4);
    const path = freshPath();
    await restore(db.directory, path, { offset: 4 });
    const copy = await openDatabase(path, { log: { clock: () => time.now++ } });
    expect(await shown(copy, "a")).toEqual(["3 3"]);
    await copy.put("a", 5);
    expect(snapshotFiles(path)).toHaveLength(1);
    expect(await shown(copy, "a")).toEqual(["3 3", "5 5"]);
    const error = await refused("KV_TARGET_OUT_OF_RANGE", () =>
      shown(copy, "a", { from: { offset: 3 } }),
    );
    expect(error.reachable).toEqual({ first: 4, last: 5 });
  });

  test("has keys of bytes where those are the keys", async () => {
    const db = await openBytes<number>();
    await db.put(Uint8Array.of(0, 255), 1);
    for await (const version of db.history(Uint8Array.of(0, 255))) {
      expect(version).toMatchObject({ offset: 0, value: 1 });
    }
  });

  test("of a commit that is being written has it once it is asked for, and fails with it", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    await db.put("a", 0);
    const pending = db.put("a", 1);
    expect(await shown(db, "a")).toEqual(["0 0"]);
    expect(await shown(db, "a", { to: { offset: 1 } })).toEqual(["0 0", "1 1"]);
    await pending;
    disk.fail({ call: "write", path: /\.log$/ }, "ENOSPC");
    const rejected = refused("KV_NO_SPACE", () => db.put("a", 2));
    await refused("KV_NO_SPACE", () => shown(db, "a", { to: { offset: 2 } }));
    await rejected;
  });

  test("lets others run, also inside one long commit", async () => {
    const db = await openDatabase<number>();
    const keys = Array.from({ length: 200_000 }, (_, n) => `key ${n}`);
    await db.batch(keys.map((key, value) => ({ type: "put", key, value })));
    await db.del("key 99999");
    let [turns, done] = [0, false];
    const counting = (async () => {
      for (; !done; turns++) await turn();
    })();
    expect(await shown(db, "key 99999")).toEqual(["0 99999", "1 -"]);
    done = true;
    await counting;
    expect(turns).toBeGreaterThan(4);
  });
});

describe("a history ends", () => {
  test("with the signal's reason, or KV_CLOSED", async () => {
    const { db } = await ticking();
    for (let n = 0; n < 3; n++) await db.put("a", n);
    const ending = new AbortController();
    const reason = new Error("enough");
    ending.abort(reason);
    await expect(versions(db, "a", { signal: ending.signal })).rejects.toBe(reason);
    const begun = db.history("a");
    await begun.next();
    await db.close();
    await refused("KV_CLOSED", async () => {
      for (;;) if ((await begun.next()).done === true) return;
    });
    await refused("KV_CLOSED", () => db.history("a"));
  });

  test("before it begins where what is asked for is none", async () => {
    const { db } = await ticking();
    await db.put("a", 1);
    const asked: unknown[] = [{ from: 1 }, { from: {} }, { since: 1 }, { to: { offset: -1 } }, 1];
    for (const range of asked) {
      await refused("KV_INVALID_ARGUMENT", () => db.history("a", range as HistoryRange));
    }
    await refused("KV_INVALID_KEY", () => db.history("\ud800"));
    await refused("KV_TARGET_OUT_OF_RANGE", () => shown(db, "a", { to: { offset: 1 } }));
    expect(await shown(await openDatabase(), "a")).toEqual([]);
  });
});
