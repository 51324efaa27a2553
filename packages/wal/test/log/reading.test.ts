// Reading records while the log goes on: each is what it was, or its absence is told.

import { describe, expect, onTestFinished, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendEach,
  expectNumbered,
  numberOf,
  offsets,
  openLog,
  refusal,
  temporaryDirectory,
} from "./fixture.js";

describe("records that are being read", () => {
  test("stay what they are through rotation, retention and appends", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 200);
    const iterator = log.records({ from: 100, to: 200 });
    const seen: number[] = [];
    for (const { payload } of iterator) {
      seen.push(numberOf(payload));
      if (seen.length === 10) await log.truncateBefore(100);
      if (seen.length % 20 === 0) await appendEach(log, 30);
    }
    expect(seen).toEqual(offsets(100, 200));
    expect(log.startOffset).toBeGreaterThan(0);
  });

  test("end with LOG_TRUNCATED where they are cut from the end, also within a chunk", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 100);
    for (const [place, from] of [
      [10, 50],
      [10, 11],
      [49, 20],
    ] as const) {
      const seen: number[] = [];
      const error = await refusal(async () => {
        for (const { offset, payload } of log.records()) {
          expect(numberOf(payload)).toBe(offset);
          seen.push(offset);
          if (offset === place) await log.truncateFrom(from);
        }
      });
      expect(error.code).toBe("LOG_TRUNCATED");
      expect(seen).toEqual(offsets(0, place + 1));
      await appendEach(log, 100 - log.endOffset);
    }
  });

  test("go on where the cut is above what was asked for", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 100);
    const seen: number[] = [];
    for (const { offset } of log.records({ from: 5, to: 60 })) {
      seen.push(offset);
      if (offset === 10) await log.truncateFrom(60);
      if (offset === 20) await appendEach(log, 30);
    }
    expect(seen).toEqual(offsets(5, 60));
  });

  test("end with LOG_TRUNCATED where retention has passed them", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 200);
    const iterator = log.records();
    expect(iterator.next().value?.offset).toBe(0);
    await log.truncateBefore(150);
    const error = await refusal(() => [...iterator]);
    expect(error.code).toBe("LOG_TRUNCATED");
    expect((await refusal(() => [...log.records({ from: 3 })])).code).toBe("LOG_TRUNCATED");
    expect((await refusal(() => log.read(3))).code).toBe("LOG_OUT_OF_RANGE");
  });

  test("end with LOG_CLOSED when the log is closed", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 200);
    const iterator = log.records();
    iterator.next();
    await log.close();
    expect((await refusal(() => [...iterator])).code).toBe("LOG_CLOSED");
  });

  test("have bounds: outside of the log is refused, an empty range is empty", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 10);
    expect([...log.records({ from: 5, to: 5 })]).toEqual([]);
    expect([...log.records({ from: 7, to: 3 })]).toEqual([]);
    expect([...log.records({ from: 10 })]).toEqual([]);
    expect([...log.records({ to: 0 })]).toEqual([]);
    for (const range of [{ from: 11 }, { to: 11 }, { from: 2, to: 12 }]) {
      expect((await refusal(() => [...log.records(range)])).code).toBe("LOG_OUT_OF_RANGE");
    }
    for (const range of [{ from: -1 }, { to: 0.5 }, { from: "1" }, { form: 3 }, 7]) {
      // @ts-expect-error: what a caller without types may pass
      const error = await refusal(() => [...log.records(range)]);
      expect(error.code).toBe("LOG_INVALID_ARGUMENT");
    }
  });
});

describe("an iterator of records", () => {
  test("gives nothing more once it was left, or has thrown", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 30);
    const left = log.records();
    for (const { offset } of left) if (offset === 3) break;
    expect([...left]).toEqual([]);
    const cut = log.records();
    expect(cut.next().value?.offset).toBe(0);
    await log.truncateFrom(10);
    expect((await refusal(() => cut.next())).code).toBe("LOG_TRUNCATED");
    expect(cut.next()).toEqual({ done: true, value: undefined });
    const unread = log.records();
    await log.truncateFrom(5);
    expect((await refusal(() => unread.next())).code).toBe("LOG_TRUNCATED");
    expect([...unread]).toEqual([]);
  });

  test("has what the language gives to iterators", async () => {
    const log = await openLog(temporaryDirectory());
    const common = Object.getPrototypeOf(Object.getPrototypeOf([].values()));
    const own = Object.getPrototypeOf(log.records());
    expect(Object.getPrototypeOf(own)).toBe(common);
  });
});

