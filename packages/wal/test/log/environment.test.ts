// A disk that is full, slow, failing or gone: typed errors, and no half state.

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type Log, LogError, type LogOptions } from "@tidemark/wal";
import { describe, expect, onTestFinished, test } from "vitest";
import { smallDisk } from "../file-system/temporary.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendBatchOf,
  appendEach,
  appendTogether,
  closedLog,
  contentsIn,
  copyOf,
  expectNumbered,
  filesIn,
  killedLog,
  killImage,
  letGo,
  numberOf,
  offsets,
  openKillable,
  openLog,
  openReader,
  payloadOf,
  refusal,
  temporaryDirectory,
  until,
} from "./fixture.js";
import { batchesOf, endOfBatches, manifestOf, patch, pick } from "./store-bytes.js";

const STORE = "00000001.log";

/** Bytes of a payload, of which 25 fill a segment. */
const LARGE = 108;

/** Appends one by one; what is acknowledged has its number in it, what is refused is collected. */
async function appendWhatGoes(log: Log, count: number, length?: number): Promise<LogError[]> {
  const refused: LogError[] = [];
  for (let index = 0; index < count; index++) {
    try {
      await log.append(payloadOf(log.endOffset, length));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      refused.push(error);
    }
  }
  return refused;
}

/** The log goes on from where it is, and both a kill and a close leave all of it. */
async function expectSound(log: Log): Promise<void> {
  const { directory } = log;
  expect(log.endOffset).toBe(log.acknowledgedOffset);
  await appendEach(log, 3);
  expectNumbered(log, 0, log.endOffset);
  const killed = await openLog(await killImage(log));
  expectNumbered(killed, 0, log.endOffset);
  expect(killed.recovery.torn).toBeUndefined();
  await killed.close();
  await log.close();
  const again = await openKillable(directory);
  expect(again.recovery.orderly).toBe(true);
  expectNumbered(again, 0, log.endOffset);
  await again.close();
}

