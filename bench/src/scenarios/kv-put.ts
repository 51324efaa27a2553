// Durable puts of 14-byte keys and 100-byte values, in an order that jumps about.

import { keyAt, scattered, type Value, valueAt } from "../material.js";
import { duration, type Goal, type Scenario, type System, TIDEMARK, verify } from "../scenario.js";
import type { OpenStore, Store } from "../store.js";
import { openLevel } from "../systems/level.js";
import { openLmdb } from "../systems/lmdb.js";
import { openRedis } from "../systems/redis.js";
import { redisMissing } from "../systems/redis-server.js";
import { rocksdbWriting } from "../systems/rocksdb.js";
import { openSqlite } from "../systems/sqlite.js";
import { openDatabase } from "../systems/tidemark.js";
import { runWriters } from "../writers.js";

const KEY = "perSecond";
const KEYS = 10_000_000;
const READ_BACK_COUNT = 100;
const PEERS = ["lmdb", "classic-level", "better-sqlite3", "Redis", "RocksDB (C++)"];

type Entry = readonly [string, Value];

function entry(number: number): Entry {
  return [keyAt(scattered(number, KEYS)), valueAt(number)];
}

function batchOf(number: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, n) => entry(number * count + n));
}

function putting(
  open: OpenStore,
  writers: number,
  batchCount: number,
  missing?: () => string | undefined,
): System {
  return {
    ...(missing === undefined ? {} : { missing }),
    async measure(place) {
      const { warmMs, measureMs } = duration(place);
      const store = await open(place.directory, true);
      const write =
        batchCount === 1
          ? (number: number) => store.put(...entry(number))
          : (number: number) => store.batch(batchOf(number, batchCount));
      const warm = await runWriters(writers, warmMs, 0, write);
      const measured = await runWriters(writers, measureMs, warm.count, write);
      await store.close();
      const reopened = await open(place.directory, true);
      await verifyStore(reopened, (warm.count + measured.count) * batchCount);
      await reopened.close();
      return { [KEY]: (measured.count * batchCount) / measured.seconds };
    },
  };
}

async function verifyStore(store: Store, count: number): Promise<void> {
  const found = await store.count();
  verify(found === count, `${found} keys instead of ${count}`);
  for (let index = 0; index < READ_BACK_COUNT; index++) {
    const number = Math.floor((index * (count - 1)) / READ_BACK_COUNT);
    const [key, { id }] = entry(number);
    const value = await store.get(key);
    verify(value?.id === id, `the value of ${key}`);
  }
}

function systems(writers: number, batchCount = 1): Record<string, System> {
  return {
    [TIDEMARK]: putting(openDatabase, writers, batchCount),
    lmdb: putting(openLmdb, writers, batchCount),
    "classic-level": putting(openLevel, writers, batchCount),
    "better-sqlite3": putting(openSqlite, writers, batchCount),
    Redis: putting(openRedis, writers, batchCount, redisMissing),
    "RocksDB (C++)": rocksdbWriting(KEY, writers, batchCount),
  };
}

function scenario(name: string, title: string, put: Scenario["systems"], ratio: number): Scenario {
  const goals: Goal[] = [{ ratio, best: PEERS }];
  const figure = { key: KEY, name, title, unit: "puts/s", better: "higher" as const, goals };
  return { name, systems: put, figures: [figure] };
}

export const kvPut: readonly Scenario[] = [
  scenario("kv-durable-1", "kv: durable put, 1 writer", systems(1), 1.3),
  scenario("kv-durable-64", "kv: durable put, 64 writers", systems(64), 4),
  scenario("kv-durable-1000", "kv: durable put, 1,000 writers", systems(1000), 10),
  scenario("kv-batch-1000", "kv: durable batches of 1,000 puts", systems(1, 1000), 3),
];
