// What is told on the diagnostics channels of log and database, and that listening, however badly, harms neither.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { databaseChannels } from "@tidemark/kv";
import { logChannels } from "@tidemark/wal";
import { expect, onTestFinished, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { freshPath, on, openDatabase, refused, reopen, temporaryDirectory } from "./fixture.js";

type Told = Map<string | symbol, unknown[]>;

/** Listens on all channels until the test ends. */
function listen(): Told {
  const told: Told = new Map();
  for (const channel of Object.values({ ...logChannels, ...databaseChannels })) {
    const hear = (message: unknown, name: string | symbol) => {
      told.set(name, [...(told.get(name) ?? []), message]);
    };
    channel.subscribe(hear);
    onTestFinished(() => channel.unsubscribe(hear));
  }
  return told;
}

const ms = expect.any(Number);

test("opening, commits, syncs and checkpoints are told with what they did", async () => {
  const told = listen();
  const database = await openDatabase();
  const { directory, recovery } = database;
  const log = `${directory}/log`;
  await Promise.all([database.put("a", 1), database.put("b", 2)]);
  await database.checkpoint();
  expect(told.get("tidemark:database:recovery")).toEqual([
    { directory, readOnly: false, recovery },
  ]);
  expect(told.get("tidemark:log:recovery")).toContainEqual({
    directory: log,
    readOnly: false,
    recovery: recovery.log,
  });
  const { bytesWritten } = database.stats().log;
  expect(told.get("tidemark:log:commit")).toEqual([
    {
      directory: log,
      records: 2,
      bytes: bytesWritten,
      endOffset: 2,
      durable: true,
      durationMs: ms,
    },
  ]);
  expect(told.get("tidemark:database:checkpoint")).toEqual([
    {
      directory,
      requested: true,
      error: undefined,
      report: expect.objectContaining({ commits: 2 }),
    },
  ]);
  const lazy = await openDatabase(freshPath(), { log: { durability: "os" } });
  await lazy.put("a", 1);
  expect(told.get("tidemark:log:commit")?.[1]).toMatchObject({ durable: false, durationMs: ms });
  await lazy.sync();
  expect(told.get("tidemark:log:sync")).toContainEqual({
    directory: `${lazy.directory}/log`,
    durableOffset: 1,
    durationMs: ms,
  });
  expect(lazy.stats().log.syncs).toBe(1);
});

test("rotation and retention are told", async () => {
  const told = listen();
  const database = await openDatabase(freshPath(), {
    log: { segmentBytes: 4096 },
    history: { maxBytes: 0 },
  });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 30; i++) await database.put("key", "x".repeat(500));
    await database.checkpoint();
  }
  await expect.poll(() => told.has("tidemark:database:retention")).toBe(true);
  expect(told.get("tidemark:log:rotation")?.[0]).toMatchObject({ segmentId: 2, waitMs: ms });
  expect(told.get("tidemark:log:retention")?.[0]).toMatchObject({
    directory: `${database.directory}/log`,
    startOffset: expect.any(Number),
    segments: expect.any(Number),
    bytes: expect.any(Number),
  });
  expect(told.get("tidemark:database:retention")?.[0]).toMatchObject({
    directory: database.directory,
    snapshots: expect.any(Number),
    durationMs: ms,
  });
});

test("the removal of what has expired is told and counted", async () => {
  const told = listen();
  const database = await openDatabase(freshPath(), { removeExpiredAfterMs: 1 });
  await database.batch(["a", "b"].map((key) => ({ type: "put", key, value: 1, ttl: 1 }) as const));
  await expect.poll(() => database.stats().expiredRemoved).toBe(2);
  const { directory } = database;
  expect(told.get("tidemark:database:expiry")).toEqual([{ directory, keys: 2, offset: 1 }]);
});

test("failures are told: of a checkpoint, and of the log", async () => {
  const told = listen();
  const disk = new FaultyDisk();
  const database = await openDatabase(freshPath(), on(disk));
  await database.put("a", 1);
  disk.fail({ call: ["datasync", "sync"], path: /snapshots/ }, "EIO", { times: 1 });
  const error = await refused("KV_IO", () => database.checkpoint());
  expect(told.get("tidemark:database:checkpoint")).toMatchObject([
    { requested: true, report: undefined, error: { code: error.code } },
  ]);
  expect(database.stats()).toMatchObject({ checkpoints: 0, checkpointFailures: 1 });
  disk.fail({ call: ["datasync", "sync"], path: /\.log$/ }, "EIO");
  await refused("KV_FAILED", () => database.put("b", 2));
  expect(told.get("tidemark:log:failure")).toMatchObject([{ failure: { code: "LOG_FAILED" } }]);
  expect(database.stats().log.recordsRejected).toBe(1);
});

test("stats say why history cannot be looked at, and all else", async () => {
  const disk = new FaultyDisk();
  const database = await openDatabase(freshPath(), on(disk));
  await database.put("a", 1);
  const lift = disk.fail({ call: "list", path: /snapshots/ }, "EIO");
  expect(database.stats()).toMatchObject({
    entries: 1,
    history: { first: undefined, failure: { code: "KV_IO" } },
  });
  lift();
  expect(database.stats().history).toEqual({
    first: 0,
    firstTime: database.getEntry("a")?.time,
    snapshots: 0,
    snapshotBytes: 0,
  });
});

test("subscribers that throw lose nothing", async () => {
  const directory = `${temporaryDirectory()}/db`;
  const script = fileURLToPath(new URL("throwing-subscribers.mjs", import.meta.url));
  const ran = spawnSync(process.execPath, [script, directory], { encoding: "utf8" });
  expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: "" });
  expect(Number(ran.stdout)).toBeGreaterThan(60);
  const database = await reopen(await openDatabase(directory));
  expect(database.recovery.log.torn).toBeUndefined();
  expect(database.size).toBe(60);
});
