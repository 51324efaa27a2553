// LevelDB, and memory-level, which keeps encoded values in a tree in memory.

import type { ClassicLevel } from "classic-level";
import type { MemoryLevel } from "memory-level";
import { levelEncoding } from "../encoding.js";
import type { Journal } from "../journal.js";
import type { Value } from "../material.js";
import type { ReadableStore, TextLevel } from "../store.js";

const STORE = { keyEncoding: "utf8", valueEncoding: levelEncoding };
/** Entries that one call of an iterator brings. */
const NEXT_COUNT = 1000;

export async function openLevelJournal(directory: string, durable: boolean): Promise<Journal> {
  const { ClassicLevel } = await import("classic-level");
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: "view",
    valueEncoding: "view",
  });
  await level.open();
  let next = await countOf(level);
  return {
    append: (payload) => level.put(ordinal(next++), payload, { sync: durable }),
    read: (number) => level.getSync(ordinal(number)),
    count: () => countOf(level),
    close: () => level.close(),
  };
}

export async function openLevel(directory: string, durable: boolean): Promise<ReadableStore> {
  const { ClassicLevel } = await import("classic-level");
  return storeOf(new ClassicLevel<string, Value>(directory, STORE), durable);
}

/** Keeps nothing on disk. */
export async function openMemoryLevel(): Promise<ReadableStore> {
  const { MemoryLevel } = await import("memory-level");
  return storeOf(new MemoryLevel<string, Value>({ ...STORE, storeEncoding: "buffer" }), false);
}

/** Text in both, as the defaults of Level have it; what is to be stored is text in memory-level too. */
export async function openMemoryLevelOfText(): Promise<TextLevel> {
  const { MemoryLevel } = await import("memory-level");
  const encodings = { keyEncoding: "utf8", valueEncoding: "utf8" };
  const level = new MemoryLevel<string, string>({ ...encodings, storeEncoding: "utf8" });
  await level.open();
  return level;
}

type AnyLevel<K, V> = ClassicLevel<K, V> | MemoryLevel<K, V>;

async function storeOf(level: AnyLevel<string, Value>, durable: boolean): Promise<ReadableStore> {
  await level.open();
  const sync = { sync: durable };
  return {
    put: (key, value) => level.put(key, value, sync),
    batch: (entries) =>
      level.batch(
        entries.map(([key, value]) => ({ type: "put" as const, key, value })),
        sync,
      ),
    get: (key) => level.getSync(key),
    async scan(from, limit) {
      const iterator = level.iterator(from === undefined ? { limit } : { gte: from, limit });
      let count = 0;
      for (;;) {
        const entries = await iterator.nextv(NEXT_COUNT);
        if (entries.length === 0) break;
        for (const [, value] of entries) if (value.id > 0) count += 1;
      }
      await iterator.close();
      return count;
    },
    count: () => countOf(level),
    close: () => level.close(),
  };
}

async function countOf<K, V>(level: AnyLevel<K, V>): Promise<number> {
  const keys = level.keys();
  let count = 0;
  for (let some = await keys.nextv(NEXT_COUNT); some.length > 0; ) {
    count += some.length;
    some = await keys.nextv(NEXT_COUNT);
  }
  await keys.close();
  return count;
}

function ordinal(number: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
}
