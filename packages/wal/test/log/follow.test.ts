// Following the log: durable records in order and without end, whatever else goes on.

import { getEventListeners } from "node:events";
import type { Log, LogRecord } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendBatchOf,
  appendEach,
  appendTogether,
  closedLog,
  numberOf,
  offsets,
  openLog,
  payloadOf,
  refusal,
  temporaryDirectory,
  until,
} from "./fixture.js";

type Follower = AsyncIterator<LogRecord>;

/** The next `count` records' numbers, which must be their offsets. */
async function take(follower: Follower, count: number): Promise<number[]> {
  const taken: number[] = [];
  while (taken.length < count) {
    const { value, done } = await follower.next();
    if (done === true) throw new Error("the follower ended");
    expect(numberOf(value.payload)).toBe(value.offset);
    taken.push(value.offset);
  }
  return taken;
}

/** Reads a follower up to the end; `next` waits for more. */
async function atEnd(log: Log, follower: Follower): Promise<{ next: Promise<unknown> }> {
  await take(follower, log.durableOffset);
  return { next: follower.next() };
}

test("a follower gets what is there, then each record that becomes durable, through rotations", async () => {
  const log = await openLog(temporaryDirectory());
  await appendEach(log, 30);
  const follower = log.follow();
  expect(await take(follower, 30)).toEqual(offsets(0, 30));
  for (let round = 0; round < 20; round++) {
    const next = take(follower, 20);
    await Promise.all([appendTogether(log, 15), appendBatchOf(log, 5)]);
    expect(await next).toEqual(offsets(30 + round * 20, 50 + round * 20));
  }
  await follower.return?.();
});

test("a follower begins where it is told, at the end too", async () => {
  const log = await openLog(temporaryDirectory());
  await appendEach(log, 100);
  expect(await take(log.follow({ from: 97 }), 3)).toEqual([97, 98, 99]);
  const next = take(log.follow({ from: 100 }), 2);
  await appendEach(log, 2);
  expect(await next).toEqual([100, 101]);
});

test("a follower sees nothing that is not durable", async () => {
  const log = await openLog(temporaryDirectory(), { durability: "os" });
  await appendEach(log, 10);
  const follower = log.follow();
  let settled = false;
  const next = take(follower, 10).finally(() => {
    settled = true;
  });
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect([settled, log.acknowledgedOffset, log.durableOffset]).toEqual([false, 10, 0]);
  await log.sync();
  expect(await next).toEqual(offsets(0, 10));
});

test("many followers from anywhere, the slow ones too, see every record once and in order, and hold nobody up", async () => {
  const log = await openLog(temporaryDirectory(), { segmentBytes: 8192 });
  await appendEach(log, 50);
  const followers = offsets(0, 40).map(async (index) => {
    const seen: number[] = [];
    for await (const { offset, payload } of log.follow({ from: index })) {
      expect(numberOf(payload)).toBe(offset);
      seen.push(offset);
      if (offset === 1499) break;
      // Some dawdle.
      if (index % 4 === 0 && offset % 50 === 0) await new Promise(setImmediate);
    }
    expect(seen).toEqual(offsets(index, 1500));
  });
  const idle = log.follow();
  await idle.next();
  while (log.endOffset < 1500) await appendTogether(log, 50);
  await Promise.all(followers);
  // One that never came back for more has held nothing up, and still finds all of it.
  expect(await take(idle, 1499)).toEqual(offsets(1, 1500));
});

describe("truncation under a follower", () => {
  test("below its place does not disturb it, past it ends it with LOG_TRUNCATED", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 200);
    const ahead = log.follow();
    const behind = log.follow();
    await take(ahead, 160);
    await take(behind, 3);
    await log.truncateBefore(150);
    expect(log.startOffset).toBeGreaterThan(100);
    expect(await take(ahead, 40)).toEqual(offsets(160, 200));
    // Records of the chunk at hand may still come, and are right; then the gap is told, never skipped.
    const seen: number[] = [];
    const error = await refusal(async () => {
      for (;;) seen.push(...(await take(behind, 1)));
    });
    expect(error.code).toBe("LOG_TRUNCATED");
    expect(seen).toEqual(offsets(3, 3 + seen.length));
    expect(seen.length).toBeLessThan(100);
    expect((await refusal(() => log.follow({ from: 3 }).next())).code).toBe("LOG_TRUNCATED");
  });

  test("from the end ends one that has read further with LOG_TRUNCATED, at once", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 100);
    const reading = log.follow();
    await take(reading, 60);
    const { next } = await atEnd(log, log.follow());
    const ended = refusal(() => next);
    await log.truncateFrom(50);
    expect((await ended).code).toBe("LOG_TRUNCATED");
    expect((await refusal(() => reading.next())).code).toBe("LOG_TRUNCATED");
  });

  test("from the end, of records that it has not reached, gives it those that follow instead", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 100);
    const follower = log.follow();
    await take(follower, 20);
    await log.truncateFrom(50);
    await log.appendBatch(offsets(0, 10).map((n) => payloadOf(1000 + n)));
    expect(await take(follower, 30)).toEqual(offsets(20, 50));
    for (let n = 0; n < 10; n++) {
      const { value } = await follower.next();
      expect([value?.offset, numberOf(value?.payload ?? new Uint8Array(0))]).toEqual([
        50 + n,
        1000 + n,
      ]);
    }
  });

  test("from exactly its place lets it go on", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 100);
    const follower = log.follow();
    await take(follower, 50);
    await log.truncateFrom(50);
    const next = take(follower, 30);
    await appendEach(log, 30);
    expect(await next).toEqual(offsets(50, 80));
  });

  test("many times between two looks of a slow one still ends it, or is no concern of it", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 20);
    const low = log.follow();
    const high = log.follow();
    await take(low, 5);
    await take(high, 15);
    for (let round = 0; round < 100; round++) {
      await log.truncateFrom(12);
      await appendEach(log, 4);
    }
    expect((await refusal(() => high.next())).code).toBe("LOG_TRUNCATED");
    // More cuts than are remembered: it may be told that its place is gone, but never gets other records.
    const error = await refusal(async () => {
      expect(await take(low, 11)).toEqual(offsets(5, 16));
      await log.close();
      await low.next();
    });
    expect(["LOG_TRUNCATED", "LOG_CLOSED"]).toContain(error.code);
  });

  test("by retention in the background ends one that is too slow, and lets the others be", async () => {
    const log = await openLog(temporaryDirectory(), { retention: { maxBytes: 20_000 } });
    await appendEach(log, 20);
    const slow = log.follow();
    const quick = log.follow();
    await take(slow, 1);
    await take(quick, 20);
    for (let round = 0; round < 40; round++) {
      await appendEach(log, 20);
      await take(quick, 20);
    }
    await until(() => log.startOffset > 400);
    const error = await refusal(async () => {
      for (;;) await take(slow, 1);
    });
    expect(error.code).toBe("LOG_TRUNCATED");
    expect(log.stats().storeBytes).toBeLessThan(30_000);
  });
});

