// Clocks that step back or jump ahead: times of records never decrease, and nothing goes early.

import type { Log, LogOptions } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import {
  appendBatchOf,
  appendEach,
  expectNumbered,
  openLog,
  readAll,
  temporaryDirectory,
  until,
} from "./fixture.js";
import { manifestOf } from "./store-bytes.js";

describe("fault 49: a clock that steps back", () => {
  test("never makes the time of records decrease, through reopening too", async () => {
    const times = [5000, 6000, 100, 0, -5, 6000, 6001, 3, 7000.9, 2 ** 48 + 5, 1];
    let now = 5000;
    const reports: string[] = [];
    const options: LogOptions = {
      clock: () => now,
      onReport: ({ kind }) => reports.push(kind),
    };
    let log = await openLog(temporaryDirectory(), options);
    for (const time of times) {
      now = time;
      await appendEach(log, 20);
      const { directory } = log;
      await log.close();
      log = await openLog(directory, options);
    }
    const recorded = readAll(log).map(({ time }) => time);
    expect(recorded).toEqual([...recorded].sort((a, b) => a - b));
    expect(new Set(recorded)).toEqual(new Set([5000, 6000, 6001, 7000, 2 ** 48 - 1]));
    expect(reports).toContain("clock");
    expect(log.offsetAt(6001)).toBe(120);
    expect(log.offsetAt(2 ** 48)).toBe(220);
  });

  test("makes retention by age delete nothing early", async () => {
    let now = 1_000_000;
    const directory = temporaryDirectory();
    const log = await openLog(directory, { clock: () => now, retention: { maxAgeMs: 1000 } });
    await appendEach(log, 70);
    now = 500;
    await appendEach(log, 60);
    now = 1_000_900;
    await appendEach(log, 60);
    expect(log.startOffset).toBe(0);
    now = 1_001_500;
    await appendEach(log, 60);
    await until(() => log.startOffset > 0);
    // Those whose newest record was written in the first second are gone, those of the time after stay.
    expect(log.startOffset).toBeLessThanOrEqual(130);
    expectNumbered(log, log.startOffset, 250);
  });
});

describe("a clock that jumps ahead by more than an index holds", () => {
  const JUMP = 2 ** 33;

  test("begins new segments, also within a group and where the next one was prepared before", async () => {
    let now = 1_000_000;
    const log = await openLog(temporaryDirectory(), { clock: () => now });
    // Half full: the next segment is made now, with the time of now.
    await appendEach(log, 30);
    await until(() => manifestOf(log.directory).segments.length === 2);
    const times = Array(30).fill(now);
    for (let round = 0; round < 3; round++) {
      const appended: Promise<unknown>[] = [];
      for (let index = 0; index < 3; index++) {
        appended.push(appendEach(log, 1), appendBatchOf(log, 2));
        times.push(now, now, now);
        now += JUMP;
      }
      await Promise.all(appended);
    }
    const check = (read: Log) => {
      expect(readAll(read).map(({ time }) => time)).toEqual(times);
      expectNumbered(read, 0, 57);
      for (const time of new Set(times)) {
        expect(read.offsetAt(time)).toBe(times.indexOf(time));
        expect(read.offsetAt(time + 1)).toBe(times.lastIndexOf(time) + 1);
      }
    };
    check(log);
    expect(log.stats().segments).toBeGreaterThan(8);
    await log.close();
    check(await openLog(log.directory));
  });

  test("begins one for the first append after it, after a reopening too", async () => {
    let now = 1_000_000;
    const clock = () => now;
    let log = await openLog(temporaryDirectory(), { clock });
    for (let round = 0; round < 4; round++) {
      await appendEach(log, 2);
      const { directory } = log;
      await log.close();
      now += JUMP;
      log = await openLog(directory, { clock });
    }
    expectNumbered(log, 0, 8);
    expect(manifestOf(log.directory).segments).toHaveLength(4);
  });
});
