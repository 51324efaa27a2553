// What an operation costs when there is much, beside what it costs when there is little; and memory over many appends.

import { Database } from "@tidemark/kv";
import { Log } from "@tidemark/wal";
import { appendSome } from "../log-filling.js";
import { chance, keyAt, recordAt, type Value, valueAt } from "../material.js";
import { collectGarbage, processFiguresMissing, residentBytes } from "../process-figures.js";
import {
  duration,
  type Figure,
  type Place,
  type Scenario,
  type System,
  TIDEMARK,
  verify,
} from "../scenario.js";
import { fillStore } from "../store-filling.js";
import { openDatabase } from "../systems/tidemark.js";
import { runWriters } from "../writers.js";

const SMALL = "Tidemark, 1 % of it";
const IN_FLIGHT = 1000;

function largeCount({ quick }: Place): number {
  return quick ? 100_000 : 10_000_000;
}

function smallCount(place: Place): number {
  return largeCount(place) / 100;
}

function storing(countIn: (place: Place) => number): System {
  return {
    async prepare(place) {
      const store = await openDatabase(place.directory, false);
      await fillStore(store, countIn(place));
      await store.close();
      const db = await Database.open(place.directory);
      await db.checkpoint();
      await db.close();
    },
    async measure(place) {
      const options = { log: { durability: "os" }, checkpointBytes: Infinity } as const;
      const db = await Database.open<Value>(place.directory, options);
      const count = countIn(place);
      verify(db.size === count, `${db.size} keys instead of ${count}`);
      const measured = {
        get: getMicroseconds(db, place, count),
        put: await putMicroseconds(db, place, count),
      };
      await db.close();
      return measured;
    },
  };
}

function getMicroseconds(db: Database<Value>, place: Place, count: number): number {
  const next = chance(13);
  const keys = Array.from({ length: 100_000 }, () => keyAt(Math.floor(next() * count)));
  const run = (ms: number) => {
    const startMs = performance.now();
    let done = 0;
    while (performance.now() - startMs < ms) {
      for (let n = 0; n < 1000; n++) {
        verify(db.get(keys[done++ % keys.length] ?? "") !== undefined, "a key");
      }
    }
    return ((performance.now() - startMs) * 1000) / done;
  };
  // The first gets fill the index; what is asked is what they cost from then on.
  for (let n = 0; n < count / 8; n++) db.get(keys[n % keys.length] ?? "");
  run(duration(place).warmMs);
  return run(duration(place).measureMs);
}

async function putMicroseconds(db: Database<Value>, place: Place, count: number): Promise<number> {
  const next = chance(17);
  const put = (number: number) => db.put(keyAt(Math.floor(next() * count)), valueAt(number));
  await runWriters(IN_FLIGHT, duration(place).warmMs, 0, put);
  const { count: done, seconds } = await runWriters(IN_FLIGHT, duration(place).measureMs, 0, put);
  return (seconds * 1e6) / done;
}

function appending(countIn: (place: Place) => number): System {
  return {
    async prepare(place) {
      const log = await Log.open(place.directory, { durability: "os" });
      while (log.endOffset < countIn(place)) await appendSome(log);
      await log.close();
    },
    async measure(place) {
      const log = await Log.open(place.directory, { durability: "os" });
      verify(log.endOffset >= countIn(place), `${log.endOffset} records`);
      const append = (number: number) => log.append(recordAt(number));
      await runWriters(IN_FLIGHT, duration(place).warmMs, 0, append);
      const { count, seconds } = await runWriters(IN_FLIGHT, duration(place).measureMs, 0, append);
      await log.close();
      return { append: (seconds * 1e6) / count };
    },
  };
}

/** Memory after all appends, as a multiple of that after a tenth of them. */
const retaining: System = {
  missing: processFiguresMissing,
  async measure(place) {
    const count = place.quick ? 1_000_000 : 100_000_000;
    const retention = { maxBytes: 128 * 2 ** 20 };
    const log = await Log.open(place.directory, { durability: "os", retention });
    const bytesAt = async (end: number) => {
      while (log.endOffset < end) await appendSome(log);
      collectGarbage();
      return residentBytes(process.pid);
    };
    const tenth = await bytesAt(count / 10);
    const all = await bytesAt(count);
    verify(log.endOffset >= count, `${log.endOffset} records`);
    if (!place.quick) verify(log.startOffset > count / 2, "retention");
    await log.close();
    return { memory: all / tenth };
  },
};

function growth(key: string, title: string): Figure {
  const goals = [{ ratio: 1 / 1.5, against: SMALL }];
  return { key, name: `growth-${key}`, title, unit: "µs", better: "lower", goals };
}

export const growthScenarios: readonly Scenario[] = [
  {
    name: "growth-log",
    systems: { [TIDEMARK]: appending(largeCount), [SMALL]: appending(smallCount) },
    figures: [growth("append", "growth: append to 10 M records")],
  },
  {
    name: "growth-kv",
    systems: { [TIDEMARK]: storing(largeCount), [SMALL]: storing(smallCount) },
    figures: [
      growth("get", "growth: get from 10 M keys"),
      growth("put", "growth: put to 10 M keys"),
    ],
  },
  {
    name: "growth-memory",
    // Two minutes: the figure is one of counting, not of timing.
    roundsMax: 1,
    systems: { [TIDEMARK]: retaining },
    figures: [
      {
        key: "memory",
        name: "growth-memory",
        title: "growth: memory after 100 M appends, of that after 10 M",
        unit: "×",
        better: "lower",
        goals: [{ bound: 1.15 }],
      },
    ],
  },
];
