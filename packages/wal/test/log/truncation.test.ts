// Dropping records from either end: exactly those, durably, and in turn with the appends.

import type { Log } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import {
  appendBatchOf,
  appendEach,
  appendTogether,
  expectNumbered,
  killImage,
  openKillable,
  openLog,
  payloadOf,
  readAll,
  refusal,
  storeNames,
  temporaryDirectory,
} from "./fixture.js";
import { manifestOf } from "./store-bytes.js";

async function reopened(log: Log): Promise<Log> {
  await log.close();
  return openLog(log.directory);
}

describe("truncateFrom among appends", () => {
  test("takes its turn: what was called before is cut, what is called after follows on", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 10);
    const before = [log.append(payloadOf(10)), log.append(payloadOf(11))];
    const truncated = log.truncateFrom(8);
    expect(log.endOffset).toBe(8);
    const after = [log.append(Buffer.from("new 8")), log.append(Buffer.from("new 9"))];
    const again = log.truncateFrom(9);
    const last = log.append(Buffer.from("newest 9"));
    expect(await Promise.all(before)).toEqual([10, 11]);
    await truncated;
    expect(await Promise.all(after)).toEqual([8, 9]);
    await again;
    expect(await last).toBe(9);
    const check = (read: Log) => {
      const texts = readAll(read).map(({ payload }) => Buffer.from(payload).toString());
      expect(texts.slice(8)).toEqual(["new 8", "newest 9"]);
    };
    check(log);
    check(await reopened(log));
  });

  test("at the end, at the start and at every offset between leaves exactly what is below", async () => {
    for (const offset of [0, 1, 52, 53, 54, 100, 119, 120]) {
      const log = await openLog(temporaryDirectory());
      await appendEach(log, 60);
      await appendBatchOf(log, 20);
      await appendTogether(log, 40);
      await log.truncateFrom(offset);
      expectNumbered(log, 0, offset);
      await appendEach(log, 5);
      expectNumbered(await reopened(log), 0, offset + 5);
    }
  });

  test("outside of the log is refused, and changes nothing", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 130);
    await log.truncateBefore(60);
    const { startOffset } = log;
    expect(startOffset).toBeGreaterThan(0);
    for (const offset of [startOffset - 1, 131]) {
      expect((await refusal(() => log.truncateFrom(offset))).code).toBe("LOG_OUT_OF_RANGE");
    }
    expect((await refusal(() => log.truncateBefore(131))).code).toBe("LOG_OUT_OF_RANGE");
    for (const offset of [-1, 1.5, Number.NaN, 2 ** 53, "3"]) {
      // @ts-expect-error: what a caller without types may pass
      expect((await refusal(() => log.truncateFrom(offset))).code).toBe("LOG_INVALID_ARGUMENT");
      // @ts-expect-error: what a caller without types may pass
      expect((await refusal(() => log.truncateBefore(offset))).code).toBe("LOG_INVALID_ARGUMENT");
    }
    expectNumbered(log, startOffset, 130);
  });

  test("under load, again and again, keeps offsets without gaps", async () => {
    const log = await openLog(temporaryDirectory());
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < 20; index++) work.push(log.append(payloadOf(log.endOffset, 90)));
      work.push(log.truncateFrom(Math.max(0, log.endOffset - 7 - (round % 13))));
      work.push(appendBatchOf(log, 5, 200));
    }
    await Promise.all(work);
    expectNumbered(log, 0, log.endOffset);
    expectNumbered(await reopened(log), 0, log.endOffset);
  });
});

describe("truncateBefore", () => {
  test("drops the segments whose last record is below, and no other", async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await appendEach(log, 300);
    await log.truncateBefore(0);
    const bases = manifestOf(directory)
      .segments.filter(({ state }) => state !== "prepared")
      .map(({ baseOffset }) => baseOffset);
    expect(bases.length).toBeGreaterThan(4);
    for (const [index, base] of bases.entries()) {
      if (index === 0) continue;
      await log.truncateBefore(base - 1);
      expect(log.startOffset).toBe(bases[index - 1]);
      await log.truncateBefore(base);
      expect(log.startOffset).toBe(base);
      await log.truncateBefore(base + 1);
      expect(log.startOffset).toBe(base);
      expectNumbered(log, base, 300);
    }
    // The active one stays, whatever is asked.
    await log.truncateBefore(300);
    expect(log.startOffset).toBe(bases.at(-1));
    await log.close();
    expectNumbered(await openLog(directory), log.startOffset, 300);
  });

  test("is durable when it resolves: the manifest knows, and the files are gone", async () => {
    const log = await openKillable(temporaryDirectory());
    await appendEach(log, 200);
    await log.truncateBefore(150);
    const { startOffset } = log;
    const killed = await openLog(await killImage(log));
    expectNumbered(killed, startOffset, 200);
    expect(storeNames(log.directory)[0]).toBe(
      `0000000${manifestOf(log.directory).segments[0]?.id}.log`,
    );
  });
});
