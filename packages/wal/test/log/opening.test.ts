// Opening a log: what is made, what is refused before anything is touched, and what is reported.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Log, type LogOptions, type LogReport } from "@tidemark/wal";
import { describe, expect, onTestFinished, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendEach,
  closedLog,
  contentsIn,
  copyOf,
  expectNumbered,
  filesIn,
  killedLog,
  offsets,
  openKillable,
  openLog,
  openReader,
  payloadOf,
  readAll,
  refusal,
  storeNames,
  temporaryDirectory,
  until,
} from "./fixture.js";
import { batchesOf, manifestOf } from "./store-bytes.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("a new log", () => {
  test("is made with its directories, empty, with an id of its own", async () => {
    const directory = join(temporaryDirectory(), "a", "b", "c");
    const log = await openLog(directory);
    expect(log.recovery).toMatchObject({
      created: true,
      orderly: true,
      startOffset: 0,
      endOffset: 0,
      torn: undefined,
      removed: [],
      takenOver: undefined,
    });
    expect(log.id).toMatch(UUID);
    expect([log.startOffset, log.endOffset, log.durableOffset]).toEqual([0, 0, 0]);
    expect(log.ancestry).toBeUndefined();
    expect(log.directory).toBe(directory);
    expect([...log.records()]).toEqual([]);
    expect(log.offsetAt(Date.now())).toBe(0);
    const other = await openLog(temporaryDirectory());
    expect(other.id).not.toBe(log.id);
    await log.close();
    const again = await openLog(directory);
    expect(again.recovery.created).toBe(false);
    expect(again.id).toBe(log.id);
  });

  test("begins at its start offset, up to the last there is", async () => {
    const ancestry = { logId: "0b5c1f9e-8a34-4d27-9c6f-2e71d3a85b40", offset: 1000 };
    const log = await openLog(temporaryDirectory(), { startOffset: 1000, ancestry });
    expect([log.startOffset, log.endOffset, log.durableOffset]).toEqual([1000, 1000, 1000]);
    await appendEach(log, 80);
    await log.close();
    const again = await openLog(log.directory);
    expectNumbered(again, 1000, 1080);
    expect(again.ancestry).toEqual(ancestry);
    expect((await refusal(() => again.read(999))).code).toBe("LOG_OUT_OF_RANGE");
    expect((await openReader(log.directory)).ancestry).toEqual(ancestry);

    const full = await openLog(temporaryDirectory(), { startOffset: Number.MAX_SAFE_INTEGER - 1 });
    expect(await full.append(payloadOf(0))).toBe(Number.MAX_SAFE_INTEGER - 1);
    expect((await refusal(() => full.append(payloadOf(1)))).code).toBe("LOG_OUT_OF_RANGE");
    expect(full.endOffset).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("is not made where it is not wanted, and an old one is not opened where a new one is", async () => {
    const missing = join(temporaryDirectory(), "missing");
    const empty = temporaryDirectory();
    for (const directory of [missing, empty]) {
      const error = await refusal(() => openLog(directory, { createIfMissing: false }));
      expect(error.code).toBe("LOG_NOT_FOUND");
    }
    expect(existsSync(missing)).toBe(false);
    expect(readdirSync(empty)).toEqual([]);
    const old = await closedLog((log) => appendEach(log, 1));
    const before = filesIn(old);
    expect((await refusal(() => openLog(old, { errorIfExists: true }))).code).toBe("LOG_EXISTS");
    expect(filesIn(old)).toEqual(before);
    expectNumbered(await openLog(old, { createIfMissing: false }), 0, 1);
    await (await openLog(missing, { errorIfExists: true })).close();
  });

  test("is not made in a directory that is something else, which is not touched", async () => {
    for (const fill of [
      (directory: string) => writeFileSync(join(directory, "package.json"), "{}"),
      (directory: string) => mkdirSync(join(directory, "src")),
      (directory: string) =>
        writeFileSync(join(directory, "00000001.log"), "somebody's log file\n"),
    ]) {
      const directory = temporaryDirectory();
      fill(directory);
      const before = filesIn(directory);
      const error = await refusal(() => openLog(directory));
      expect(error.code).toBe("LOG_INVALID_ARGUMENT");
      expect(error.message).toContain("holds no log");
      expect(filesIn(directory)).toEqual(before);
      expect(existsSync(join(directory, "LOCK"))).toBe(false);
    }
  });
});

