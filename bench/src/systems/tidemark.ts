import { Database } from "@tidemark/kv";
import { TidemarkLevel } from "@tidemark/kv/level";
import { Log } from "@tidemark/wal";
import type { Journal } from "../journal.js";
import type { Value } from "../material.js";
import type { ReadableStore, TextLevel } from "../store.js";

export async function openLog(directory: string, durable: boolean): Promise<Journal> {
  const log = await Log.open(directory, { durability: durable ? "commit" : "os" });
  return {
    append: (payload) => log.append(payload),
    read: (number) => log.read(number).payload,
    count: () => log.endOffset - log.startOffset,
    close: () => log.close(),
  };
}

export async function openDatabase(directory: string, durable: boolean): Promise<ReadableStore> {
  const durability = durable ? "commit" : "os";
  return storeOf(await Database.open<Value>(directory, { log: { durability } }));
}

/** Writes resolve once they are with the system: what they are measured beside keeps nothing on disk. */
export async function openTidemarkLevel(directory: string): Promise<TextLevel> {
  const level = new TidemarkLevel<string, string>(directory, { log: { durability: "os" } });
  await level.open();
  return level;
}

function storeOf(db: Database<Value>): ReadableStore {
  return {
    put: (key, value) => db.put(key, value),
    batch: (entries) =>
      db.batch(entries.map(([key, value]) => ({ type: "put" as const, key, value }))),
    get: (key) => db.get(key),
    scan(from, limit) {
      let count = 0;
      const range = from === undefined ? { limit } : { gte: from, limit };
      for (const [, value] of db.entries(range)) if (value.id > 0) count += 1;
      return count;
    },
    count: () => db.size,
    close: () => db.close(),
  };
}