describe("fault 41: no space", () => {
  const DURABILITIES: LogOptions[] = [{ durability: "commit" }, { durability: "os" }];

  test.each(DURABILITIES)(
    "at any write rejects that group alone, and appends work again when there is space: $durability",
    async ({ durability = "commit" }) => {
      for (let after = 0; ; after += 1) {
        const how = after % 2 === (durability === "commit" ? 0 : 1) ? "half" : "undone";
        const fileSystem = new FaultyFileSystem();
        const log = await openLog(temporaryDirectory(), { fileSystem, durability });
        await appendEach(log, 2);
        const fault = fileSystem.fail({ call: "write" }, "ENOSPC", { after, times: 1, how });
        const refused = await appendWhatGoes(log, 30, LARGE);
        fault.lift();
        for (const error of refused) expect(error.code).toBe("LOG_NO_SPACE");
        expect(refused.length).toBeLessThanOrEqual(1);
        expect(log.failure).toBeUndefined();
        expect(log.endOffset).toBe(32 - refused.length);
        await expectSound(log);
        if (fault.hits === 0) break;
      }
    },
  );

  test.each(["create", "sync", "truncate", "rename", "syncDirectory"] as const)(
    "or another error at any %s leaves a log that is sound, or one that has failed for good",
    async (call) => {
      for (let after = 0; ; after += 1) {
        const fileSystem = new FaultyFileSystem();
        const directory = temporaryDirectory();
        const log = await openLog(directory, { fileSystem });
        await appendEach(log, 2);
        const fault = fileSystem.fail({ call }, "ENOSPC", { after, times: 1 });
        const refused = await appendWhatGoes(log, 60, LARGE);
        fault.lift();
        // What is at work in the background has heard of its failure then.
        await setImmediate();
        const acknowledged = log.acknowledgedOffset;
        expect(acknowledged).toBe(62 - refused.length);
        for (const { code } of refused) expect(["LOG_NO_SPACE", "LOG_FAILED"]).toContain(code);
        expectNumbered(log, 0, acknowledged);
        if (log.failure === undefined) await expectSound(log);
        else {
          expect(await refusal(() => log.append(payloadOf(0)))).toBe(log.failure);
          await letGo(log);
          const again = await openKillable(directory);
          expectNumbered(again, 0, acknowledged);
          await expectSound(again);
        }
        if (fault.hits === 0) break;
      }
    },
  );

  test("that lasts rejects every append, keeps reads going, and loses nothing", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem });
    await appendEach(log, 10);
    const fault = fileSystem.fail({ call: ["write", "create"] }, "ENOSPC", { how: "half" });
    const refused = await appendWhatGoes(log, 20);
    expect(refused.map(({ code }) => code)).toEqual(Array(20).fill("LOG_NO_SPACE"));
    expectNumbered(log, 0, 10);
    expect(log.endOffset).toBe(10);
    fault.lift();
    await expectSound(log);
  });

  test("while opening is refused, and opening works again", async () => {
    const image = await killedLog((log) => appendEach(log, 60));
    const store = join(image, "00000002.log");
    patch(store, endOfBatches(store), Buffer.from("torn"));
    for (const make of [() => copyOf(image), temporaryDirectory]) {
      for (const how of ["undone", "half"] as const) {
        for (let after = 0; ; after += 1) {
          const directory = make();
          const fileSystem = new FaultyFileSystem();
          const call = ["write", "create", "sync"] as const;
          const fault = fileSystem.fail({ call }, "ENOSPC", { after, times: 1, how });
          let log: Log;
          try {
            log = await openLog(directory, { fileSystem });
          } catch (error) {
            expect(error).toMatchObject({ name: "LogError", code: "LOG_NO_SPACE" });
            expect(fileSystem.leftOpen).toEqual([]);
            log = await openLog(directory, { fileSystem });
          }
          fault.lift();
          expectNumbered(log, 0, make === temporaryDirectory ? 0 : 60);
          await expectSound(log);
          if (fault.hits === 0) break;
        }
      }
    }
  });

  test("leaves room for retention: the prepared segment gives its zeros back", async () => {
    const fileSystem = new FaultyFileSystem();
    const directory = temporaryDirectory();
    const log = await openLog(directory, { fileSystem });
    await appendEach(log, 90);
    await until(() => manifestOf(directory).segments.at(-1)?.id === 3);
    const prepared = join(directory, "00000003.log");
    const fault = fileSystem.fail({ call: "write", file: /^\d+\.log$/ }, "ENOSPC", { how: "half" });
    expect(await appendWhatGoes(log, 1)).toHaveLength(1);
    expect(endOfBatches(prepared)).toBe(64);
    expect(contentsIn(directory).get(prepared.slice(directory.length + 1))?.length).toBe(64);
    await log.truncateBefore(60);
    expect(log.startOffset).toBeGreaterThan(0);
    fault.lift();
    await appendEach(log, 100);
    expectNumbered(log, log.startOffset, 190);
  });

  test("while zeros are written ahead is no append's failure", async () => {
    const reports: string[] = [];
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), {
      fileSystem,
      segmentBytes: 4 * 2 ** 20,
      onReport: ({ kind }) => reports.push(kind),
    });
    // The first step of zeros was a MiB: the next is due when half of that is used up.
    await appendEach(log, 5, 100_000);
    fileSystem.fail({ call: "write" }, "ENOSPC", { times: 1 });
    await appendEach(log, 5, 100_000);
    expect(reports).toEqual(["extend"]);
    await expectSound(log);
  });
});

test.for(["commit", "os"] as const)(
  "fault 41: a disk that is really full takes no more, gives back what retention drops, and loses nothing: %s",
  async (durability, { skip }) => {
    const disk = smallDisk(300_000);
    if (disk === undefined) return skip("this user may not mount a small disk");
    const directory = join(disk, "log");
    const options = { durability, segmentBytes: 16_384 };
    let log = await openLog(directory, options);
    for (let round = 0; round < 4; round++) {
      const refused: LogError[] = [];
      while (refused.length < 5) refused.push(...(await appendWhatGoes(log, 1, 500 + 700 * round)));
      for (const { code } of refused) expect(code).toBe("LOG_NO_SPACE");
      expect(log.failure).toBeUndefined();
      expectNumbered(log, log.startOffset, log.endOffset);
      if (round === 2) {
        // Closed and opened on the full disk.
        const { startOffset, endOffset } = log;
        await log.close();
        log = await openLog(directory, options);
        expectNumbered(log, startOffset, endOffset);
      }
      const middle = Math.floor((log.startOffset + log.endOffset) / 2);
      const { startOffset } = log;
      await log.truncateBefore(middle);
      expect(log.startOffset).toBeGreaterThan(startOffset);
      await appendEach(log, 20);
      expectNumbered(log, log.startOffset, log.endOffset);
    }
    const { startOffset, endOffset } = log;
    await log.close();
    expectNumbered(await openLog(directory, options), startOffset, endOffset);
  },
);

