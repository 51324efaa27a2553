// Checkpoints by themselves: after so much log, one at a time, and none of anybody's concern if they fail.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type Database, type DatabaseReport, Database as Databases } from "@tidemark/kv";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { changingCalls, FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  freshPath,
  type Options,
  on,
  openDatabase,
  refused,
  reopen,
  snapshotFiles,
} from "./fixture.js";

const VALUE = "v".repeat(200);

/** Writes commits that take some 270 bytes of log each, one after the other. */
async function write(db: Database, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await db.put(`k${n % 50}`, VALUE);
}

function snapshots(disk: FaultyDisk): { made: number; named: number } {
  const made = disk.count({ call: "create", path: /\.snapshot\.new$/ });
  return { made, named: disk.count({ call: "rename", path: /\.snapshot$/ }) };
}

/** Waits for the checkpoint that is under way, if one is. */
async function settle(db: Database): Promise<void> {
  await db.checkpoint();
}

describe("a checkpoint comes by itself", () => {
  test("each time after so many bytes of log, and opening then replays no more", async () => {
    const checkpointBytes = 10_000;
    const db = await openDatabase(freshPath(), { checkpointBytes });
    await write(db, 30);
    expect(db.stats().snapshotOffset).toBeUndefined();
    await write(db, 10);
    await expect.poll(() => db.stats().snapshotOffset).toBeGreaterThan(35);
    for (let round = 0; round < 10; round++) {
      const before = db.stats().snapshotOffset ?? 0;
      await write(db, 38);
      await expect.poll(() => db.stats().snapshotOffset).toBeGreaterThan(before);
    }
    const wanted = contents(db);
    const again = await reopen(db, { checkpointBytes });
    expect(again.recovery.commits).toBeLessThan(60);
    expect(contents(again)).toEqual(wanted);
  });

  test("right after an opening that had as much to replay", async () => {
    const db = await openDatabase(freshPath(), { checkpointBytes: Number.POSITIVE_INFINITY });
    await write(db, 100);
    const same = await reopen(db, { checkpointBytes: 30_000 });
    await same.put("one more", 1);
    expect(same.stats().snapshotOffset).toBeUndefined();
    const again = await reopen(same, { checkpointBytes: 20_000 });
    await expect.poll(() => again.stats().snapshotOffset).toBe(101);
  });

  test("of one that is asked for there is no need for another", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase(freshPath(), { ...on(disk), checkpointBytes: 10_000 });
    await write(db, 30);
    await db.checkpoint();
    await write(db, 30);
    await db.checkpoint();
    expect(snapshots(disk)).toEqual({ made: 2, named: 2 });
  });

  test("never while another is at work", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase(freshPath(), { ...on(disk), checkpointBytes: 2000 });
    const gate = disk.hold({ call: "rename", path: /\.snapshot$/ });
    await write(db, 20);
    await gate.reached;
    await write(db, 100);
    expect(snapshots(disk)).toEqual({ made: 1, named: 0 });
    gate.release();
    await settle(db);
    await write(db, 20);
    await settle(db);
    expect(snapshots(disk).made).toBe(snapshots(disk).named);
  });

  test("and ends at once when the database is closed, without a word", async () => {
    const disk = new FaultyDisk();
    const reports: DatabaseReport[] = [];
    const onReport = (report: DatabaseReport) => reports.push(report);
    const options: Options = { ...on(disk), checkpointBytes: 2000, onReport };
    const db = await openDatabase(freshPath(), options);
    const gate = disk.hold({ call: "create", path: /\.snapshot\.new$/ });
    const writes = write(db, 20);
    await gate.reached;
    const closed = db.close();
    gate.release();
    await Promise.allSettled([writes, closed]);
    await closed;
    expect(reports).toEqual([]);
    const left = readdirSync(join(db.directory, "snapshots"));
    expect(left.filter((name) => name.endsWith(".new"))).toEqual([]);
  });
});

test("a checkpoint by itself reports a snapshot file that it could not begin from, once", async () => {
  const reports: DatabaseReport[] = [];
  const onReport = (report: DatabaseReport) => reports.push(report);
  const db = await openDatabase(freshPath(), { checkpointBytes: 10_000, onReport });
  await db.put("a", 1);
  await db.checkpoint();
  await db.put("b", 1);
  const { file } = await db.checkpoint();
  writeFileSync(file, "damaged");
  for (let round = 0; round < 3; round++) {
    const before = db.stats().snapshotOffset ?? 0;
    await write(db, 45);
    await expect.poll(() => db.stats().snapshotOffset).toBeGreaterThan(before);
  }
  await settle(db);
  expect(reports).toMatchObject([{ kind: "checkpoint", cause: { file } }]);
});

