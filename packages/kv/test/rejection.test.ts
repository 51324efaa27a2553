// What the log rejects: undone in memory before anyone can see otherwise, and never back after reopening.

import { setImmediate as turn } from "node:timers/promises";
import type { Database, DatabaseError } from "@tidemark/kv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, killImage, letGo, on, openDatabase, refused } from "./fixture.js";

const store = /\d+\.log$/;

async function onFaultyDisk(): Promise<{ db: Database<number>; disk: FaultyDisk }> {
  const disk = new FaultyDisk();
  const db = await openDatabase<number>(freshPath(), on(disk));
  await db.batch([
    { type: "put", key: "a", value: 1 },
    { type: "put", key: "b", value: 1 },
  ]);
  return { db, disk };
}

/** What the database shows is what the log holds: here, in a copy as a kill would leave it, and reopened. */
async function expectAgreement(db: Database<number>, expected: [string, unknown][]): Promise<void> {
  expect(contents(db)).toEqual(expected);
  expect(db.size).toBe(expected.length);
  const copy = await openDatabase(killImage(db.directory), { readOnly: true });
  expect(contents(copy)).toEqual(expected);
  expect(copy.endOffset).toBe(db.endOffset);
  await letGo(db);
  const again = await openDatabase(db.directory);
  expect(contents(again)).toEqual(expected);
}

describe("fault 67: after a rejection memory, log and offsets agree", () => {
  test("a full disk: every commit that waited is undone, newest first", async () => {
    const { db, disk } = await onFaultyDisk();
    const lift = disk.fail({ call: "write", path: store }, "ENOSPC");
    const writes = [
      db.put("a", 2),
      db.del("b"),
      db.batch([
        { type: "put", key: "a", value: 3 },
        { type: "put", key: "c", value: 3 },
        { type: "put", key: "c", value: 4 },
        { type: "del", key: "a" },
      ]),
      db.transaction((tx) => {
        tx.put("b", 5);
        tx.del("c");
      }),
    ];
    expect(contents(db)).toEqual([["b", 5]]);
    const view = db.snapshot();
    for (const outcome of await Promise.allSettled(writes)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "KV_NO_SPACE" } });
    }
    const before: [string, unknown][] = [
      ["a", 1],
      ["b", 1],
    ];
    expect([db.endOffset, db.stats().pendingCommits]).toEqual([1, 0]);
    expect(contents(db)).toEqual(before);
    expect(contents(view)).toEqual([["b", 5]]);
    lift();
    expect(await db.put("d", 1)).toBe(1);
    await expectAgreement(db, [...before, ["d", 1]]);
  });

  test("whoever asks first after a rejection, a read or a write, sees none of it", async () => {
    const { db, disk } = await onFaultyDisk();
    const gate = disk.hold({ call: "write", path: store });
    const lift = disk.fail({ call: "write", path: store }, "ENOSPC", { times: 1 });
    const seen: unknown[] = [];
    const rejected = db.put("a", 2).catch(async (error: unknown) => {
      seen.push((error as DatabaseError).code, db.get("a"), db.get("b"));
      seen.push(await db.put("a", 7));
    });
    const behind = db.put("b", 3).catch(() => seen.push("behind"));
    await gate.reached;
    gate.release();
    await Promise.all([rejected, behind]);
    lift();
    expect(seen).toContain("KV_NO_SPACE");
    expect(seen.slice(0, 3)).toEqual(["KV_NO_SPACE", 1, 1]);
    expect(seen).toContain(1);
    await expectAgreement(db, [
      ["a", 7],
      ["b", 1],
    ]);
  });

  test("the last commit of a transaction that only read is not waited for in vain", async () => {
    const { db, disk } = await onFaultyDisk();
    const lift = disk.fail({ call: "write", path: store }, "ENOSPC", { times: 1 });
    const put = db.put("a", 2);
    const reading = db.transaction((tx) => tx.get("a"));
    await refused("KV_NO_SPACE", () => put);
    await refused("KV_NO_SPACE", () => reading);
    lift();
    expect(await db.transaction((tx) => tx.get("a"))).toEqual({ offset: 0, result: 1 });
  });

  test("a failed datasync: the log is poisoned, writes fail, reads go on with what was acknowledged", async () => {
    const { db, disk } = await onFaultyDisk();
    const lift = disk.fail({ call: "datasync", path: store }, "EIO", { times: 1 });
    const writes = [db.put("a", 2), db.put("c", 2)];
    for (const outcome of await Promise.allSettled(writes)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "KV_FAILED" } });
    }
    const error = await refused("KV_FAILED", () => db.put("d", 1));
    expect(error.cause).toMatchObject({ name: "LogError", code: "LOG_FAILED" });
    await refused("KV_FAILED", () => db.sync());
    await refused("KV_FAILED", () => db.checkpoint());
    const acknowledged: [string, unknown][] = [
      ["a", 1],
      ["b", 1],
    ];
    expect(contents(db)).toEqual(acknowledged);
    expect(db.endOffset).toBe(1);
    lift();
    await letGo(db);
    // What had been written before the sync failed may be there; what was acknowledged is.
    const again = await openDatabase<number>(db.directory);
    expect(again.endOffset).toBeGreaterThanOrEqual(1);
    expect(again.has("a") && again.has("b")).toBe(true);
    expect(contents(await again.at({ offset: 0 }))).toEqual(acknowledged);
  });

  test("too much waiting is refused with KV_BUSY, and only that write", async () => {
    const directory = freshPath();
    const db = await openDatabase<string>(directory, { log: { maxPendingBytes: 10_000 } });
    const first = db.put("a", "x".repeat(6000));
    await refused("KV_BUSY", () => db.put("b", "y".repeat(6000)));
    expect(db.has("b")).toBe(false);
    expect(await first).toBe(0);
    expect([...db.keys()]).toEqual(["a"]);
    await turn();
    expect(await db.put("b", "y".repeat(6000))).toBe(1);
  });
});

describe("fault 66: what was rejected never reappears", () => {
  test("whichever writes fail, in whatever order, memory equals the log at every moment of rest", async () => {
    const write = fc.record({
      key: fc.constantFrom("a", "b", "c"),
      value: fc.option(fc.nat(99), { nil: undefined }),
    });
    const round = fc.record({
      writes: fc.array(write, { minLength: 1, maxLength: 6 }),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 8 }), async (rounds) => {
        const { db, disk } = await onFaultyDisk();
        const model = new Map<string, unknown>([
          ["a", 1],
          ["b", 1],
        ]);
        for (const { writes, fails } of rounds) {
          const lift = fails
            ? disk.fail({ call: "write", path: store }, "ENOSPC", { times: 1 })
            : () => undefined;
          const outcomes = await Promise.allSettled(
            writes.map(({ key, value }) =>
              value === undefined ? db.del(key) : db.put(key, value),
            ),
          );
          lift();
          for (const [i, { key, value }] of writes.entries()) {
            if (outcomes[i]?.status !== "fulfilled") continue;
            if (value === undefined) model.delete(key);
            else model.set(key, value);
          }
          expect(contents(db)).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
        }
        await expectAgreement(
          db,
          [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
        );
      }),
      { numRuns: 25 },
    );
  });
});