test("fault 42: short writes are gone on with until all is written", async () => {
  for (const writeBytesMax of [1, 7, 60]) {
    for (const durability of ["commit", "os"] as const) {
      const fileSystem = new FaultyFileSystem();
      fileSystem.writeBytesMax = writeBytesMax;
      const log = await openLog(temporaryDirectory(), { fileSystem, durability });
      await appendTogether(log, 30);
      await appendBatchOf(log, 5, 300);
      await appendEach(log, 40);
      await log.truncateFrom(70);
      await expectSound(log);
    }
  }
});

describe("fault 43: a failed sync of a commit", () => {
  async function poisoned() {
    const fileSystem = new FaultyFileSystem();
    const directory = temporaryDirectory();
    const told: LogError[] = [];
    const log = await openLog(directory, {
      fileSystem,
      onFailure: (failure) => told.push(failure),
    });
    await appendEach(log, 10);
    const gate = fileSystem.hold({ call: "datasync" });
    const fault = fileSystem.fail({ call: "datasync" }, "EIO", { times: 1 });
    const first = log.append(payloadOf(10));
    await gate.reached;
    const waiting = [
      first,
      log.append(payloadOf(11)),
      log.appendBatch([payloadOf(12)]),
      log.sync(),
      log.truncateFrom(3),
    ];
    const settled = Promise.allSettled(waiting);
    gate.release();
    return { fileSystem, directory, log, told, fault, outcomes: await settled };
  }

  test("poisons the log: all that waits and all that comes gets LOG_FAILED with the cause", async () => {
    const { log, told, outcomes } = await poisoned();
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: { code: "LOG_FAILED", cause: { code: "EIO", call: "datasync" } },
      });
    }
    expect(log.failure?.code).toBe("LOG_FAILED");
    expect(told).toEqual([log.failure]);
    for (const later of [
      () => log.append(payloadOf(1)),
      () => log.appendBatch([payloadOf(1)]),
      () => log.sync(),
      () => log.truncateBefore(3),
      () => log.truncateFrom(3),
    ]) {
      expect(await refusal(later)).toBe(log.failure);
    }
    expect(told).toHaveLength(1);
  });

  test("leaves what was acknowledged readable, and offsets where they were", async () => {
    const { log } = await poisoned();
    expectNumbered(log, 0, 10);
    expect(log.endOffset).toBe(10);
    expect(log.durableOffset).toBe(10);
    const seen: number[] = [];
    const error = await refusal(async () => {
      for await (const { offset } of log.follow()) seen.push(offset);
    });
    expect(error).toBe(log.failure);
    expect(seen).toEqual(offsets(0, 10));
  });

  test("is never tried again, and nothing more is written, not even by a close", async () => {
    const { fileSystem, directory, log } = await poisoned();
    const before = filesIn(directory);
    const lock = { call: "write", file: /^LOCK$/ } as const;
    const changes = fileSystem.changes - fileSystem.count(lock);
    const syncs = fileSystem.count({ call: ["datasync", "sync"] });
    await letGo(log);
    expect(filesIn(directory)).toEqual(before);
    // The lock's text is cleared, and no more.
    expect(fileSystem.changes - fileSystem.count(lock)).toBe(changes);
    expect(fileSystem.count({ call: ["datasync", "sync"] })).toBe(syncs);
  });

  test("lets go of the lock when it is closed; reopening reads what is there and goes on", async () => {
    const { directory, log } = await poisoned();
    await letGo(log);
    const again = await openKillable(directory);
    expect(again.endOffset).toBeGreaterThanOrEqual(10);
    expectNumbered(again, 0, again.endOffset);
    expect(again.durableOffset).toBe(again.endOffset);
    await expectSound(again);
  });

  test("of any durability that asks for it poisons the log", async () => {
    for (const [durability, sync] of [
      ["os", (log: Log) => log.append(payloadOf(1), { sync: true })],
      ["os", (log: Log) => log.sync()],
      ["interval", (log: Log) => log.sync()],
    ] as const) {
      const fileSystem = new FaultyFileSystem();
      const log = await openLog(temporaryDirectory(), {
        fileSystem,
        durability,
        syncIntervalMs: 60_000,
      });
      await appendEach(log, 3);
      fileSystem.fail({ call: "datasync" }, "EIO", { times: 1 });
      expect(await refusal(() => sync(log))).toMatchObject({ code: "LOG_FAILED" });
      expect(log.failure?.code).toBe("LOG_FAILED");
      expectNumbered(log, 0, log.acknowledgedOffset);
    }
  });

  test("in the background of durability interval is told through onFailure", async () => {
    const fileSystem = new FaultyFileSystem();
    const told: LogError[] = [];
    const log = await openLog(temporaryDirectory(), {
      fileSystem,
      durability: "interval",
      syncIntervalMs: 1,
      onFailure: (failure) => told.push(failure),
    });
    fileSystem.fail({ call: "datasync" }, "EIO");
    await appendEach(log, 1);
    await until(() => told.length > 0);
    expect(told).toEqual([log.failure]);
    expect(await refusal(() => log.append(payloadOf(1)))).toBe(log.failure);
  });
});