test("a second opener of the same process is refused by name, and the first goes on", async () => {
  const directory = temporaryDirectory();
  const log = await openLog(directory);
  const error = await refusal(() => Log.open(directory));
  expect(error.code).toBe("LOG_LOCKED");
  expect(error.message).toContain(String(process.pid));
  await appendEach(log, 3);
  await log.close();
  const [first, second] = await Promise.allSettled([Log.open(directory), Log.open(directory)]);
  expect([first.status, second.status].sort()).toEqual(["fulfilled", "rejected"]);
  for (const outcome of [first, second]) {
    if (outcome.status === "fulfilled") await outcome.value.close();
  }
});

test("a log is closed by await using", async () => {
  const directory = temporaryDirectory();
  {
    await using log = await Log.open(directory);
    await log.append(payloadOf(0));
  }
  expectNumbered(await openLog(directory), 0, 1);
});

test("a relative directory is the one that it was when the log was opened", async () => {
  const [here, elsewhere, before] = [temporaryDirectory(), temporaryDirectory(), process.cwd()];
  onTestFinished(() => process.chdir(before));
  mkdirSync(join(elsewhere, "log"));
  process.chdir(here);
  const log = await openLog("log");
  const reader = await openReader("log");
  process.chdir(elsewhere);
  await appendEach(log, 130);
  await log.truncateBefore(60);
  await log.truncateFrom(120);
  await reader.refresh();
  await log.close();
  expect(readdirSync(join(elsewhere, "log"))).toEqual([]);
  expectNumbered(await openLog(join(here, "log")), log.startOffset, 120);
});

describe("every option is checked, and nothing is made", () => {
  const SENSELESS: [string, unknown][] = [
    ["durability", "none"],
    ["durability", 1],
    ["syncIntervalMs", 0],
    ["syncIntervalMs", 2 ** 31],
    ["syncIntervalMs", "100"],
    ["segmentBytes", 4095],
    ["segmentBytes", 2 ** 31],
    ["segmentBytes", 5000.5],
    ["maxRecordBytes", 0],
    ["maxRecordBytes", 2 ** 31],
    ["maxPendingBytes", 0],
    ["maxPendingBytes", Number.POSITIVE_INFINITY],
    ["noteAfterMs", -1],
    ["noteAfterMs", Number.NaN],
    ["retention", null],
    ["retention", 5],
    ["retention", { maxBytes: -1 }],
    ["retention", { maxAgeMs: 0.5 }],
    ["retention", { maxAge: 5 }],
    ["readOnly", "yes"],
    ["createIfMissing", 1],
    ["errorIfExists", null],
    ["startOffset", -1],
    ["startOffset", 2 ** 53],
    ["ancestry", { logId: "no uuid", offset: 1 }],
    ["ancestry", { logId: "0B5C1F9E-8A34-4D27-9C6F-2E71D3A85B40", offset: 1 }],
    ["ancestry", { logId: "0b5c1f9e-8a34-4d27-9c6f-2e71d3a85b40" }],
    ["ancestry", "0b5c1f9e-8a34-4d27-9c6f-2e71d3a85b40"],
    ["onFailure", true],
    ["onReport", {}],
    ["clock", 5],
    ["fileSystem", {}],
    ["fileSystem", null],
    ["sync", true],
    ["segmentSize", 4096],
  ];

  test.each(SENSELESS)("%s: %j", async (name, value) => {
    const directory = join(temporaryDirectory(), "log");
    const error = await refusal(() => Log.open(directory, { [name]: value } as LogOptions));
    expect(error.code).toBe("LOG_INVALID_ARGUMENT");
    expect(error.message).toContain(name);
    expect(existsSync(directory)).toBe(false);
  });

  test("options that are no options, and directories that are no paths", async () => {
    for (const options of [null, 5, "readOnly", []]) {
      // @ts-expect-error: what a caller without types may pass
      const opening = () => Log.open(join(temporaryDirectory(), "log"), options);
      if (Array.isArray(options)) continue;
      expect((await refusal(opening)).code).toBe("LOG_INVALID_ARGUMENT");
    }
    for (const directory of [undefined, null, 5, "", {}, Buffer.from("log")]) {
      // @ts-expect-error: what a caller without types may pass
      expect((await refusal(() => Log.open(directory))).code).toBe("LOG_INVALID_ARGUMENT");
    }
  });

  test("of append, and its payloads", async () => {
    const log = await openLog(temporaryDirectory());
    const payload = new Uint8Array(3);
    for (const call of [
      // @ts-expect-error: what a caller without types may pass
      () => log.append("text"),
      // @ts-expect-error: what a caller without types may pass
      () => log.append(),
      // @ts-expect-error: what a caller without types may pass
      () => log.append(new Uint16Array(2)),
      // @ts-expect-error: what a caller without types may pass
      () => log.append(new ArrayBuffer(2)),
      // @ts-expect-error: what a caller without types may pass
      () => log.append(payload, { sync: 1 }),
      // @ts-expect-error: what a caller without types may pass
      () => log.append(payload, { durable: true }),
      // @ts-expect-error: what a caller without types may pass
      () => log.append(payload, null),
      () => log.appendBatch([]),
      // @ts-expect-error: what a caller without types may pass
      () => log.appendBatch(payload),
      // @ts-expect-error: what a caller without types may pass
      () => log.appendBatch([payload, "text"]),
      // @ts-expect-error: what a caller without types may pass
      () => log.appendBatch([payload, undefined]),
      // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
      () => log.appendBatch([payload, , payload] as Uint8Array[]),
      // @ts-expect-error: what a caller without types may pass
      () => log.offsetAt("yesterday"),
      () => log.offsetAt(Number.NaN),
      () => log.offsetAt(new Date(Number.NaN)),
      // @ts-expect-error: what a caller without types may pass
      () => log.read("0"),
      () => log.read(-1),
      () => log.read(0.5),
    ]) {
      expect((await refusal(call)).code).toBe("LOG_INVALID_ARGUMENT");
    }
    expect(log.endOffset).toBe(0);
    // Every kind of Uint8Array is taken, and only its own part of its memory.
    await log.append(Buffer.from("a Buffer"));
    await log.append(new Uint8Array(new SharedArrayBuffer(8), 2, 3));
    await log.append(Buffer.from("0123456789").subarray(3, 5));
    expect(readAll(log).map(({ payload }) => Buffer.from(payload).toString())).toEqual([
      "a Buffer",
      "\0\0\0",
      "34",
    ]);
  });
});

