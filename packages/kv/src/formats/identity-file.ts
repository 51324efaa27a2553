// DATABASE on disk: read, or made when a database is. It comes before the log and the snapshots, so that a
// directory with neither name is never taken for a database and one with DATABASE alone is one half made.

import { join } from "node:path";
import { type File, type FileSystem, FileSystemError, writeFully } from "@tidemark/wal";
import { corrupt, DatabaseError } from "../errors.js";
import { decodeIdentity, encodeIdentity, IDENTITY_LENGTH, type Identity } from "./identity.js";
import {
  IDENTITY_NAME,
  IDENTITY_TEMPORARY_NAME,
  isFileSystemError,
  listIfThere,
  openOurs,
  unlinkIfThere,
} from "./layout.js";

/** The identity of the database in a directory; undefined where there is none. */
export function readIdentity(
  fileSystem: FileSystem,
  directory: string,
): Promise<Identity | undefined> {
  return readIdentityFile(fileSystem, join(directory, IDENTITY_NAME));
}

/** What a file of that name says; undefined where there is none. */
export async function readIdentityFile(
  fileSystem: FileSystem,
  path: string,
): Promise<Identity | undefined> {
  const bytes = await readWhole(fileSystem, path);
  if (bytes === undefined) return undefined;
  const decoded = decodeIdentity(bytes);
  if (decoded.verdict === "valid") return decoded.identity;
  if (decoded.verdict === "invalid") throw corrupt(decoded.reason, path, decoded.position);
  throw new DatabaseError("KV_UNSUPPORTED_VERSION", decoded.reason, { file: path });
}

/** The file, and no more of it than one byte too many; undefined where there is none. */
async function readWhole(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  let file: File;
  try {
    file = await openOurs(fileSystem, path);
  } catch (error) {
    if (isFileSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    const bytes = new Uint8Array(IDENTITY_LENGTH + 1);
    return bytes.subarray(0, file.readSync(bytes, 0));
  } finally {
    await file.close();
  }
}

/** Makes a directory a database, unless it has become one meanwhile. Rejects with `KV_LOCKED` if someone is at it. */
export async function createIdentity(
  fileSystem: FileSystem,
  directory: string,
  identity: Identity,
): Promise<void> {
  const path = join(directory, IDENTITY_TEMPORARY_NAME);
  const file = await openOrCreate(fileSystem, path);
  try {
    // Two who make the same database would otherwise rename each other's files.
    if (file.tryLock() === "busy") {
      throw new DatabaseError("KV_LOCKED", "this database is being made by someone else", {
        file: path,
      });
    }
    const names = await listIfThere(fileSystem, directory);
    if (names?.some(({ name }) => name === IDENTITY_NAME)) {
      await unlinkIfThere(fileSystem, path);
      return;
    }
    await file.truncate(0);
    await writeFully(file, encodeIdentity(identity), 0);
    // Without this sync, a crash after the rename could leave a DATABASE without its bytes.
    await file.sync();
    await fileSystem.rename(path, join(directory, IDENTITY_NAME));
    // Without this one, a log could be durable in a directory that is no database after a crash.
    await fileSystem.syncDirectory(directory);
  } finally {
    await file.close();
  }
}

async function openOrCreate(fileSystem: FileSystem, path: string): Promise<File> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await fileSystem.create(path);
    } catch (error) {
      if (!isFileSystemError(error, "EEXIST")) throw error;
    }
    try {
      return await fileSystem.open(path, "write");
    } catch (error) {
      // Whoever had it may have renamed it between the two calls.
      const gone = error instanceof FileSystemError && error.code === "ENOENT";
      if (!gone || attempt === 100) throw error;
    }
  }
}