test("fault 44: an error that comes one sync late poisons then; reopening verifies", async () => {
  const fileSystem = new FaultyFileSystem();
  const directory = temporaryDirectory();
  const log = await openLog(directory, { fileSystem });
  await appendEach(log, 5);
  // The sync of record 5 seemed to succeed and dropped its page; the next one tells.
  const fault = fileSystem.fail({ call: "datasync" }, "EIO", { after: 1, times: 1 });
  await log.append(payloadOf(5));
  expect(fault.hits).toBe(0);
  expect(await refusal(() => log.append(payloadOf(6)))).toMatchObject({ code: "LOG_FAILED" });
  await letGo(log);
  const store = join(directory, STORE);
  const lost = pick(batchesOf(store), 5);
  patch(store, lost.position, new Uint8Array(lost.end - lost.position));
  // Record 6 states that record 5 was durable: not a torn tail.
  expect(await refusal(() => openLog(directory))).toMatchObject({
    code: "LOG_CORRUPT",
    position: lost.position,
    offset: 5,
  });
});

describe("fault 45: a close that fails", () => {
  test.each([
    { call: "sync", file: /^\d+\.log$/ },
    { call: "truncate", file: /^\d+\.log$/ },
    { call: "write", file: /^MANIFEST/ },
    { call: "sync", file: /^MANIFEST/ },
    { call: "rename", file: /^MANIFEST/ },
    { call: "syncDirectory", file: /./ },
    { call: "write", file: /^LOCK$/ },
  ] as const)(
    "at $call of $file is surfaced with a typed error, and lets go of the lock",
    async ({ call, file }) => {
      const fileSystem = new FaultyFileSystem();
      const directory = temporaryDirectory();
      const log = await openLog(directory, { fileSystem });
      await appendEach(log, 10);
      fileSystem.fail({ call, file }, "EIO", { times: 1 });
      const error = await refusal(() => log.close());
      expect(["LOG_IO", "LOG_FAILED"]).toContain(error.code);
      expect(await refusal(() => log.close())).toBe(error);
      expect(fileSystem.leftOpen).toEqual([]);
      const again = await openKillable(directory);
      await expectSound(again);
    },
  );

  test("at the last sync of what was not durable yet says so", async () => {
    const fileSystem = new FaultyFileSystem();
    const directory = temporaryDirectory();
    const log = await openLog(directory, { fileSystem, durability: "os" });
    await appendEach(log, 10);
    fileSystem.fail({ call: "datasync" }, "EIO");
    expect((await refusal(() => log.close())).code).toBe("LOG_FAILED");
    expect(fileSystem.leftOpen).toEqual([]);
    await expectSound(await openKillable(directory));
  });

  test.each([/^\d+\.log$/, /^LOCK$/, /^MANIFEST/])(
    "at the close of a file %s is surfaced, and lets go of the lock and the other files",
    async (file) => {
      const fileSystem = new FaultyFileSystem();
      const directory = temporaryDirectory();
      const log = await openLog(directory, { fileSystem });
      await appendEach(log, 70);
      // Takes its turn behind what is at work in the background, which would meet the failure instead.
      await log.truncateBefore(0);
      fileSystem.fail({ call: "close", file }, "EIO", { how: "done", times: 1 });
      const error = await refusal(() => log.close());
      expect(["LOG_IO", "LOG_FAILED"]).toContain(error.code);
      expect(fileSystem.leftOpen).toEqual([]);
      const again = await openKillable(directory);
      await expectSound(again);
    },
  );
});

describe("fault 46: no descriptor left", () => {
  test("at a rotation rejects that append, leaves no half state, and works again", async () => {
    for (let after = 0; ; after += 1) {
      const fileSystem = new FaultyFileSystem();
      const directory = temporaryDirectory();
      const log = await openLog(directory, { fileSystem });
      await appendEach(log, 20);
      const call = ["create", "open"] as const;
      const fault = fileSystem.fail({ call, file: /^\d+\.log/ }, "EMFILE", { after, times: 2 });
      const refused = await appendWhatGoes(log, 60);
      fault.lift();
      for (const error of refused) {
        expect(error).toMatchObject({ code: "LOG_IO", cause: { code: "EMFILE" } });
      }
      expect(log.failure).toBeUndefined();
      expect(log.endOffset).toBe(80 - refused.length);
      expectNumbered(log, 0, log.endOffset);
      await expectSound(log);
      if (fault.hits === 0) break;
    }
  });

  test("that lasts rejects what needs a new segment, and only that", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem });
    const fault = fileSystem.fail({ call: "create" }, "EMFILE");
    const refused = await appendWhatGoes(log, 80);
    const { acknowledgedOffset } = log;
    expect(acknowledgedOffset).toBeGreaterThan(40);
    expect(refused).toHaveLength(80 - acknowledgedOffset);
    for (const { code } of refused) expect(code).toBe("LOG_IO");
    fault.lift();
    await appendEach(log, 80);
    expectNumbered(log, 0, acknowledgedOffset + 80);
    await expectSound(log);
  });
});