describe("the report of a recovery", () => {
  test("says what was proved and what was written again", async () => {
    const image = await killedLog((log) => appendEach(log, 10));
    const log = await openLog(image);
    const { recovery } = log;
    expect(recovery).toMatchObject({ created: false, orderly: false, endOffset: 10 });
    expect(recovery.provedOffset).toBe(9);
    expect(recovery.rewrittenBytes).toBe(80);
    expect(recovery.takenOver).toContain("pid");
    expect(recovery.durationMs).toBeGreaterThan(0);
    expect(log.durableOffset).toBe(10);
  });

  test("is quiet after a close in order, and after a close in order that wrote nothing", async () => {
    const directory = await closedLog((log) => appendEach(log, 70));
    const before = contentsIn(directory);
    for (let round = 0; round < 3; round++) {
      const log = await openLog(directory);
      expect(log.recovery).toMatchObject({
        orderly: true,
        provedOffset: 70,
        rewrittenBytes: 0,
        torn: undefined,
        removed: [],
        takenOver: undefined,
      });
      await log.close();
    }
    expect(contentsIn(directory)).toEqual(before);
  });

  test("of a log that was only written to the system says so, and makes it durable", async () => {
    const fileSystem = new FaultyFileSystem();
    // In one segment: sealing syncs, and may come before the kill or after it.
    const image = await killedLog((log) => appendEach(log, 40), { durability: "os" });
    const log = await openLog(image, { fileSystem });
    expect(log.recovery.provedOffset).toBe(0);
    expect(log.recovery.rewrittenBytes).toBe(40 * 80);
    expect(log.durableOffset).toBe(40);
    expect(fileSystem.count({ call: "sync", file: /\.log$/ })).toBeGreaterThan(0);
    expectNumbered(log, 0, 40);
  });
});

describe("retention", () => {
  test("by size keeps whole segments within the limit, the active one always", async () => {
    const log = await openLog(temporaryDirectory(), { retention: { maxBytes: 15_000 } });
    await appendEach(log, 400);
    // Looked at when a segment is full: what is written since comes on top.
    await until(() => log.stats().storeBytes <= 15_000 + 4096);
    expect(log.stats().segments).toBeGreaterThan(2);
    expect(log.stats().segmentsDropped).toBeGreaterThan(3);
    expectNumbered(log, log.startOffset, 400);
    await log.close();
    const again = await openLog(log.directory, { retention: { maxBytes: 0 } });
    await appendEach(again, 60);
    await until(() => again.stats().segments === 1);
    expectNumbered(again, again.startOffset, 460);
  });

  test("by age drops what is older, by the records' own times", async () => {
    let now = 1_000_000;
    const log = await openLog(temporaryDirectory(), {
      clock: () => now,
      retention: { maxAgeMs: 1000 },
    });
    await appendEach(log, 60);
    now += 900;
    await appendEach(log, 60);
    expect(log.startOffset).toBe(0);
    now += 200;
    // Nothing is written any more: it is looked at by time.
    await until(() => log.startOffset > 0);
    expect(log.startOffset).toBeLessThanOrEqual(60);
    expectNumbered(log, log.startOffset, 120);
  });

  test("that fails is reported, and harms nothing", async () => {
    const reports: LogReport[] = [];
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), {
      fileSystem,
      retention: { maxBytes: 8000 },
      onReport: (report) => reports.push(report),
    });
    await appendEach(log, 60);
    const fault = fileSystem.fail({ call: "unlink", file: /^\d+\.(log|idx)$/ }, "EIO", {
      times: 2,
    });
    await appendEach(log, 200);
    await until(() => fault.hits === 2);
    expect(reports.map(({ kind }) => kind)).toContain("drop");
    await appendEach(log, 100);
    await until(
      () => storeNames(log.directory).length === manifestOf(log.directory).segments.length,
    );
    expectNumbered(log, log.startOffset, 360);
  });
});

