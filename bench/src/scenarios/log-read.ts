// Reading a log of 1 GiB: all of it in order, and single records by chance.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { Log } from "@tidemark/wal";
import { fillLog } from "../log-filling.js";
import { chance, RECORD_BYTES, recordAt } from "../material.js";
import {
  duration,
  LIMIT,
  type Place,
  type Scenario,
  type System,
  TIDEMARK,
  verify,
} from "../scenario.js";
import { median } from "../statistics.js";
import { readThrough } from "../systems/limit.js";
import { fillSqliteJournal, openSqliteJournal } from "../systems/sqlite.js";

const SCAN = "mebibytesPerSecond";
const READ = "microseconds";
const SEGMENTS = 16;

function logBytes({ quick }: Place): number {
  return quick ? 64 * 2 ** 20 : 2 ** 30;
}

async function prepare(place: Place): Promise<void> {
  await fillLog(place.directory, logBytes(place), logBytes(place) / SEGMENTS);
}

function storesIn(directory: string): string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".log"));
  return names.sort().map((name) => join(directory, name));
}

function speed(bytes: number, startMs: number): { [SCAN]: number } {
  return { [SCAN]: bytes / 2 ** 20 / ((performance.now() - startMs) / 1000) };
}

const scanning: System = {
  prepare,
  async measure({ directory }) {
    const log = await Log.open(directory);
    const startMs = performance.now();
    let count = 0;
    for (const { payload } of log.records()) if (payload.length === RECORD_BYTES) count += 1;
    const measured = speed(log.stats().storeBytes, startMs);
    verify(count === log.endOffset, `${count} records of ${log.endOffset}`);
    await log.close();
    return measured;
  },
};

/** One read of the same bytes in order, with one pass of the checksum. */
const readingThrough: System = {
  prepare,
  async measure({ directory }) {
    let checksum = 0;
    const startMs = performance.now();
    const bytes = readThrough(storesIn(directory), (chunk) => {
      checksum = crc32(chunk, checksum);
    });
    verify(checksum !== 0, "a checksum");
    return speed(bytes, startMs);
  },
};

/** The median time of one read, in µs; each is compared with what was written. */
function randomReads(place: Place, count: number, read: (number: number) => unknown): number {
  const next = chance(7);
  const times: number[] = [];
  const endMs = performance.now() + duration(place).measureMs;
  while (performance.now() < endMs) {
    const number = Math.floor(next() * count);
    const startMs = performance.now();
    const payload = read(number);
    times.push((performance.now() - startMs) * 1000);
    verify(payload instanceof Uint8Array && recordAt(number).equals(payload), `record ${number}`);
  }
  return median(times);
}

const readingByOffset: System = {
  prepare,
  async measure(place) {
    const log = await Log.open(place.directory);
    const { endOffset } = log;
    const time = randomReads(place, endOffset, (number) => log.read(number).payload);
    await log.close();
    return { [READ]: time };
  },
};

const readingByPrimaryKey: System = {
  async prepare(place) {
    const count = Math.floor(logBytes(place) / RECORD_BYTES);
    await fillSqliteJournal(place.directory, records(count));
  },
  async measure(place) {
    const journal = await openSqliteJournal(place.directory, false);
    const count = await journal.count();
    const time = randomReads(place, count, (number) => journal.read(number));
    await journal.close();
    return { [READ]: time };
  },
};

function* records(count: number): Iterable<Uint8Array> {
  for (let number = 0; number < count; number++) yield recordAt(number);
}

export const logRead: readonly Scenario[] = [
  {
    name: "log-scan",
    systems: { [TIDEMARK]: scanning, [LIMIT]: readingThrough },
    figures: [
      {
        key: SCAN,
        name: "log-scan",
        title: "log: all records of 1 GiB, verified",
        unit: "MiB/s",
        better: "higher",
        goals: [{ ratio: 0.3, against: LIMIT }],
      },
    ],
  },
  {
    name: "log-read",
    systems: { [TIDEMARK]: readingByOffset, "better-sqlite3": readingByPrimaryKey },
    figures: [
      {
        key: READ,
        name: "log-read",
        title: "log: one record by offset, of 1 GiB, median",
        unit: "µs",
        better: "lower",
        goals: [{ bound: 12 }, { ratio: 0.5, against: "better-sqlite3" }],
      },
    ],
  },
];