describe("fault 47: a directory that may not be written", () => {
  test("is opened for reading, and nothing is cut", async (context) => {
    const image = await killedLog((log) => appendEach(log, 70));
    const active = join(image, "00000002.log");
    patch(active, endOfBatches(active), Buffer.from("torn"));
    const directory = writeProtected(image);
    if (directory === undefined) return context.skip("this user can write anywhere");
    const before = filesIn(directory);
    const log = await openReader(directory);
    expect(log.recovery.torn).toMatchObject({ offset: 70, trimmed: [] });
    expectNumbered(log, 0, 70);
    const error = await refusal(() => log.append(payloadOf(70)));
    expect(error.code).toBe("LOG_READ_ONLY");
    await log.close();
    expect(filesIn(directory)).toEqual(before);
  });

  test("is refused to a writer with LOG_IO", async (context) => {
    const directory = writeProtected(await closedLog((log) => appendEach(log, 10)));
    if (directory === undefined) return context.skip("this user can write anywhere");
    const before = filesIn(directory);
    expect((await refusal(() => openLog(directory))).code).toBe("LOG_IO");
    expect(filesIn(directory)).toEqual(before);
  });

  test("keeps every mutation of a read-only log out", async () => {
    const directory = await closedLog((log) => appendEach(log, 10));
    const log = await openReader(directory);
    for (const mutate of [
      () => log.append(payloadOf(1)),
      () => log.appendBatch([payloadOf(1)]),
      () => log.sync(),
      () => log.truncateBefore(1),
      () => log.truncateFrom(1),
    ]) {
      expect((await refusal(mutate)).code).toBe("LOG_READ_ONLY");
    }
  });
});

test("fault 48: a directory that is removed while open fails with typed errors, and reads go on", async () => {
  const directory = temporaryDirectory();
  const log = await openLog(directory);
  await appendEach(log, 70);
  // The log may be making a file in it at this moment.
  rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 10 });
  const refused: LogError[] = [];
  // Records still reach the open files; the next segment cannot be made.
  while (refused.length === 0) refused.push(...(await appendWhatGoes(log, 1)));
  expect(["LOG_IO", "LOG_FAILED"]).toContain(refused[0]?.code);
  expect(numberOf(log.read(log.acknowledgedOffset - 1).payload)).toBe(log.acknowledgedOffset - 1);
  expect((await refusal(() => log.truncateFrom(3))).code).toMatch(/^LOG_(IO|FAILED)$/);
  // A log that has failed for good has told why, and closes quietly.
  const { failure } = log;
  const closing = await Promise.allSettled([log.close()]);
  if (failure === undefined) {
    const code = expect.stringMatching(/^LOG_(IO|FAILED)$/);
    expect(closing).toMatchObject([{ status: "rejected", reason: { code } }]);
  }
  const reader = await refusal(() => openReader(directory));
  expect(reader.code).toBe("LOG_NOT_FOUND");
  expect(readdirSync(join(directory, ".."))).not.toContain(directory);
});

/** A copy that nobody may write: by mode, or as root on a mount of its own; undefined where that cannot be had. */
function writeProtected(directory: string): string | undefined {
  if (process.getuid?.() !== 0) {
    chmodSync(directory, 0o500);
    onTestFinished(() => chmodSync(directory, 0o700));
    return directory;
  }
  const mount = mkdtempSync(join(tmpdir(), "tidemark-read-only-"));
  onTestFinished(() => rmSync(mount, { recursive: true, force: true }));
  if (spawnSync("mount", ["-t", "tmpfs", "tmpfs", mount]).status !== 0) return undefined;
  onTestFinished(() => {
    spawnSync("umount", ["--lazy", mount]);
  });
  cpSync(directory, mount, { recursive: true, preserveTimestamps: true });
  return spawnSync("mount", ["-o", "remount,ro", mount]).status === 0 ? mount : undefined;
}
