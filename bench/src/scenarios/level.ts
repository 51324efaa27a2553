// What the interface of Level costs over Tidemark: the same calls on memory-level, which keeps nothing on disk.

import { chance, keyAt, scattered } from "../material.js";
import {
  duration,
  type Figure,
  type Goal,
  type Place,
  type Scenario,
  type System,
  TIDEMARK,
  verify,
} from "../scenario.js";
import type { TextLevel } from "../store.js";
import { openMemoryLevelOfText } from "../systems/level.js";
import { openTidemarkLevel } from "../systems/tidemark.js";
import { runWriters } from "../writers.js";

const BATCH_COUNT = 1000;
/** Keys that are asked for, again and again. */
const ASKED_COUNT = 100_000;

function keyCount({ quick }: Place): number {
  return quick ? 100_000 : 1_000_000;
}

/** 100 characters. */
function textAt(number: number): string {
  return String(number).padStart(100, "nothing unusual was seen here so ");
}

function put(number: number) {
  return { type: "put" as const, key: keyAt(number), value: textAt(number) };
}

function system(open: (directory: string) => Promise<TextLevel>): System {
  return {
    async measure(place) {
      const level = await open(place.directory);
      const count = keyCount(place);
      const batch = (number: number) => level.batch(operationsAt(number, count));
      for (let number = 0; number < count / BATCH_COUNT; number++) await batch(number);
      const next = chance(11);
      const asked = Array.from({ length: ASKED_COUNT }, () => keyAt(Math.floor(next() * count)));
      const gets = { getSync: getSync(level, place, asked), get: await get(level, place, asked) };
      const put = (number: number) => {
        const at = scattered(number, count);
        return level.put(keyAt(at), textAt(at));
      };
      const puts = {
        put: await write(place, 1000, 1, put),
        put1: await write(place, 1, 1, put),
        batch: await write(place, 1, BATCH_COUNT, batch),
      };
      verifyLevel(level, count);
      await level.close();
      return { ...gets, ...puts };
    },
  };
}

function operationsAt(number: number, count: number) {
  return Array.from({ length: BATCH_COUNT }, (_, n) =>
    put(scattered((number * BATCH_COUNT + n) % count, count)),
  );
}

function verifyLevel(level: TextLevel, count: number): void {
  for (let number = 0; number < count; number += count / 1000) {
    verify(level.getSync(keyAt(number)) === textAt(number), keyAt(number));
  }
}

/** µs that one takes, warm. */
function getSync(level: TextLevel, place: Place, keys: string[]): number {
  const run = (ms: number) => {
    const startMs = performance.now();
    let count = 0;
    while (performance.now() - startMs < ms) {
      for (let n = 0; n < 1000; n++) {
        verify(level.getSync(keys[count++ % keys.length] ?? "")?.length === 100, "a value");
      }
    }
    return ((performance.now() - startMs) * 1000) / count;
  };
  run(duration(place).warmMs);
  return run(duration(place).measureMs);
}

/** As `getSync`, of gets that are awaited one by one. */
async function get(level: TextLevel, place: Place, keys: string[]): Promise<number> {
  const run = async (ms: number) => {
    const startMs = performance.now();
    let count = 0;
    while (performance.now() - startMs < ms) {
      for (let n = 0; n < 1000; n++) {
        const value = await level.get(keys[count++ % keys.length] ?? "");
        verify(value?.length === 100, "a value");
      }
    }
    return ((performance.now() - startMs) * 1000) / count;
  };
  await run(duration(place).warmMs);
  return await run(duration(place).measureMs);
}

/** µs for each put, of writers that each wait for theirs before the next. */
async function write(
  place: Place,
  writers: number,
  puts: number,
  run: (number: number) => Promise<void>,
): Promise<number> {
  const { warmMs, measureMs } = duration(place);
  const warm = await runWriters(writers, warmMs, 0, run);
  const { count, seconds } = await runWriters(writers, measureMs, warm.count, run);
  return (seconds * 1e6) / (count * puts);
}

const GOALS = [{ ratio: 1 / 1.5, against: "memory-level" }];

function figure(key: string, title: string, goals: readonly Goal[]): Figure {
  return { key, name: `level-${key}`, title, unit: "µs", better: "lower", goals };
}

export const level: Scenario = {
  name: "level",
  systems: {
    [TIDEMARK]: system(openTidemarkLevel),
    "memory-level": system(openMemoryLevelOfText),
  },
  figures: [
    figure("getSync", "Level: getSync, 1 M keys", GOALS),
    figure("get", "Level: get, awaited", GOALS),
    figure("put", "Level: put, 1,000 in flight", GOALS),
    figure("put1", "Level: put, awaited one by one", []),
    figure("batch", "Level: put in batches of 1,000", GOALS),
  ],
};
