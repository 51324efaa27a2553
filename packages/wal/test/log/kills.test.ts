// A kill at every call of the file system that a change of structure makes: before it or after it, never in
// between, and what was cut never comes back.

import { cpSync } from "node:fs";
import type { Log, LogOptions } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendBatchOf,
  appendEach,
  appendTogether,
  closedLog,
  contentsIn,
  copyOf,
  expectNumbered,
  killedLog,
  letGo,
  nameDeadHolder,
  openLog,
  temporaryDirectory,
} from "./fixture.js";
import { endOfBatches, manifestOf, patch } from "./store-bytes.js";

interface Scene {
  readonly options?: LogOptions;
  /** Fills the log, once: it is closed then, and each kill has a copy of it. */
  readonly filled: (log: Log) => Promise<unknown>;
  /** What a kill may fall into. */
  readonly work: (log: Log) => Promise<unknown>;
  /** What must hold of a log opened from what was left; `done` if the work had been acknowledged. */
  readonly after: (log: Log, done: boolean) => void;
}

/** Plays a scene again and again, killed one call later each time, until the work is done before. */
async function killAtEachCall({ options = {}, filled, work, after }: Scene): Promise<void> {
  const whole = await closedLog(filled, options);
  for (let calls = 0; ; calls++) {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(copyOf(whole), { ...options, fileSystem });
    let done = false;
    const working = work(log).then(() => {
      done = true;
    });
    const image = temporaryDirectory();
    let doneByThen = false;
    await fileSystem.afterCalls(calls, working, () => {
      doneByThen = done;
      cpSync(log.directory, image, { recursive: true });
    });
    await working;
    await letGo(log);
    nameDeadHolder(image);
    await expectRecovered(image, options, (recovered) => after(recovered, doneByThen));
    if (doneByThen) return;
  }
}

/** A reader sees what a writer recovers, nothing is left over, and recovering again changes nothing. */
async function expectRecovered(
  image: string,
  options: LogOptions,
  check: (log: Log) => void,
): Promise<void> {
  const reader = await openLog(image, { readOnly: true });
  check(reader);
  await reader.close();
  const log = await openLog(image, options);
  check(log);
  await appendEach(log, 1);
  await log.close();
  const files = [...contentsIn(image).keys()];
  const again = await openLog(image, options);
  expect(again.recovery).toMatchObject({ orderly: true, removed: [], rewrittenBytes: 0 });
  expectNumbered(again, log.startOffset, log.endOffset);
  const stores = files.filter((name) => name.endsWith(".log"));
  expect(stores).toHaveLength(manifestOf(image).segments.length);
}

test("fault 30: a kill at any call of a log's creation leaves no log, an empty one, or is begun again", async () => {
  for (let calls = 0; ; calls++) {
    const fileSystem = new FaultyFileSystem();
    const directory = temporaryDirectory();
    let done = false;
    const opening = openLog(directory, { fileSystem }).then((log) => {
      done = true;
      return log;
    });
    const image = temporaryDirectory();
    let doneByThen = false;
    await fileSystem.afterCalls(calls, opening, () => {
      doneByThen = done;
      cpSync(directory, image, { recursive: true });
    });
    await letGo(await opening);
    nameDeadHolder(image);
    const log = await openLog(image);
    expectNumbered(log, 0, 0);
    await appendEach(log, 3);
    await log.close();
    expectNumbered(await openLog(image), 0, 3);
    if (doneByThen) break;
  }
});

describe("fault 31: a kill at any call of a rotation", () => {
  test.each(["commit", "os"] as const)(
    "keeps all that was acknowledged: durability %s",
    (durability) =>
      killAtEachCall({
        options: { durability },
        filled: (log) => appendEach(log, 18),
        // Preparing the next segment, using it, sealing the one before.
        work: async (log) => {
          await appendEach(log, 4, 900);
          await log.truncateBefore(0);
        },
        after: (log, done) => {
          expect(log.endOffset).toBeGreaterThanOrEqual(done ? 22 : 18);
          expectNumbered(log, 0, log.endOffset);
        },
      }),
  );

  test("that a batch of its own size needs keeps the batch whole, or leaves it out", () =>
    killAtEachCall({
      filled: (log) => appendEach(log, 20),
      work: (log) => Promise.all([appendBatchOf(log, 3, 3000), appendTogether(log, 2, 900)]),
      after: (log, done) => {
        expect(done ? [25] : [20, 23, 24, 25]).toContain(log.endOffset);
        expectNumbered(log, 0, log.endOffset);
      },
    }));
});

describe("fault 32: a kill at any call of truncateFrom", () => {
  test.each([
    { place: "in the middle of a segment", offset: 75, before: 0 },
    { place: "at the start of the log", offset: 0, before: 0 },
    { place: "in the active segment", offset: 118, before: 0 },
    { place: "with appends before it that are not synced", offset: 100, before: 3 },
  ])("leaves the old end or the new one: $place", ({ offset, before }) =>
    killAtEachCall({
      options: { durability: "os" },
      filled: async (log) => {
        await appendEach(log, 70);
        await appendBatchOf(log, 10);
        await appendEach(log, 40);
      },
      work: async (log) => {
        await appendEach(log, before);
        await log.truncateFrom(offset);
      },
      after: (log, done) => {
        expect(done ? [offset] : [offset, 120 + before]).toContain(log.endOffset);
        expectNumbered(log, 0, log.endOffset);
      },
    }),
  );
});

test("fault 33: a kill at any call of retention leaves the old start or the new one, and no record less", () =>
  killAtEachCall({
    filled: (log) => appendEach(log, 220),
    work: (log) => log.truncateBefore(150),
    after: (log, done) => {
      if (done) expect(log.startOffset).toBeGreaterThan(90);
      expect(log.startOffset).toBeLessThanOrEqual(150);
      expectNumbered(log, log.startOffset, 220);
    },
  }));

test("a kill at any call of a close keeps everything", () =>
  killAtEachCall({
    filled: (log) => appendEach(log, 40),
    work: async (log) => {
      await appendBatchOf(log, 10, 100);
      await log.close();
    },
    after: (log, done) => {
      expect(done ? [50] : [40, 50]).toContain(log.endOffset);
      expectNumbered(log, 0, log.endOffset);
    },
  }));

test("fault 38: a kill at any call of a recovery is recovered from with the same outcome", async () => {
  const image = await killedLog((log) => appendEach(log, 90), { durability: "os" });
  const store = `${image}/00000002.log`;
  patch(store, endOfBatches(store), Buffer.from("a torn end of some bytes"));
  for (let calls = 0; ; calls++) {
    const directory = temporaryDirectory();
    cpSync(image, directory, { recursive: true });
    const fileSystem = new FaultyFileSystem();
    let done = false;
    const opening = openLog(directory, { fileSystem }).then((log) => {
      done = true;
      return log;
    });
    const interrupted = temporaryDirectory();
    let doneByThen = false;
    await fileSystem.afterCalls(calls, opening, () => {
      doneByThen = done;
      cpSync(directory, interrupted, { recursive: true });
    });
    await letGo(await opening);
    nameDeadHolder(interrupted);
    await expectRecovered(interrupted, {}, (log) => expectNumbered(log, 0, 90));
    expect(
      [...contentsIn(interrupted).keys()].filter((name) => name.endsWith(".torn")),
    ).toHaveLength(1);
    if (doneByThen) break;
  }
});