describe("where history goes by age", () => {
  const HOUR = 3_600_000;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  async function aging() {
    const time = { now: 1_000 * HOUR };
    const disk = new FaultyDisk();
    const log = { ...on(disk).log, segmentBytes: 4096, clock: () => time.now };
    const history = { maxAgeMs: HOUR };
    const db = await openDatabase(freshPath(), { log, history });
    /** Commits, one every so often. */
    const writeEvery = async (ms: number, count: number) => {
      for (let n = 0; n < count; n++) {
        time.now += ms;
        await write(db, 1);
      }
    };
    return { db, disk, time, writeEvery };
  }

  test("what is hardly written to gets one for what is old enough, so that it goes", async () => {
    const { db, disk, writeEvery } = await aging();
    for (let round = 1; round <= 4; round++) {
      await writeEvery(HOUR / 10, 20);
      vi.advanceTimersByTime(60_000);
      await expect.poll(() => db.stats().snapshotOffset).toBe(db.endOffset);
    }
    expect(snapshots(disk)).toEqual({ made: 4, named: 4 });
    await expect.poll(() => db.stats().log.startOffset).toBeGreaterThan(40);
    expect(db.stats().history.first).toBe(59);
  });

  test("what is young, or idle, is left alone", async () => {
    const { db, disk, time, writeEvery } = await aging();
    await writeEvery(HOUR / 30, 20);
    vi.advanceTimersByTime(60_000);
    await setImmediate();
    await write(db, 1);
    // One that had come by itself would have been another.
    await settle(db);
    expect(snapshots(disk).made).toBe(1);
    for (let look = 0; look < 5; look++) {
      time.now += HOUR;
      vi.advanceTimersByTime(60_000);
      await settle(db);
    }
    expect(snapshots(disk).made).toBe(1);
    expect(db.stats().history.first).toBe(0);
  });

  test("nothing looks any more once it is closed, nor where history goes by size alone", async () => {
    const { db } = await aging();
    expect(vi.getTimerCount()).toBe(1);
    await db.close();
    expect(vi.getTimerCount()).toBe(0);
    await openDatabase();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a checkpoint that fails by itself", () => {
  test("fails no write, is reported, and is tried again after as much log again", async () => {
    const disk = new FaultyDisk();
    const reports: DatabaseReport[] = [];
    const onReport = (report: DatabaseReport) => reports.push(report);
    const options: Options = { ...on(disk), checkpointBytes: 10_000, onReport };
    const db = await openDatabase(freshPath(), options);
    const lift = disk.fail({ call: changingCalls, path: /snapshots/ }, "EIO");
    for (let round = 1; round <= 3; round++) {
      await write(db, 42);
      await expect.poll(() => reports.length).toBe(round);
    }
    expect(reports[0]).toMatchObject({ kind: "checkpoint", cause: { code: "KV_IO" } });
    expect(snapshotFiles(db.directory)).toEqual([]);
    lift();
    await write(db, 42);
    await expect.poll(() => db.stats().snapshotOffset).toBeGreaterThan(126);
    expect(reports).toHaveLength(3);
  });

  test("for want of a clock does so too", async () => {
    const reports: DatabaseReport[] = [];
    let now = 1000;
    const options: Options = {
      log: { clock: () => now },
      checkpointBytes: 5000,
      onReport: (report) => reports.push(report),
    };
    const db = await openDatabase(freshPath(), options);
    now = Number.NaN;
    await write(db, 25);
    await expect.poll(() => reports.length).toBe(1);
    expect(reports[0]).toMatchObject({ cause: { code: "KV_INVALID_ARGUMENT" } });
  });
});

test.each([0, -1, 1.5, Number.NaN, "64", null, Number.NEGATIVE_INFINITY])(
  "checkpointBytes of %s is refused",
  async (checkpointBytes) => {
    const options = { checkpointBytes: checkpointBytes as number };
    await refused("KV_INVALID_ARGUMENT", () => Databases.open(freshPath(), options));
  },
);

test("what is read-only has no checkpoints by itself to be asked for", async () => {
  const db = await openDatabase();
  await write(db, 10);
  await db.close();
  const options = { readOnly: true, checkpointBytes: 1000 };
  await refused("KV_INVALID_ARGUMENT", () => Databases.open(db.directory, options));
  const open: (path: string, given: object) => Promise<unknown> = Databases.open;
  await refused("KV_INVALID_ARGUMENT", () => open(db.directory, { onReport: 5 }));
});
