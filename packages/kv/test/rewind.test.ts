// Rewinding: the present is what it was, in one commit, whatever else is going on; and the commit can be undone.

import { type Database, type RewindOptions, restore, type Target } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  copyOf,
  freshPath,
  killImage,
  letGo,
  on,
  openBytes,
  openDatabase,
  refused,
  reopen,
} from "./fixture.js";

const store = { call: "write", path: /\.log$/ } as const;
const snapshotsList = { call: "list", path: /snapshots$/ } as const;

/** Keys a, b and c at commit 0, then b changed, c deleted and d put. */
async function changed(disk = new FaultyDisk()): Promise<Database> {
  const db = await openDatabase<unknown>(freshPath(), on(disk));
  await db.batch(["a", "b", "c"].map((key) => ({ type: "put", key, value: `${key}0` })));
  await db.put("b", "b1");
  await db.del("c");
  await db.put("d", "d3");
  return db;
}

const atFirst = [
  ["a", "a0"],
  ["b", "b0"],
  ["c", "c0"],
];

/** What the last commit did. */
async function lastOperations(db: Database): Promise<unknown[]> {
  for await (const { operations } of db.changes({ since: db.endOffset - 2 })) {
    return [...operations];
  }
  return [];
}

describe("a rewind", () => {
  test("is one commit of what has changed since, and nothing else", async () => {
    const db = await changed();
    expect(await db.rewind({ offset: 0 })).toBe(4);
    expect(contents(db)).toEqual(atFirst);
    expect(await lastOperations(db)).toEqual([
      { type: "put", key: "b", value: "b0", expiry: undefined },
      { type: "put", key: "c", value: "c0", expiry: undefined },
      { type: "del", key: "d" },
    ]);
    expect(db.getEntry("a")?.version).toBe(0);
    expect(db.getEntry("b")?.version).toBe(4);
    expect(contents(await reopen(db))).toEqual(atFirst);
  });

  test("can be undone, and that again", async () => {
    const db = await changed();
    const before = contents(db);
    await db.rewind({ offset: 0 });
    expect(await db.rewind({ offset: 3 })).toBe(5);
    expect(contents(db)).toEqual(before);
    await db.rewind({ offset: 4 });
    expect(contents(db)).toEqual(atFirst);
  });

  test("to where nothing has changed since is no commit", async () => {
    const db = await changed();
    expect(await db.rewind({ offset: 3 })).toBe(3);
    await db.put("b", "other");
    await db.put("b", "b1");
    await db.del("never");
    expect(await db.rewind({ offset: 3 })).toBe(6);
    expect(db.endOffset).toBe(7);
    expect(db.getEntry("b")?.version).toBe(5);
  });

  test("keeps the expiry of what it brings back, and brings nothing back that has expired", async () => {
    const time = { now: 1000 };
    const db = await openDatabase<number>(freshPath(), { log: { clock: () => time.now } });
    await db.put("brief", 0, { ttl: 10 });
    await db.put("long", 1, { ttl: 1000 });
    await db.put("for ever", 2);
    await db.put("long", 1);
    await db.put("for ever", 2, { ttl: 500 });
    await db.del("brief");
    time.now = 1020;
    await db.rewind({ offset: 2 });
    expect(contents(db)).toEqual([
      ["for ever", 2],
      ["long", 1],
    ]);
    expect(await lastOperations(db)).toMatchObject([{ key: "for ever" }, { key: "long" }]);
    expect(db.getEntry("long")?.expiry).toBe(2000);
    expect(db.getEntry("for ever")?.expiry).toBeUndefined();
    time.now = 2000;
    expect(contents(db)).toEqual([["for ever", 2]]);
  });

  test("goes to times, over checkpoints, and in a restored database", async () => {
    const time = { now: 1000 };
    const db = await openDatabase<number>(freshPath(), { log: { clock: () => time.now } });
    for (let n = 0; n < 5; n++) {
      await db.put(`k${n % 2}`, n);
      if (n % 2 === 0) await db.checkpoint();
      time.now += 10;
    }
    await db.rewind({ time: 1035 });
    const then = [
      ["k0", 2],
      ["k1", 3],
    ];
    expect(contents(db)).toEqual(then);
    const path = freshPath();
    await restore(db.directory, path, { offset: 3 });
    const copy = await openDatabase<number>(path);
    await copy.put("k0", 9);
    await copy.put("k9", 9);
    await copy.rewind({ offset: 3 });
    expect(contents(copy)).toEqual(then);
    await refused("KV_TARGET_OUT_OF_RANGE", () => copy.rewind({ offset: 2 }));
  });

  test("has keys of bytes where those are the keys", async () => {
    const db = await openBytes<number>();
    await db.put(Uint8Array.of(0, 255), 1);
    await db.put(Uint8Array.of(0, 255), 2);
    await db.rewind({ offset: 0 });
    expect(db.get(Uint8Array.of(0, 255))).toBe(1);
  });
});

