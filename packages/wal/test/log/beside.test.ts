// Reading beside a writer: what is proved durable, never damage that is none, nothing changed on disk.

import { copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Log, nodeFileSystem } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  activeName,
  appendBatchOf,
  appendEach,
  closedLog,
  expectNumbered,
  filesIn,
  killedLog,
  killImage,
  numberOf,
  offsets,
  openKillable,
  openLog,
  openReader,
  payloadOf,
  readAll,
  refusal,
  temporaryDirectory,
  until,
} from "./fixture.js";
import {
  batchBytes,
  batchesOf,
  bytesOf,
  endOfBatches,
  headerOf,
  manifestOf,
  patch,
  pick,
} from "./store-bytes.js";

test("a reader sees what a later batch or a note states to be durable, and refreshes", async () => {
  const directory = temporaryDirectory();
  const log = await openLog(directory, { noteAfterMs: 1 });
  await appendEach(log, 10);
  const reader = await openReader(directory);
  // The last record's own batch was written before it was durable; a note states it soon.
  while ((await reader.refresh()) < 10) await new Promise(setImmediate);
  expectNumbered(reader, 0, 10);
  expect(reader.durableOffset).toBe(10);
  await appendEach(log, 200);
  while ((await reader.refresh()) < 210) await new Promise(setImmediate);
  expectNumbered(reader, 0, 210);
  expect(reader.offsetAt(log.read(77).time)).toBe(log.offsetAt(log.read(77).time));
});

test("a reader does not see what is not durable, nor what a rejection cuts back", async () => {
  const fileSystem = new FaultyFileSystem();
  const directory = temporaryDirectory();
  const log = await openLog(directory, { fileSystem });
  await appendEach(log, 10);
  const gate = fileSystem.hold({ call: "datasync" });
  const appended = Promise.all([log.append(payloadOf(10)), log.append(payloadOf(11))]);
  await gate.reached;
  const reader = await openReader(directory);
  const shown = reader.endOffset;
  gate.release();
  expect(shown).toBeLessThanOrEqual(10);
  expectNumbered(reader, 0, shown);
  await appended;
  await appendEach(log, 1);
  await reader.refresh();
  expectNumbered(reader, 0, 12);
});

describe("a reader that is told a durable offset", () => {
  test("sees what is below it at once, where the log states nothing yet, and nothing above", async () => {
    const fileSystem = new FaultyFileSystem();
    const directory = temporaryDirectory();
    const log = await openLog(directory, { fileSystem, noteAfterMs: 0 });
    await appendEach(log, 10);
    const durableOffset = await log.sync();
    const gate = fileSystem.hold({ call: "datasync" });
    const waiting = log.append(payloadOf(10));
    await gate.reached;
    const untold = await openReader(directory);
    const reader = await openReader(directory, { durableOffset: 10 });
    const shown = [untold.endOffset, reader.endOffset, reader.durableOffset];
    expect(await reader.refresh()).toBe(10);
    gate.release();
    await waiting;
    expect(durableOffset).toBe(10);
    // The record above was written behind a batch that states all before it.
    expect(shown).toEqual([10, 10, 10]);
    expectNumbered(reader, 0, 10);
  });

  test("sees the last record of an idle writer that makes no notes", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, { noteAfterMs: 0 });
    await appendEach(log, 10);
    expect((await openReader(directory)).endOffset).toBeLessThan(10);
    const reader = await openReader(directory, { durableOffset: 10 });
    expectNumbered(reader, 0, 10);
    expect(reader.durableOffset).toBe(10);
  });

  test("refuses a log without those records, beside a writer and at rest", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await appendEach(log, 10);
    const open = () => openReader(directory, { durableOffset: 11 });
    expect(await refusal(open)).toMatchObject({ code: "LOG_CORRUPT", offset: 10 });
    await log.close();
    expect(await refusal(open)).toMatchObject({ code: "LOG_CORRUPT", offset: 10 });
    expectNumbered(await openReader(directory, { durableOffset: 10 }), 0, 10);
  });

  test("is read-only", async () => {
    const open = () => openLog(temporaryDirectory(), { durableOffset: 0 });
    expect((await refusal(open)).code).toBe("LOG_INVALID_ARGUMENT");
  });
});

test("a reader of a log at rest sees all of it, and what a writer adds later", async () => {
  const directory = await closedLog((log) => appendEach(log, 70));
  const reader = await openReader(directory);
  expectNumbered(reader, 0, 70);
  expect(reader.recovery).toMatchObject({ orderly: true, created: false, torn: undefined });
  const log = await openLog(directory);
  await appendEach(log, 100);
  await log.close();
  expect(await reader.refresh()).toBe(170);
  expectNumbered(reader, 0, 170);
});

test("a reader changes nothing, holds no lock, and leaves nothing open", async () => {
  for (const leave of [closedLog, killedLog]) {
    const directory = await leave((log) => appendEach(log, 130));
    const before = filesIn(directory);
    const fileSystem = new FaultyFileSystem();
    const reader = await openReader(directory, { fileSystem });
    readAll(reader);
    await reader.refresh();
    expect(fileSystem.changes).toBe(0);
    expect(fileSystem.count({ call: ["lock", "datasync", "sync", "syncDirectory"] })).toBe(0);
    expect(filesIn(directory)).toEqual(before);
    const log = await openLog(directory);
    await log.close();
    await reader.close();
    expect(fileSystem.leftOpen).toEqual([]);
  }
});

