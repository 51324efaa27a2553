// LMDB commits puts that wait together in one transaction, and says by `flushed` when it is on the disk.

import type { Lmdb } from "lmdb";
import type { Journal } from "../journal.js";
import type { Value } from "../material.js";
import type { ReadableStore } from "../store.js";

export async function openLmdbJournal(directory: string, durable: boolean): Promise<Journal> {
  const { open } = await import("lmdb");
  const db = open<number, Uint8Array>({ path: directory, encoding: "binary", noSync: !durable });
  let next = db.getStats().entryCount;
  return {
    append: durable ? (payload) => putFlushed(db, next++, payload) : (p) => db.put(next++, p),
    read: (number) => db.get(number),
    count: () => db.getStats().entryCount,
    close: () => db.close(),
  };
}

export async function openLmdb(directory: string, durable: boolean): Promise<ReadableStore> {
  const { open } = await import("lmdb");
  const db = open<string, Value>({ path: directory, useRecords: false, noSync: !durable });
  return {
    put: durable ? (key, value) => putFlushed(db, key, value) : (key, value) => db.put(key, value),
    async batch(entries) {
      await db.transaction(() => {
        for (const [key, value] of entries) void db.put(key, value);
      });
      if (durable) await db.flushed;
    },
    get: (key) => db.get(key),
    scan(from, limit) {
      let count = 0;
      const range = from === undefined ? { limit } : { start: from, limit };
      for (const { value } of db.getRange(range)) if (value.id > 0) count += 1;
      return count;
    },
    count: () => db.getStats().entryCount,
    close: () => db.close(),
  };
}

async function putFlushed<K, V>(db: Lmdb<K, V>, key: K, value: V): Promise<void> {
  await db.put(key, value);
  await db.flushed;
}
