// Reading a store of a million keys: single ones by chance, that are there and that are not, and ranges.

import { chance, keyAt, valueAt } from "../material.js";
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
import type { OpenStore, ReadableStore } from "../store.js";
import { fillStore } from "../store-filling.js";
import { openLevel, openMemoryLevel } from "../systems/level.js";
import { openLmdb } from "../systems/lmdb.js";
import { openMap } from "../systems/plain-map.js";
import { openSqlite } from "../systems/sqlite.js";
import { openDatabase } from "../systems/tidemark.js";

const RANGE_COUNT = 100;
/** Keys that are asked for, again and again. */
const ASKED_COUNT = 100_000;

function keyCount({ quick }: Place): number {
  return quick ? 100_000 : 1_000_000;
}

/** A store on disk, filled once. */
function onDisk(open: OpenStore<ReadableStore>): System {
  return {
    async prepare(place) {
      const store = await open(place.directory, false);
      await fillStore(store, keyCount(place));
      await store.close();
    },
    async measure(place) {
      const store = await open(place.directory, false);
      return await measureStore(store, place, true);
    },
  };
}

/** A store that has to be filled in each process. */
function inMemory(open: OpenStore<ReadableStore>, ordered: boolean): System {
  return {
    async measure(place) {
      const store = await open(place.directory, false);
      await fillStore(store, keyCount(place));
      return await measureStore(store, place, ordered);
    },
  };
}

async function measureStore(store: ReadableStore, place: Place, ordered: boolean) {
  const count = keyCount(place);
  verify((await store.count()) === count, `${count} keys`);
  const next = chance(11);
  const numbers = Array.from({ length: ASKED_COUNT }, () => Math.floor(next() * count));
  const hits = numbers.map((number) => keyAt(number));
  for (const number of numbers.slice(0, 1000)) {
    verify(store.get(keyAt(number))?.note === valueAt(number).note, keyAt(number));
  }
  const misses = hits.map((key) => `${key.slice(0, -1)}x`);
  const found = { hit: getAll(store, place, hits, 1), miss: getAll(store, place, misses, 0) };
  const ranges = ordered ? await readInOrder(store, place, hits) : {};
  await store.close();
  return { ...found, ...ranges };
}

/** µs that a get takes. */
function getAll(store: ReadableStore, place: Place, keys: string[], expected: 0 | 1): number {
  getFor(store, keys, duration(place).warmMs);
  const { count, found, ms } = getFor(store, keys, duration(place).measureMs);
  verify(found === expected * count, `${found} of ${count} keys found`);
  return (ms * 1000) / count;
}

function getFor(store: ReadableStore, keys: string[], ms: number) {
  const startMs = performance.now();
  let count = 0;
  let found = 0;
  while (performance.now() - startMs < ms) {
    for (let n = 0; n < 1000; n++) {
      const value = store.get(keys[count++ % keys.length] ?? "");
      if (value !== undefined && value.id > 0) found += 1;
    }
  }
  return { count, found, ms: performance.now() - startMs };
}

/** µs that a range of 100 takes, and entries a second of all. */
async function readInOrder(store: ReadableStore, place: Place, keys: string[]) {
  // From keys on that have as many behind them.
  const last = keyAt(keyCount(place) - RANGE_COUNT);
  const starts = keys.filter((key) => key <= last);
  const read = async (ms: number) => {
    const startMs = performance.now();
    let count = 0;
    while (performance.now() - startMs < ms) {
      const found = store.scan(starts[count++ % starts.length], RANGE_COUNT);
      // Only who has to be waited for is.
      verify((typeof found === "number" ? found : await found) === RANGE_COUNT, "a range");
    }
    return ((performance.now() - startMs) * 1000) / count;
  };
  await read(duration(place).warmMs);
  const range = await read(duration(place).measureMs);
  return { range, scan: await scanAll(store, place, keyCount(place)) };
}

/** Entries per second over all keys. */
async function scanAll(store: ReadableStore, place: Place, count: number): Promise<number> {
  const { measureMs } = duration(place);
  const startMs = performance.now();
  let scans = 0;
  do {
    verify((await store.scan(undefined, count)) === count, "a scan");
    scans += 1;
  } while (performance.now() - startMs < measureMs);
  return (scans * count) / ((performance.now() - startMs) / 1000);
}

function figure(key: string, title: string, goals: readonly Goal[]): Figure {
  const unit = key === "scan" ? "entries/s" : "µs";
  const better = key === "scan" ? "higher" : "lower";
  return { key, name: `kv-${key}`, title, unit, better, goals };
}

const GET_GOALS = [
  { ratio: 3, against: "lmdb" },
  { ratio: 5, against: "better-sqlite3" },
];
const RANGE_GOALS = [{ ratio: 2, against: "lmdb" }];

export const kvRead: Scenario = {
  name: "kv-read",
  systems: {
    [TIDEMARK]: onDisk(openDatabase),
    lmdb: onDisk(openLmdb),
    "classic-level": onDisk(openLevel),
    "better-sqlite3": onDisk(openSqlite),
    "memory-level": inMemory(openMemoryLevel, true),
    Map: inMemory(openMap, false),
  },
  figures: [
    figure("hit", "kv: get, key is there, 1 M keys", GET_GOALS),
    figure("miss", "kv: get, key is not there, 1 M keys", GET_GOALS),
    figure("range", "kv: range of 100 entries", RANGE_GOALS),
    figure("scan", "kv: full scan of 1 M entries", RANGE_GOALS),
  ],
};