test("what a recovery made durable is stated for readers, without another append", async () => {
  const image = await killedLog((log) => appendEach(log, 10));
  const log = await openLog(image, { noteAfterMs: 5 });
  expect(log.recovery.provedOffset).toBe(9);
  const reader = await openReader(image);
  for await (const { offset } of reader.follow()) if (offset === 9) break;
  expectNumbered(reader, 0, 10);
});

describe("a half-written batch beside a live writer", () => {
  test.each([
    { what: "a header cut short", cut: 20 },
    { what: "a header without its body", cut: 48 },
    { what: "a body cut short", cut: 60 },
  ])("is neither shown nor damage: $what", async ({ cut }) => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await appendEach(log, 90);
    // The next segment is prepared, so the batch is not at the end of all bytes.
    await until(() => manifestOf(directory).segments.at(-1)?.id === 3);
    const store = join(directory, "00000002.log");
    const reader = await openReader(directory);
    const { marker, createdAt } = headerOf(store);
    const fields = { firstOffset: 90, time: createdAt + 10_000, durableOffset: 90 };
    const batch = batchBytes(marker, fields, [payloadOf(90)]);
    const position = endOfBatches(store);
    patch(store, position, batch.subarray(0, cut));
    const fresh = await openReader(directory);
    await reader.refresh();
    for (const beside of [reader, fresh]) {
      // The last record is proved by a manifest, if one was written behind it.
      expect([89, 90]).toContain(beside.endOffset);
      expectNumbered(beside, 0, beside.endOffset);
      expect(beside.offsetAt(0)).toBe(0);
    }
    // The rest arrives.
    patch(store, position, batch);
    for (const beside of [reader, fresh]) {
      expect(await beside.refresh()).toBe(90);
      expectNumbered(beside, 0, 90);
      await beside.close();
    }
    patch(store, position, new Uint8Array(batch.length));
    await appendEach(log, 100);
    expectNumbered(log, 0, 190);
  });
});

test("a directory that changes between two looks is looked at again, and is no damage", async () => {
  const log = await openKillable(temporaryDirectory());
  await appendEach(log, 60);
  const directory = await liveImage(log);
  let next: string | undefined;
  const fileSystem = {
    ...nodeFileSystem,
    listSync: (path: string) => {
      // The writer goes on right after the reader has read its manifest.
      if (next !== undefined) become(directory, next);
      next = undefined;
      return nodeFileSystem.listSync(path);
    },
  };
  const reader = await openReader(directory, { fileSystem });
  await appendEach(log, 120);
  become(directory, await liveImage(log));
  await log.truncateBefore(100);
  next = await liveImage(log);
  await reader.refresh();
  expect(next).toBeUndefined();
  expect(reader.startOffset).toBe(log.startOffset);
  expectNumbered(reader, log.startOffset, reader.endOffset);
});

describe("retention by the writer", () => {
  test("ends what a reader reads there with LOG_TRUNCATED, before and after it refreshes", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, { noteAfterMs: 1 });
    await appendEach(log, 200);
    const reader = await openReader(directory);
    const begun = reader.records();
    begun.next();
    const unbegun = reader.records();
    await log.truncateBefore(150);
    // Its files are gone, which the reader does not know yet.
    expect((await refusal(() => reader.read(60))).code).toMatch(/^LOG_(TRUNCATED|OUT_OF_RANGE)$/);
    expect((await refusal(() => [...unbegun])).code).toBe("LOG_TRUNCATED");
    expect((await refusal(() => [...reader.records({ from: 60 })])).code).toBe("LOG_TRUNCATED");
    await reader.refresh();
    expect(reader.startOffset).toBe(log.startOffset);
    expect((await refusal(() => [...begun])).code).toBe("LOG_TRUNCATED");
    expect((await refusal(() => reader.read(60))).code).toBe("LOG_OUT_OF_RANGE");
    expectNumbered(reader, log.startOffset, reader.endOffset);
  });

  test("does not pull away a segment while the reader is in it", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await appendEach(log, 200);
    const reader = await openReader(directory);
    const seen: number[] = [];
    const error = await refusal(async () => {
      for (const { offset, payload } of reader.records()) {
        expect(numberOf(payload)).toBe(offset);
        seen.push(offset);
        if (offset === 3) await log.truncateBefore(140);
      }
    });
    expect(error.code).toBe("LOG_TRUNCATED");
    expect(seen).toEqual(offsets(0, seen.length));
    expect(seen.length).toBeGreaterThan(3);
  });
});