describe("offsetAt", () => {
  test("finds the first record at or after a time, in every segment and in every way to ask", async () => {
    let now = 1_000_000;
    const log = await openLog(temporaryDirectory(), { clock: () => now });
    for (const _ of offsets(0, 150)) {
      await appendEach(log, 1);
      now += 10;
    }
    const times = readAll(log).map(({ time }) => time);
    expect(times).toEqual(offsets(0, 150).map((offset) => 1_000_000 + 10 * offset));
    const check = (log: Log) => {
      for (const [offset, time] of times.entries()) {
        expect(log.offsetAt(time)).toBe(offset);
        expect(log.offsetAt(time - 5)).toBe(offset);
        expect(log.offsetAt(time - 0.5)).toBe(offset);
        expect(log.offsetAt(new Date(time - 9))).toBe(offset);
      }
      expect(log.offsetAt(0)).toBe(0);
      expect(log.offsetAt(-1e9)).toBe(0);
      expect(log.offsetAt(now)).toBe(150);
      expect(log.offsetAt(1e300)).toBe(150);
    };
    check(log);
    await log.close();
    check(await openLog(log.directory));
    const reader = await openReader(log.directory);
    check(reader);
  });

  test("counts from the start that is left", async () => {
    let now = 1_000_000;
    const log = await openLog(temporaryDirectory(), { clock: () => now++ });
    await appendEach(log, 200);
    await log.truncateBefore(150);
    expect(log.offsetAt(0)).toBe(log.startOffset);
    expect(log.offsetAt(log.read(180).time)).toBe(180);
    await log.truncateFrom(log.startOffset);
    expect(log.offsetAt(0)).toBe(log.endOffset);
  });
});

test("notes come when the log is idle, once, and say what is durable", async () => {
  const log = await openKillable(temporaryDirectory(), { noteAfterMs: 2 });
  const store = join(log.directory, "00000001.log");
  await appendEach(log, 5);
  await until(() => batchesOf(store).at(-1)?.header.count === 0);
  expect(batchesOf(store).at(-1)?.header).toMatchObject({ firstOffset: 5, durableOffset: 5 });
  const { length } = batchesOf(store);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(batchesOf(store)).toHaveLength(length);
  await appendEach(log, 1);
  await until(() => batchesOf(store).length === length + 2);
  expect([log.endOffset, log.acknowledgedOffset]).toEqual([6, 6]);
  await log.close();
  expectNumbered(await openLog(log.directory), 0, 6);
});

test("stats count what was written, and cost nothing on disk", async () => {
  const fileSystem = new FaultyFileSystem();
  const log = await openLog(temporaryDirectory(), { fileSystem });
  await appendEach(log, 100);
  const { calls } = fileSystem;
  const before = calls.length;
  const stats = log.stats();
  expect(calls.length).toBe(before);
  expect(stats).toMatchObject({
    recordsWritten: 100,
    commits: 100,
    durableCommits: 100,
    bytesWritten: 8000,
    startOffset: 0,
    endOffset: 100,
    durableOffset: 100,
    pendingBytes: 0,
    rotations: 1,
    groupRecords: { mean: 1, max: 1 },
  });
  expect(stats.commitTimes.count).toBe(100);
  expect(stats.commitTimes.p50Ms).toBeLessThanOrEqual(stats.commitTimes.p99Ms);
  expect(stats.commitTimes.p99Ms).toBeLessThanOrEqual(stats.commitTimes.maxMs);
});

test("a copied log at rest is the same log", async () => {
  const directory = await closedLog((log) => appendEach(log, 130));
  const [first, second] = [await openLog(directory), await openLog(copyOf(directory))];
  expect(second.id).toBe(first.id);
  expect(readAll(second)).toEqual(readAll(first));
});
