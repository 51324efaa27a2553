// Databases in directories of their own: the verbs of the tests.

import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Database,
  DatabaseError,
  type DatabaseErrorCode,
  type DatabaseOptions,
  type Reading,
  type View,
} from "@tidemark/kv";
import { expect, onTestFinished } from "vitest";
import type { SnapshotEntry } from "../src/state/entry.js";
import type { FaultyDisk } from "./faulty-disk.js";

export type Options = DatabaseOptions & { readonly keys?: "string" };

/** Removed after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-kv-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A path in a directory of its own where nothing is yet. */
export function freshPath(): string {
  return join(temporaryDirectory(), "db");
}

/** Opens a database; closed after the test if the test does not. */
export async function openDatabase<V = unknown>(
  directory = freshPath(),
  options: Options = {},
): Promise<Database<V>> {
  const database = await Database.open<V>(directory, withoutRemoval(options));
  onTestFinished(() => letGo(database));
  return database;
}

/** Nothing makes commits but the test, unless it says so. */
function withoutRemoval(options: Options): Options {
  const never = Number.POSITIVE_INFINITY;
  return options.readOnly === true ? options : { removeExpiredAfterMs: never, ...options };
}

/** As `openDatabase`, with keys of bytes. */
export async function openBytes<V = unknown>(
  directory = freshPath(),
): Promise<Database<V, Uint8Array>> {
  const database = await Database.open<V>(directory, { keys: "bytes" });
  onTestFinished(() => letGo(database));
  return database;
}

/** Options for a database on a disk of the test's. */
export function on(disk: FaultyDisk): Options {
  return { log: { fileSystem: disk.fileSystem, noteAfterMs: 0 } };
}

interface Closable {
  close(): Promise<void>;
}

/** Closes what may have failed, without a word. */
export async function letGo(closable: Closable): Promise<void> {
  await closable.close().catch(() => undefined);
}

/** Closes and opens again. */
export async function reopen<V>(
  database: Database<V>,
  options: Options = {},
): Promise<Database<V>> {
  await database.close();
  return openDatabase<V>(database.directory, options);
}

/** Everything there is, in order. */
export function contents(reading: Reading<unknown, string> | View): [string, unknown][] {
  return [...reading.entries()];
}

/** A copy of a directory as it is now; taken anew where what is done in the background renames a file while it is copied. */
export function copyOf(directory: string, attempts = 20): string {
  const copy = join(temporaryDirectory(), "copy");
  try {
    cpSync(directory, copy, { recursive: true });
    return copy;
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isGone || attempts === 1 || !existsSync(directory)) throw error;
    return copyOf(directory, attempts - 1);
  }
}

/** No process has it: above what any system gives out. */
const DEAD_PID = 2 ** 30;

/** A copy of a live database as if its process had been killed now, which has nothing under way. */
export function killImage(directory: string): string {
  const copy = copyOf(directory);
  const lock = join(copy, "log", "LOCK");
  const text = readFileSync(lock, "utf8");
  if (text !== "") {
    writeFileSync(lock, `${JSON.stringify({ ...JSON.parse(text), pid: DEAD_PID })}\n`);
  }
  return copy;
}

/** All files below a directory with their bytes, but for locks, which a reader may look at. */
export function filesIn(directory: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.name === "LOCK") continue;
    const content = entry.isFile() ? readFileSync(path, "latin1") : "";
    files.set(path.slice(directory.length), `${lstatSync(path).mode} ${content}`);
  }
  return files;
}

/** Paths of the snapshot files of a database, oldest first. */
export function snapshotFiles(directory: string): string[] {
  const snapshots = join(directory, "snapshots");
  return readdirSync(snapshots)
    .filter((name) => name.endsWith(".snapshot"))
    .sort()
    .map((name) => join(snapshots, name));
}

/** The error of a call that has to be refused with this code. */
export async function refused(code: DatabaseErrorCode, run: () => unknown): Promise<DatabaseError> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    expect(error.code, error.message).toBe(code);
    return error;
  }
  throw new Error(`this was to be refused with ${code}`);
}

/** An entry, without the form that it has in memory. */
export function plainEntry({ key, value, offset, time, expiry }: SnapshotEntry): SnapshotEntry {
  return { key, value, offset, time, expiry };
}