test("what read returns is the caller's own", async () => {
  const log = await openLog(temporaryDirectory());
  await appendEach(log, 2);
  log.read(0).payload.fill(0);
  expect(numberOf(log.read(0).payload)).toBe(0);
});

test("a log of many segments keeps a bounded number of files open", async () => {
  const fileSystem = new FaultyFileSystem();
  const log = await openLog(temporaryDirectory(), { fileSystem, durability: "os" });
  await appendEach(log, 300, 4000);
  expect(log.stats().segments).toBe(300);
  expectNumbered(log, 0, 300);
  for (const offset of offsets(0, 300).reverse()) log.read(offset);
  expect(fileSystem.leftOpen.length).toBeLessThan(140);
});

test("a sealed segment is read through its index in both ways of having that: mapped and read", async () => {
  let now = 1_000_000;
  const log = await openLog(temporaryDirectory(), { clock: () => now++ });
  await appendEach(log, 200);
  await log.close();
  const before = process.env["TIDEMARK_NO_MMAP"];
  onTestFinished(() => {
    if (before === undefined) delete process.env["TIDEMARK_NO_MMAP"];
    else process.env["TIDEMARK_NO_MMAP"] = before;
  });
  for (const unmapped of ["0", "1"]) {
    process.env["TIDEMARK_NO_MMAP"] = unmapped;
    const again = await openLog(log.directory);
    for (const offset of offsets(0, 200).reverse()) {
      const { time, payload } = again.read(offset);
      expect(numberOf(payload)).toBe(offset);
      expect(again.offsetAt(time)).toBe(offset);
    }
    expectNumbered(again, 0, 200);
    await again.close();
  }
});

test("records of many MiB are written, read and found whole, beside small ones", async () => {
  const log = await openLog(temporaryDirectory(), { segmentBytes: 32 * 2 ** 20 });
  const large = (n: number, length: number) => Buffer.alloc(length, n);
  const lengths = [1, 5_000_000, 20_000_000, 3, 12_000_000, 33_000_000, 0];
  await Promise.all([
    log.append(large(0, lengths[0] ?? 0)),
    log.appendBatch([large(1, lengths[1] ?? 0), large(2, lengths[2] ?? 0)]),
    log.append(large(3, lengths[3] ?? 0)),
    log.append(large(4, lengths[4] ?? 0)),
    log.append(large(5, lengths[5] ?? 0), { sync: true }),
    log.append(large(6, lengths[6] ?? 0)),
  ]);
  await log.close();
  const again = await openLog(log.directory, { segmentBytes: 32 * 2 ** 20 });
  const records = [...again.records()];
  expect(records.map(({ payload }) => payload.length)).toEqual(lengths);
  for (const [offset, { payload }] of records.entries()) {
    expect(Buffer.compare(payload, large(offset, lengths[offset] ?? 0))).toBe(0);
    expect(again.read(offset).payload.length).toBe(lengths[offset]);
  }
});

test("the bytes from an offset on are those of its batch and all behind it, over every segment", async () => {
  const log = await openLog(temporaryDirectory());
  await appendEach(log, 200);
  const { segments, storeBytes } = log.stats();
  expect(segments).toBeGreaterThan(2);
  const bytes = offsets(0, 201).map((offset) => log.bytesFrom(offset));
  expect(bytes[200]).toBe(0);
  // What a store has besides is its header of 64 bytes.
  expect(bytes[0]).toBe(storeBytes - 64 * segments);
  for (const offset of offsets(0, 200)) {
    expect(bytes[offset]).toBeGreaterThan(bytes[offset + 1] ?? Number.NaN);
  }
  await log.truncateBefore(100);
  expect(log.bytesFrom(150)).toBe(bytes[150]);
  for (const outside of [log.startOffset - 1, 201]) {
    expect((await refusal(() => log.bytesFrom(outside))).code).toBe("LOG_OUT_OF_RANGE");
  }
});
