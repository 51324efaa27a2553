// SQLite with its write-ahead log: synchronous=FULL syncs it with each transaction, OFF never.

import { join } from "node:path";
import type SqliteDatabase from "better-sqlite3";
import { decodeValue, encodeValue } from "../encoding.js";
import type { Journal } from "../journal.js";
import type { Value } from "../material.js";
import type { ReadableStore } from "../store.js";

async function open(directory: string, durable: boolean, table: string): Promise<SqliteDatabase> {
  const { default: Sqlite } = await import("better-sqlite3");
  const db = new Sqlite(join(directory, "sqlite.db"));
  db.pragma("journal_mode = WAL");
  db.pragma(`synchronous = ${durable ? "FULL" : "OFF"}`);
  db.exec(`CREATE TABLE IF NOT EXISTS ${table}`);
  return db;
}

export async function openSqliteJournal(directory: string, durable: boolean): Promise<Journal> {
  const db = await open(directory, durable, "log (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)");
  const insert = db.prepare("INSERT INTO log (payload) VALUES (?)");
  const select = db.prepare("SELECT payload FROM log WHERE id = ?").pluck();
  const count = db.prepare("SELECT count(*) FROM log").pluck();
  return {
    append: (payload) => insert.run(payload),
    // The first row is number 1.
    read: (number) => select.get(number + 1) as Uint8Array | undefined,
    count: () => count.get() as number,
    close: () => db.close(),
  };
}

/** Appends many records in one transaction. */
export async function fillSqliteJournal(
  directory: string,
  payloads: Iterable<Uint8Array>,
): Promise<void> {
  const db = await open(directory, false, "log (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)");
  const insert = db.prepare("INSERT INTO log (payload) VALUES (?)");
  const fill = db.transaction(() => {
    for (const payload of payloads) insert.run(payload);
  });
  fill();
  db.close();
}

export async function openSqlite(directory: string, durable: boolean): Promise<ReadableStore> {
  const db = await open(directory, durable, "kv (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
  const replace = db.prepare("INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)");
  const select = db.prepare("SELECT value FROM kv WHERE key = ?").pluck();
  const range = db.prepare("SELECT key, value FROM kv WHERE key >= ? ORDER BY key LIMIT ?").raw();
  const count = db.prepare("SELECT count(*) FROM kv").pluck();
  const write = db.transaction((entries: readonly (readonly [string, Value])[]) => {
    for (const [key, value] of entries) replace.run(key, encodeValue(value));
  });
  return {
    put: (key, value) => replace.run(key, encodeValue(value)),
    batch: (entries) => write(entries),
    get(key) {
      const bytes = select.get(key) as Uint8Array | undefined;
      return bytes === undefined ? undefined : decodeValue(bytes);
    },
    scan(from, limit) {
      let found = 0;
      for (const row of range.iterate(from ?? "", limit)) {
        const [, bytes] = row as [string, Uint8Array];
        if (decodeValue(bytes).id > 0) found += 1;
      }
      return found;
    },
    count: () => count.get() as number,
    close: () => db.close(),
  };
}
