// Expired keys are removed by recorded deletions, in the background: no sooner than they expire, some at a time,
// and harming nothing where that fails.

import type { Change, Database, DatabaseReport } from "@tidemark/kv";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { stringKeys } from "../src/arguments/keys.js";
import { DatabaseError } from "../src/errors.js";
import { Present } from "../src/state/present.js";
import { State } from "../src/state/state.js";
import { Commits } from "../src/writing/commits.js";
import { Removal } from "../src/writing/removal.js";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, on, openDatabase, refused, reopen } from "./fixture.js";
import { ScriptedLog } from "./scripted-log.js";

const logWrites = { call: "write", path: /\.log$/ } as const;

/** Commits of a database that are there now. */
async function commitsOf(db: Database): Promise<Change[]> {
  const commits: Change[] = [];
  if (db.endOffset === 0) return commits;
  for await (const change of db.changes()) {
    commits.push(change);
    if (change.offset === db.endOffset - 1) break;
  }
  return commits;
}

describe("a database", () => {
  test("removes what has expired and nothing else, at most 1,000 keys a commit", async () => {
    const clock = { now: 1000 };
    const log = { clock: () => clock.now };
    const db = await openDatabase(freshPath(), { log, removeExpiredAfterMs: 5 });
    await db.batch(
      Array.from({ length: 5000 }, (_, n) => ({
        type: "put",
        key: `k${n}`,
        value: n,
        ttl: n % 2 === 0 ? 300 : undefined,
      })),
    );
    clock.now = 1300;
    await expect.poll(() => db.endOffset, { timeout: 10_000 }).toBe(4);
    await db.sync();
    const [, ...removals] = await commitsOf(db);
    expect(removals.map(({ operations }) => operations.length)).toEqual([1000, 1000, 500]);
    for (const { time, operations } of removals) {
      expect(time).toBe(1300);
      expect(operations.every((operation) => operation.type === "del")).toBe(true);
    }
    expect(db.size).toBe(2500);
    const left = contents(db);
    expect(left.every(([, n]) => Number(n) % 2 === 1)).toBe(true);
    expect((await db.at({ offset: 0 })).size).toBe(5000);
    expect(contents(await reopen(db, { log }))).toEqual(left);
  });

  test("removes what expired while it was closed", async () => {
    const db = await openDatabase<number>();
    await db.put("a", 1, { ttl: 1 });
    await db.put("b", 2);
    const again = await reopen(db, { removeExpiredAfterMs: 5 });
    await expect.poll(() => again.endOffset, { timeout: 10_000 }).toBe(3);
    expect(contents(again)).toEqual([["b", 2]]);
  });

  test("that is full tells of it once, is read on, and removes once there is room", async () => {
    const disk = new FaultyDisk();
    const reports: DatabaseReport[] = [];
    const db = await openDatabase<number>(freshPath(), {
      ...on(disk),
      removeExpiredAfterMs: 1,
      onReport: (report) => reports.push(report),
    });
    const lift = disk.fail(logWrites, "ENOSPC");
    lift();
    await db.put("a", 1, { ttl: 50 });
    await db.put("b", 2);
    const full = disk.fail(logWrites, "ENOSPC");
    await expect.poll(() => reports.length, { timeout: 10_000 }).toBe(1);
    expect(reports).toMatchObject([{ kind: "expiry", cause: { code: "KV_NO_SPACE" } }]);
    expect([contents(db), db.endOffset]).toEqual([[["b", 2]], 2]);
    full();
    await expect.poll(() => db.endOffset, { timeout: 10_000 }).toBe(3);
    expect([contents(db), reports.length]).toEqual([[["b", 2]], 1]);
    expect((await commitsOf(db)).at(-1)?.operations).toEqual([{ type: "del", key: "a" }]);
  });

  test("whose log is poisoned is read on", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), { ...on(disk), removeExpiredAfterMs: 1 });
    await db.put("a", 1, { ttl: 50 });
    await db.put("b", 2);
    disk.fail({ call: "datasync", path: /\.log$/ }, "EIO");
    const reached = disk.hold({ call: "datasync", path: /\.log$/ });
    await reached.reached;
    reached.release();
    await expect.poll(() => db.sync().catch((error) => error.code)).toBe("KV_FAILED");
    expect([contents(db), db.endOffset]).toEqual([[["b", 2]], 2]);
  });

  test("that is closed writes nothing more", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const db = await openDatabase<number>(freshPath(), { removeExpiredAfterMs: 1 });
      await db.put("a", 1, { ttl: 1 });
      expect(vi.getTimerCount()).toBeGreaterThan(0);
      await db.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test("that is read-only is not asked to", async () => {
    const db = await openDatabase<number>();
    await db.put("a", 1, { ttl: 1 });
    await db.close();
    const reports: DatabaseReport[] = [];
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const onReport = (report: DatabaseReport) => reports.push(report);
      const reader = await openDatabase(db.directory, { readOnly: true, onReport });
      await vi.advanceTimersByTimeAsync(HOUR);
      expect([reader.size, reader.endOffset, reports]).toEqual([0, 1, []]);
      await reader.close();
    } finally {
      vi.useRealTimers();
    }
    const options = { readOnly: true, removeExpiredAfterMs: 5 };
    await refused("KV_INVALID_ARGUMENT", () => openDatabase(db.directory, options));
    await refused("KV_INVALID_ARGUMENT", () =>
      openDatabase(freshPath(), { removeExpiredAfterMs: 0 }),
    );
  });
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The parts of a database on a log and timers that are the test's; its clock stands still unless it says so. */
function setUp(afterMs = 100) {
  const log = Object.assign(new ScriptedLog(), { failed: false });
  const clock = { now: 1_000_000 };
  const now = () => Math.max(clock.now, log.lastTime);
  const present = new Present(new State(), log, 0);
  const point = { state: present.state, keys: stringKeys, clock: now };
  const commits = new Commits<number, string>(point, present);
  const reports: unknown[] = [];
  const removed: string[] = [];
  const removal = new Removal({
    directory: "/db",
    present,
    now,
    afterMs,
    remove: (keys) => {
      if (log.failed) return Promise.reject(new DatabaseError("KV_FAILED", "poisoned"));
      removed.push(...keys);
      const removing = commits.remove(keys);
      log.acknowledge(log.endOffset - log.acknowledgedOffset);
      return removing;
    },
    report: ({ cause }) => reports.push(cause),
  });
  present.onChanged = () => removal.plan(now());
  const put = (key: string, ttl?: number) => {
    const putting = commits.put(key, 1, { ttl });
    log.acknowledge(1);
    return putting;
  };
  /** Lets time go by, on the clock too. */
  const pass = (ms: number) => {
    clock.now += ms;
    return vi.advanceTimersByTimeAsync(ms);
  };
  return { log, clock, present, commits, removal, removed, reports, put, pass };
}