describe("a signal", () => {
  test("that is aborted already ends it before the first record", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 3);
    const follower = log.follow({ signal: AbortSignal.abort() });
    await expect(follower.next()).rejects.toMatchObject({ name: "AbortError" });
    expect((await follower.next()).done).toBe(true);
  });

  test("ends one that waits, with its reason", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 3);
    const abort = new AbortController();
    const follower = log.follow({ signal: abort.signal });
    const { next } = await atEnd(log, follower);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(next).rejects.toBe(reason);
    expect((await follower.next()).done).toBe(true);
  });

  test("ends one between two records of a chunk", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 30);
    const abort = new AbortController();
    const seen: number[] = [];
    const following = async () => {
      for await (const { offset } of log.follow({ signal: abort.signal })) {
        seen.push(offset);
        if (offset === 7) abort.abort(new Error("enough"));
      }
    };
    await expect(following()).rejects.toThrow("enough");
    expect(seen).toEqual(offsets(0, 8));
  });

  test("of many followers gathers no listeners, and keeps none when they are done", async () => {
    const log = await openLog(temporaryDirectory());
    const abort = new AbortController();
    const { signal } = abort;
    const follower = log.follow({ signal });
    for (let round = 0; round < 50; round++) {
      const next = follower.next();
      await appendEach(log, 1);
      expect((await next).value?.offset).toBe(round);
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    const next = follower.next();
    await new Promise(setImmediate);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    abort.abort(new Error("enough"));
    await expect(next).rejects.toThrow("enough");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("that is none is refused, and so are other senseless options", async () => {
    const log = await openLog(temporaryDirectory());
    for (const options of [
      { from: -1 },
      { from: 0.5 },
      { from: "0" },
      { signal: {} },
      { signal: "abort" },
      { form: 3 },
      null,
      7,
    ]) {
      // @ts-expect-error: what a caller without types may pass
      const error = await refusal(() => log.follow(options).next());
      expect(error.code).toBe("LOG_INVALID_ARGUMENT");
    }
    expect((await refusal(() => log.follow({ from: 1 }).next())).code).toBe("LOG_OUT_OF_RANGE");
  });
});

describe("a close of the log", () => {
  test("ends a follower that waits with LOG_CLOSED", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 3);
    const { next } = await atEnd(log, log.follow());
    const ended = refusal(() => next);
    await log.close();
    expect((await ended).code).toBe("LOG_CLOSED");
  });

  test("ends one that is behind with LOG_CLOSED as well, and no file stays open", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(await closedLog((made) => appendEach(made, 200)), { fileSystem });
    const behind = log.follow();
    expect(await take(behind, 3)).toEqual([0, 1, 2]);
    await log.close();
    const seen: number[] = [];
    const error = await refusal(async () => {
      for (;;) seen.push(...(await take(behind, 1)));
    });
    expect(error.code).toBe("LOG_CLOSED");
    expect(seen).toEqual(offsets(3, 3 + seen.length));
    expect(fileSystem.leftOpen).toEqual([]);
  });
});

test("a follower that is left by break waits for nothing any more", async () => {
  const log = await openLog(temporaryDirectory());
  await appendEach(log, 10);
  for await (const { offset } of log.follow()) if (offset === 4) break;
  await appendEach(log, 10);
  await log.close();
});

test("a follower of a read-only log sees what a writer beside it makes durable", async () => {
  const directory = temporaryDirectory();
  const log = await openLog(directory, { noteAfterMs: 1 });
  await appendEach(log, 20);
  const reader = await openLog(directory, { readOnly: true });
  const follower = reader.follow();
  expect(await take(follower, 20)).toEqual(offsets(0, 20));
  const next = take(follower, 130);
  await appendEach(log, 130);
  expect(await next).toEqual(offsets(20, 150));
  await follower.return?.();
});