describe("a truncation by the writer", () => {
  test("is taken in by the next refresh: what was cut is gone, and never comes back", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, { noteAfterMs: 1 });
    await appendEach(log, 130);
    const reader = await openReader(directory);
    while ((await reader.refresh()) < 130) await new Promise(setImmediate);
    const begun = reader.records({ from: 100 });
    begun.next();
    await log.truncateFrom(70);
    expect(await reader.refresh()).toBe(70);
    expect((await refusal(() => [...begun])).code).toBe("LOG_TRUNCATED");
    expectNumbered(reader, 0, 70);
    await log.appendBatch(offsets(0, 20).map((n) => payloadOf(500 + n)));
    while ((await reader.refresh()) < 90) await new Promise(setImmediate);
    const numbers = readAll(reader).map(({ payload }) => numberOf(payload));
    expect(numbers).toEqual([...offsets(0, 70), ...offsets(500, 520)]);
  });

  test("of everything, several times between two refreshes, is taken in too", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await appendEach(log, 130);
    const reader = await openReader(directory);
    for (let round = 0; round < 5; round++) {
      await log.truncateFrom(round);
      await appendEach(log, 60 + round);
    }
    await log.sync();
    await reader.refresh();
    expectNumbered(reader, 0, reader.endOffset);
    expect(reader.endOffset).toBeLessThanOrEqual(log.endOffset);
    expect(reader.endOffset).toBeGreaterThan(60);
  });

  test("ends a follower of the reader that had read further with LOG_TRUNCATED", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, { noteAfterMs: 1 });
    await appendEach(log, 80);
    const reader = await openReader(directory);
    const follower = reader.follow();
    for (let n = 0; n < 80; n++) await follower.next();
    const next = refusal(() => follower.next());
    await log.truncateFrom(40);
    expect((await next).code).toBe("LOG_TRUNCATED");
  });
});

test("a writer that died and one that took over leave a reader what they had in common", async () => {
  const image = await killedLog((log) => appendEach(log, 60));
  const active = join(image, activeName(image));
  const last = pick(batchesOf(active), -1);
  patch(active, last.end, bytesOf(active, last.position, last.position + 30));
  const reader = await openReader(image);
  expectNumbered(reader, 0, 60);
  expect(reader.recovery.torn).toMatchObject({ offset: 60, trimmed: [] });
  const log = await openLog(image);
  expect(log.recovery.torn?.trimmed).toHaveLength(1);
  await appendEach(log, 30);
  await appendBatchOf(log, 3);
  await log.close();
  await reader.refresh();
  expectNumbered(reader, 0, 93);
});

describe("a reader of what is no whole log", () => {
  test("finds a new log empty, also in the moment of its creation", async () => {
    const directory = temporaryDirectory();
    const fileSystem = new FaultyFileSystem();
    const gate = fileSystem.hold({ call: "create", file: /^00000001\.log/ });
    const opening = openLog(directory, { fileSystem });
    await gate.reached;
    const early = await openReader(directory);
    expect([...early.records()]).toEqual([]);
    expect((await refusal(() => early.read(0))).code).toBe("LOG_OUT_OF_RANGE");
    gate.release();
    const log = await opening;
    await appendEach(log, 2);
    await log.sync();
    await appendEach(log, 1);
    await early.refresh();
    expect(early.endOffset).toBeGreaterThanOrEqual(2);
    expectNumbered(early, 0, early.endOffset);
  });

  test("refuses an empty directory and a missing one, and makes neither", async () => {
    const parent = temporaryDirectory();
    expect((await refusal(() => openReader(parent))).code).toBe("LOG_NOT_FOUND");
    expect((await refusal(() => openReader(join(parent, "none")))).code).toBe("LOG_NOT_FOUND");
    expect([...filesIn(parent)]).toEqual([]);
  });

  test("says so when the log is taken away under it", async () => {
    const directory = await closedLog((log) => appendEach(log, 10));
    const reader = await openReader(directory);
    rmSync(join(directory, "MANIFEST"));
    expect((await refusal(() => reader.refresh())).code).toBe("LOG_CORRUPT");
  });
});

test("only a read-only log refreshes", async () => {
  const log = await openLog(temporaryDirectory());
  expect((await refusal(() => log.refresh())).code).toBe("LOG_INVALID_ARGUMENT");
});

test("options that ask for a change make no sense with readOnly", async () => {
  const directory = await closedLog((log) => appendEach(log, 1));
  for (const options of [
    { createIfMissing: true },
    { errorIfExists: true },
    { retention: { maxBytes: 1 } },
    { startOffset: 3 },
    { ancestry: { logId: "0b5c1f9e-8a34-4d27-9c6f-2e71d3a85b40", offset: 1 } },
  ]) {
    const error = await refusal(() => Log.open(directory, { readOnly: true, ...options }));
    expect(error.code).toBe("LOG_INVALID_ARGUMENT");
  }
});

/** A copy of a log's directory whose writer seems to be at work: this process. */
async function liveImage(log: Log): Promise<string> {
  const image = await killImage(log);
  copyFileSync(join(log.directory, "LOCK"), join(image, "LOCK"));
  return image;
}

/** Makes a directory what another one is. */
function become(directory: string, other: string): void {
  for (const name of readdirSync(directory)) {
    if (!existsSync(join(other, name))) rmSync(join(directory, name));
  }
  for (const name of readdirSync(other)) copyFileSync(join(other, name), join(directory, name));
}
