// The database over a log that is no files: the small interface of commit-log.ts is all that it needs of one.

import { SimulatedDisk } from "@tidemark/wal/testing";
import { expect, test } from "vitest";
import { stringKeys } from "../src/arguments/keys.js";
import { Database } from "../src/database.js";
import { openDatabase } from "../src/open-database.js";
import { type DatabaseOptions, resolveOptions } from "../src/options.js";
import { contents } from "./fixture.js";
import { MemoryLog } from "./memory-log.js";

interface Ground {
  readonly disk: SimulatedDisk;
  readonly log: MemoryLog;
  readonly time: { now: number };
}

function ground(): Ground {
  const time = { now: 1000 };
  return { disk: new SimulatedDisk(), log: new MemoryLog(() => time.now), time };
}

/** A database whose snapshot files are on the disk and whose commits are in the log. */
async function openOver(
  { disk, log, time }: Ground,
  options: Pick<DatabaseOptions, "history" | "checkpointBytes"> = {},
): Promise<Database<unknown>> {
  const own = { fileSystem: disk, clock: () => time.now };
  const resolved = resolveOptions({ ...options, log: own });
  const opened = await openDatabase("/db", resolved, () => Promise.resolve(log.reopen()));
  return new Database(opened, resolved, stringKeys);
}

test("writes, transactions and what they read back", async () => {
  const database = await openOver(ground());
  expect(await database.put("a", 1)).toBe(0);
  expect(
    await database.batch([
      { type: "put", key: "b", value: 2 },
      { type: "del", key: "a" },
    ]),
  ).toBe(1);
  const { result, offset } = await database.transaction((tx) => {
    tx.put("c", 3);
    return [...tx.keys()];
  });
  expect({ result, offset }).toEqual({ result: ["b", "c"], offset: 2 });
  expect(await database.clear({ gte: "c" })).toBe(3);
  expect(contents(database)).toEqual([["b", 2]]);
  expect(database.durableOffset).toBe(4);
  expect(await database.sync()).toBe(4);
});

test("the past, by offset, time and mark, and the way back to it", async () => {
  const here = ground();
  const database = await openOver(here);
  for (let n = 0; n < 10; n++) {
    here.time.now += 10;
    await database.put("n", n);
  }
  await database.mark("ten");
  await database.put("n", 99);
  expect((await database.at({ offset: 3 })).get("n")).toBe(3);
  expect((await database.at({ time: 1055 })).get("n")).toBe(4);
  expect((await database.at({ mark: "ten" })).get("n")).toBe(9);
  const versions: unknown[] = [];
  for await (const { offset } of database.history("n")) versions.push(offset);
  expect(versions).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
  await database.rewind({ mark: "ten" });
  expect(database.get("n")).toBe(9);
});

test("the feed of changes, from an offset on and then as they come", async () => {
  const here = ground();
  const database = await openOver(here);
  for (let n = 0; n < 3; n++) await database.put("n", n);
  const seen: number[] = [];
  for await (const change of database.changes({ since: 0 })) {
    expect(change.logId).toBe(here.log.id);
    seen.push(change.offset);
    if (seen.length === 2) void database.put("n", 3);
    if (seen.length === 3) break;
  }
  expect(seen).toEqual([1, 2, 3]);
  await database.close();
  await expect(database.put("n", 4)).rejects.toMatchObject({ code: "KV_CLOSED" });
});

test("checkpoints, opening again from them, and history that is cut", async () => {
  const here = ground();
  const limits = { history: { maxBytes: 200 }, checkpointBytes: Number.POSITIVE_INFINITY };
  let database = await openOver(here, limits);
  for (let n = 0; n < 60; n++) {
    here.time.now += 1;
    await database.put(`key ${n % 7}`, `value ${n}`);
    if (n % 20 === 19) await database.checkpoint();
  }
  await expect.poll(() => here.log.startOffset).toBeGreaterThan(0);
  const before = contents(database);
  await database.close();
  database = await openOver(here, limits);
  expect(database.recovery.snapshot).toContain("60.snapshot");
  expect(contents(database)).toEqual(before);
  await expect(database.at({ offset: 0 })).rejects.toMatchObject({
    code: "KV_TARGET_OUT_OF_RANGE",
    reachable: { last: 59 },
  });
  expect(await database.put("more", 1)).toBe(60);
});

test("marks, differences and expiry, across checkpoints and openings", async () => {
  const here = ground();
  let database = await openOver(here);
  await database.put("kept", 1);
  await database.put("short", 1, { ttl: 50 });
  await database.mark("both");
  await database.checkpoint();
  here.time.now += 50;
  await database.put("kept", 2);
  await database.close();
  database = await openOver(here);
  expect(database.marks()).toEqual([{ name: "both", offset: 2, time: 1000 }]);
  expect(contents(database)).toEqual([["kept", 2]]);
  expect(contents(await database.at({ mark: "both" }))).toEqual([
    ["kept", 1],
    ["short", 1],
  ]);
  const differing: unknown[] = [];
  for await (const { key, before, after } of database.diff({ mark: "both" }, { offset: 3 })) {
    differing.push([key, before?.value, after?.value]);
  }
  expect(differing).toEqual([
    ["kept", 1, 2],
    ["short", 1, undefined],
  ]);
  // What has expired does not come back.
  expect(await database.rewind({ mark: "both" })).toBeGreaterThan(3);
  expect(contents(database)).toEqual([["kept", 1]]);
});

test("what the log rejects is undone", async () => {
  const here = ground();
  const database = await openOver(here);
  await database.put("kept", 1);
  const writes = [database.put("kept", 2), database.put("new", 3)];
  expect(database.get("new")).toBe(3);
  here.log.full = true;
  for (const { status } of await Promise.allSettled(writes)) expect(status).toBe("rejected");
  expect(contents(database)).toEqual([["kept", 1]]);
  here.log.full = false;
  expect(await database.put("kept", 4)).toBe(1);
});
