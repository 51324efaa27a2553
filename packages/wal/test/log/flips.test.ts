// Any one byte of a cleanly closed log, changed: opening it, reading it or verifying it says so.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Log, LogError, verifyLog } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import {
  appendBatchOf,
  appendEach,
  contentsIn,
  copyOf,
  openLog,
  readAll,
  temporaryDirectory,
  until,
} from "./fixture.js";
import { batchesOf, bytesOf, manifestOf, patch } from "./store-bytes.js";

/** Two sealed segments and the active one, with batches of one and of many records, and notes among them. */
async function smallLog(): Promise<string> {
  const directory = temporaryDirectory();
  let now = 1_700_000_000_000;
  const log = await openLog(directory, { noteAfterMs: 1, clock: () => now++ });
  await appendEach(log, 3);
  await noted(log);
  await appendBatchOf(log, 5, 20);
  await appendEach(log, 1, 0);
  // Too large for what is left of the segment.
  await appendBatchOf(log, 3, 1200);
  await noted(log);
  await appendEach(log, 1, 900);
  await appendEach(log, 4);
  await noted(log);
  await log.close();
  expect(manifestOf(directory).segments.map(({ state }) => state)).toEqual([
    "sealed",
    "sealed",
    "unsealed",
  ]);
  return directory;
}

/** Waits until a note states that all of it is durable. */
async function noted(log: Log): Promise<void> {
  const { length } = allBatches(log.directory);
  await until(() => allBatches(log.directory).length > length);
}

function allBatches(directory: string) {
  return storesIn(directory).flatMap((name) => batchesOf(join(directory, name)));
}

function storesIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith(".log"));
}

/** Every record as text; or the code of the error that opening or reading ended with. */
async function readOut(directory: string, readOnly: boolean): Promise<string> {
  try {
    const log = await Log.open(directory, { readOnly, noteAfterMs: 0 });
    try {
      return JSON.stringify([
        log.startOffset,
        log.endOffset,
        log.id,
        readAll(log).map(({ time, payload }) => [time, Buffer.from(payload).toString("latin1")]),
        readAll(log).map(({ time }) => log.offsetAt(time)),
      ]);
    } finally {
      await log.close();
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return error.code;
  }
}

/** Changes bytes one after the other, and puts each back. */
async function eachChange(
  path: string,
  positions: Iterable<number>,
  examine: (where: string) => Promise<void>,
): Promise<void> {
  const bytes = bytesOf(path);
  for (const position of positions) {
    const byte = bytes[position];
    if (byte === undefined) return;
    const mask = position % 3 === 0 ? 0xff : 1 << (position % 8);
    patch(path, position, Uint8Array.of(byte ^ mask));
    await examine(`byte ${position} of ${path}`);
    patch(path, position, Uint8Array.of(byte));
  }
}

function* everyByte(path: string, step = 1, from = 0): Generator<number> {
  const { length } = bytesOf(path);
  for (let position = from; position < length; position += step) yield position;
}

const REFUSALS = ["LOG_CORRUPT", "LOG_UNSUPPORTED_VERSION"];

describe("one changed byte of a cleanly closed log", () => {
  test.each(["MANIFEST", "00000001.log", "00000002.log", "00000003.log"])(
    "of %s is met by reading, or else by verifying: no difference is silent",
    async (name) => {
      const directory = await smallLog();
      const whole = await readOut(directory, true);
      let met = 0;
      let verified = 0;
      await eachChange(join(directory, name), everyByte(join(directory, name)), async (where) => {
        const read = await readOut(directory, true);
        // What no record is read from is what only verifying looks at.
        if (read !== whole) expect(REFUSALS, where).toContain(read);
        const report = await verifyLog(directory).catch((error: unknown) => error);
        if (report instanceof LogError) expect(report.code, where).toBe("LOG_UNSUPPORTED_VERSION");
        else {
          expect(report, where).toMatchObject({ ok: false });
          expect(report, where).toHaveProperty("damage.0.file", join(directory, name));
        }
        if (read !== whole) met += 1;
        verified += 1;
      });
      expect(await readOut(directory, true)).toBe(whole);
      expect(await verifyLog(directory)).toMatchObject({ ok: true, damage: [] });
      expect(verified).toBe(bytesOf(join(directory, name)).length);
      // All but the notes at the end of sealed segments.
      expect(met).toBeGreaterThanOrEqual(verified - 96);
    },
  );

  test("is met by a writer too, which changes nothing then", async () => {
    const directory = await smallLog();
    const whole = await readOut(directory, true);
    for (const name of ["MANIFEST", "00000003.log", "00000001.log", "00000002.log"]) {
      const isOpened = name === "MANIFEST" || name === "00000003.log";
      const path = join(directory, name);
      await eachChange(path, everyByte(path, isOpened ? 3 : 41), async (where) => {
        const before = contentsIn(directory);
        const read = await readOut(directory, false);
        if (isOpened) expect(REFUSALS, where).toContain(read);
        else if (read !== whole) expect(REFUSALS, where).toContain(read);
        expect(contentsIn(directory), where).toEqual(before);
      });
    }
  });

  test("of an index changes nothing that is read, and is told by verifying", async () => {
    const directory = await smallLog();
    const whole = await readOut(directory, true);
    for (const name of ["00000001.idx", "00000002.idx"]) {
      const path = join(directory, name);
      await eachChange(path, everyByte(path), async (where) => {
        expect(await readOut(directory, true), where).toBe(whole);
        const report = await verifyLog(directory);
        expect(report, where).toMatchObject({ ok: true, staleIndexes: [name] });
      });
    }
  });

  test("never makes a byte of the others change", async () => {
    const directory = await smallLog();
    const contents = contentsIn(directory);
    for (const name of ["00000003.log", "MANIFEST"]) {
      const copy = copyOf(directory);
      await eachChange(join(copy, name), everyByte(join(copy, name), 17, 5), async () => {
        await readOut(copy, true);
        await verifyLog(copy).catch(() => undefined);
      });
      expect(contentsIn(copy)).toEqual(contents);
    }
  });
});