describe("removal", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("comes a while after the next expiry, whatever order keys are put in", async () => {
    const { put, pass, removed } = setUp();
    await put("late", 5000);
    await put("early", 1000);
    await put("never");
    await put("next", 1050);
    await pass(1099);
    expect(removed).toEqual([]);
    await pass(1);
    expect(removed).toEqual(["early", "next"]);
    await pass(4000);
    expect(removed).toEqual(["early", "next", "late"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("leaves what has been put again, deleted or cleared since", async () => {
    const { put, pass, removed, commits, log } = setUp();
    for (const key of ["again", "longer", "deleted", "cleared"]) await put(key, 1000);
    await put("again");
    await put("longer", 2000);
    void commits.del("deleted", undefined);
    void commits.clear({ prefix: "clear" }, undefined);
    log.acknowledge(2);
    await pass(1500);
    expect(removed).toEqual([]);
    await pass(1500);
    expect(removed).toEqual(["longer"]);
  });

  test("notices a clock that was set on, and waits where it was set back", async () => {
    const { put, pass, clock, removed } = setUp();
    await put("a", HOUR);
    clock.now += HOUR;
    await pass(MINUTE);
    expect(removed).toEqual(["a"]);
    await put("b", 1000);
    clock.now -= HOUR;
    await pass(HOUR);
    expect(removed).toEqual(["a"]);
    await pass(MINUTE + 1000);
    expect(removed).toEqual(["a", "b"]);
  });

  test("is planned anew for what a rejection brings back", async () => {
    const { put, pass, log, present, commits, removed } = setUp();
    await put("a", 1000);
    await put("b", HOUR);
    const rejected = [commits.put("a", 2, undefined), commits.clear(undefined, undefined)].map(
      (commit) => commit.catch(() => undefined),
    );
    await pass(1500);
    expect(removed).toEqual([]);
    log.fallBack()();
    await Promise.all(rejected);
    expect(present.state.size(() => 0)).toBe(2);
    await pass(100);
    expect(removed).toEqual(["a"]);
  });

  test("is tried again later each time while the log is full, and told of once", async () => {
    const { put, pass, log, removed, reports } = setUp();
    await put("a", 1000);
    log.full = true;
    const tries: number[] = [];
    for (let second = 0; second < 200; second++) {
      const before = removed.length;
      await pass(1000);
      if (removed.length > before) tries.push(second);
    }
    expect(reports).toHaveLength(1);
    const gaps = tries.slice(1).map((second, n) => second - (tries[n] ?? 0));
    expect(gaps).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    log.full = false;
    await pass(MINUTE);
    expect(log.endOffset).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
    await put("b", 1000);
    log.full = true;
    await pass(1100);
    expect(reports).toHaveLength(2);
  });

  test("is given up where the log has failed for good", async () => {
    const { put, pass, log, reports } = setUp();
    await put("a", 1000);
    log.failed = true;
    await pass(HOUR);
    expect(reports).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("that is stopped, or never to be, sets no timer", async () => {
    const stopped = setUp();
    await stopped.put("a", 1000);
    stopped.removal.stop();
    await stopped.put("b", 500);
    const never = setUp(Number.POSITIVE_INFINITY);
    await never.put("a", 1000);
    expect(vi.getTimerCount()).toBe(0);
    await never.pass(HOUR);
    expect([stopped.removed, never.removed]).toEqual([[], []]);
  });
});
