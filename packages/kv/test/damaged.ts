// A database to be damaged, and ways to do it.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshPath, openDatabase, snapshotFiles } from "./fixture.js";

/** Commits of the database that most tests verify; it has snapshot files at 20 and at 40. */
export const COUNT = 60;

/** A closed database with several segments of log, two snapshot files, and keys that change and go. */
export async function filled(): Promise<string> {
  const log = { segmentBytes: 4096, noteAfterMs: 0 };
  const database = await openDatabase<unknown>(freshPath(), { log });
  for (let offset = 0; offset < COUNT; offset++) {
    if (offset === 20 || offset === 40) await database.checkpoint();
    // One is written once and stays as it is in all snapshot files.
    const key = offset === 1 ? "a key that stays" : `key ${offset % 17}`;
    if (offset % 11 === 10) await database.del(key);
    else await database.put(key, { offset, filler: "f".repeat(200) });
  }
  await database.close();
  return database.directory;
}

/** Changes a bit of a file. */
export function flip(path: string, position: number): void {
  const bytes = readFileSync(path);
  const at = position < 0 ? bytes.length + position : position;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** Where a key is mentioned for the first time. */
export function positionOf(path: string, text: string): number {
  const position = readFileSync(path).indexOf(text);
  if (position < 0) throw new Error(`no ${text} in ${path}`);
  return position;
}

export function store(directory: string, index: number): string {
  const names = readdirSync(join(directory, "log")).filter((name) => name.endsWith(".log"));
  return join(directory, "log", names.sort().at(index) ?? "none");
}

/** The newest or the oldest snapshot file. */
export function snapshot(directory: string, index: 0 | -1): string {
  return snapshotFiles(directory).at(index) ?? "none";
}