describe("writes that come while a rewind looks for what changed", () => {
  test("are undone by it, acknowledged or not", async () => {
    const disk = new FaultyDisk();
    const db = await changed(disk);
    const looking = disk.hold(snapshotsList);
    const rewinding = db.rewind({ offset: 0 });
    await looking.reached;
    await db.put("a", "late");
    await db.del("b");
    await db.put("e", "late");
    await db.put("a", "later");
    const waiting = [db.put("f", "late"), db.del("a"), db.put("c", "late")];
    looking.release();
    expect(await rewinding).toBeGreaterThan(7);
    await Promise.all(waiting);
    expect(contents(await db.at({ offset: await rewinding }))).toEqual(atFirst);
    expect(contents(db)).toEqual(atFirst);
  });

  test("after it has found its target are undone by it too", async () => {
    const disk = new FaultyDisk();
    const db = await changed(disk);
    const finding = disk.hold(snapshotsList);
    const rewinding = db.rewind({ offset: 0 });
    await finding.reached;
    const comparing = disk.hold(snapshotsList);
    finding.release();
    await comparing.reached;
    await db.put("a", "late");
    await db.put("e", "late");
    const waiting = db.del("b");
    comparing.release();
    expect(await rewinding).toBe(7);
    await waiting;
    expect(contents(db)).toEqual(atFirst);
    expect(contents(await reopen(db))).toEqual(atFirst);
  });

  test("and clear ranges are undone by it, and so is what was cleared before", async () => {
    const disk = new FaultyDisk();
    const db = await changed(disk);
    await db.clear({ gte: "b" });
    const looking = disk.hold(snapshotsList);
    const rewinding = db.rewind({ offset: 3 });
    await looking.reached;
    await db.put("e", "late");
    await db.clear({ lt: "b" });
    await db.transaction((tx) => tx.clear());
    looking.release();
    await rewinding;
    const then = [
      ["a", "a0"],
      ["b", "b1"],
      ["d", "d3"],
    ];
    expect(contents(db)).toEqual(then);
    expect(contents(await reopen(db))).toEqual(then);
  });

  test("and are rejected then, are undone by nobody twice", async () => {
    const disk = new FaultyDisk();
    const db = await changed(disk);
    const looking = disk.hold(snapshotsList);
    const rewinding = db.rewind({ offset: 0 });
    await looking.reached;
    const lift = disk.fail(store, "ENOSPC");
    const rejected = [db.put("a", "late"), db.del("b"), db.put("e", "late")];
    for (const { status } of await Promise.allSettled(rejected)) expect(status).toBe("rejected");
    lift();
    await db.put("a", "other");
    looking.release();
    expect(await rewinding).toBe(5);
    expect(contents(db)).toEqual(atFirst);
    expect(contents(await reopen(db))).toEqual(atFirst);
  });

  test("that waited when it began fail it if they are rejected: nothing is written", async () => {
    const disk = new FaultyDisk();
    const db = await changed(disk);
    const before = contents(db);
    const lift = disk.fail(store, "ENOSPC");
    const rejected = refused("KV_NO_SPACE", () => db.put("a", "rejected"));
    await refused("KV_NO_SPACE", () => db.rewind({ offset: 0 }));
    await rejected;
    lift();
    expect(contents(db)).toEqual(before);
    expect(db.endOffset).toBe(4);
    await db.rewind({ offset: 0 });
    expect(contents(db)).toEqual(atFirst);
  });
});

describe("a rewind that cannot be", () => {
  test("written leaves all as it was, and can be tried again", async () => {
    const disk = new FaultyDisk();
    const db = await changed(disk);
    const before = contents(db);
    const lift = disk.fail(store, "ENOSPC");
    await refused("KV_NO_SPACE", () => db.rewind({ offset: 0 }));
    expect(contents(db)).toEqual(before);
    lift();
    await db.rewind({ offset: 0 });
    expect(contents(db)).toEqual(atFirst);
  });

  test("found is refused: nothing is written", async () => {
    const db = await changed();
    const ending = new AbortController();
    const reason = new Error("enough");
    ending.abort(reason);
    await expect(db.rewind({ offset: 0 }, { signal: ending.signal })).rejects.toBe(reason);
    await refused("KV_TARGET_OUT_OF_RANGE", () => db.rewind({ offset: 4 }));
    await refused("KV_TARGET_OUT_OF_RANGE", () => db.rewind({ time: Date.now() + 1e6 }));
    await refused("KV_INVALID_ARGUMENT", () => db.rewind({} as Target));
    await refused("KV_INVALID_ARGUMENT", () =>
      db.rewind({ offset: 0 }, { dryRun: true } as RewindOptions),
    );
    expect(db.endOffset).toBe(4);
    const reader = await openDatabase(copyOf(db.directory), { readOnly: true });
    await refused("KV_READ_ONLY", () => reader.rewind({ offset: 0 }));
    await db.close();
    await refused("KV_CLOSED", () => db.rewind({ offset: 0 }));
  });

  test("finished before the database is closed is ended by that", async () => {
    const disk = new FaultyDisk();
    const db = await changed(disk);
    const looking = disk.hold(snapshotsList);
    const rewinding = refused("KV_CLOSED", () => db.rewind({ offset: 0 }));
    await looking.reached;
    const closing = db.close();
    looking.release();
    await rewinding;
    await closing;
    expect((await openDatabase(db.directory)).endOffset).toBe(4);
  });
});

test("a kill at any moment of a rewind leaves all of it or nothing", async () => {
  const disk = new FaultyDisk();
  const db = await changed(disk);
  const before = contents(db);
  const images: string[] = [];
  disk.beforeChange = () => images.push(killImage(db.directory));
  await db.rewind({ offset: 0 });
  disk.beforeChange = undefined;
  images.push(killImage(db.directory));
  await letGo(db);
  const states = [];
  for (const image of images) states.push(contents(await openDatabase(image)));
  for (const state of states) expect([before, atFirst]).toContainEqual(state);
  expect([states[0], states.at(-1)]).toEqual([before, atFirst]);
});
