// What a directory that was given is: a database, a log alone, or nothing that this program can read. Nothing is
// changed by looking.

import { join, resolve } from "node:path";
import { nodeFileSystem } from "@tidemark/wal";
import { DatabaseError } from "../errors.js";
import type { Identity } from "../formats/identity.js";
import { readIdentity } from "../formats/identity-file.js";
import {
  IDENTITY_NAME,
  isFileSystemError,
  LOG_NAME,
  listIfThere,
  logDirectory,
} from "../formats/layout.js";
import { UsageError } from "./failure.js";

/** What a log has in its directory. */
const MANIFEST_NAME = "MANIFEST";

export interface Found {
  readonly kind: "database" | "log";
  /** Absolute path. */
  readonly directory: string;
}

/** Rejects with `KV_NOT_FOUND`, or `KV_IO`. */
export async function findIn(given: string): Promise<Found> {
  const directory = resolve(given);
  const names = await namesIn(directory);
  if (names.includes(IDENTITY_NAME)) return { kind: "database", directory };
  if (names.includes(MANIFEST_NAME) || names.some(isStore)) return { kind: "log", directory };
  if (names.includes(LOG_NAME) && (await holdsLog(join(directory, LOG_NAME)))) {
    return { kind: "database", directory };
  }
  throw new DatabaseError("KV_NOT_FOUND", "there is no database and no log here", {
    file: directory,
  });
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries = await listIfThere(nodeFileSystem, directory);
    if (entries !== undefined) return entries.map(({ name }) => name);
  } catch (error) {
    if (!isFileSystemError(error, "ENOTDIR")) throw error;
    throw new DatabaseError("KV_NOT_FOUND", "this is no directory", { file: directory });
  }
  throw new DatabaseError("KV_NOT_FOUND", "there is no such directory", { file: directory });
}

function isStore(name: string): boolean {
  return /^\d{8}\.log$/.test(name);
}

async function holdsLog(directory: string): Promise<boolean> {
  return (await namesIn(directory).catch(() => [])).some(
    (name) => name === MANIFEST_NAME || isStore(name),
  );
}

/** For commands that need keys and values. Rejects with `KV_NOT_FOUND`, `KV_CORRUPT` or UsageError. */
export async function findDatabase(given: string): Promise<string> {
  const { kind, directory } = await findIn(given);
  if (kind === "database") {
    await identityOf(directory);
    return directory;
  }
  throw new UsageError(
    `${directory} is a log alone: info, verify, dump and tail read it, but it has no keys`,
  );
}

/** The identity of a database. Rejects with `KV_CORRUPT`. */
export async function identityOf(directory: string): Promise<Identity> {
  const identity = await readIdentity(nodeFileSystem, directory);
  if (identity !== undefined) return identity;
  throw new DatabaseError("KV_CORRUPT", `${IDENTITY_NAME} is missing beside a log`, {
    file: directory,
  });
}

/** The log of a directory. Rejects with `KV_CORRUPT` if a database has lost its own. */
export async function findLog({ kind, directory }: Found): Promise<string> {
  if (kind === "log") return directory;
  const path = logDirectory(directory);
  if ((await listIfThere(nodeFileSystem, path)) !== undefined) return path;
  throw new DatabaseError("KV_CORRUPT", "the log of this database is missing", { file: path });
}
