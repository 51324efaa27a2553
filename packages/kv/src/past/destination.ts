// Where a restore or a backup goes: a path with nothing there, in no database; and the steps that put the whole there.
// Invariant: at the destination there is nothing, or the whole: everything is made under another name beside
// it, without the file that makes a directory a database until all else has been read back, and renamed last.

import { randomBytes } from "node:crypto";
import { basename, dirname, join, relative, sep } from "node:path";
import type { FileSystem } from "@tidemark/wal";
import { invalidArgument } from "../arguments/arguments.js";
import { DatabaseError, hasCode } from "../errors.js";
import type { Identity } from "../formats/identity.js";
import { createIdentity, readIdentityFile } from "../formats/identity-file.js";
import {
  IDENTITY_NAME,
  isFileSystemError,
  listIfThere,
  removeTree,
  unlinkIfThere,
} from "../formats/layout.js";

/** How far up databases are looked for. */
const LEVELS_MAX = 64;

/** Refuses a destination that is not free, or that lies in the source or in any other database. */
export async function checkDestination(
  fileSystem: FileSystem,
  source: string,
  destination: string,
): Promise<void> {
  const path = relative(source, destination);
  if (path === "" || !/^\.\.([/\\]|$)|^([A-Za-z]:)?[/\\]/.test(path)) {
    throw invalidArgument(
      "the destination is the source or lies within it, which is never written",
    );
  }
  if (await isOccupied(fileSystem, destination)) {
    throw new DatabaseError("KV_EXISTS", "the destination is not free", { file: destination });
  }
  if (await liesInDatabase(fileSystem, destination)) {
    throw invalidArgument("the destination lies within a database");
  }
}

/** Whether there is anything but an empty directory. A link counts, whatever it leads to: it would not be replaced. */
async function isOccupied(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    const siblings = (await listIfThere(fileSystem, dirname(path))) ?? [];
    const itself = siblings.find(({ name }) => name === basename(path));
    if (itself !== undefined && itself.kind !== "directory") return true;
    return ((await listIfThere(fileSystem, path)) ?? []).length > 0;
  } catch (error) {
    if (isFileSystemError(error, "ENOTDIR")) return true;
    throw error;
  }
}

/** Symbolic links are seen through: where a path leads, the directories above are other ones than it names. */
async function liesInDatabase(fileSystem: FileSystem, path: string): Promise<boolean> {
  let directory = dirname(path);
  for (let above = dirname(directory); above !== directory; above = dirname(directory)) {
    if ((await listIfThere(fileSystem, directory)) !== undefined) break;
    directory = above;
  }
  for (let level = 0; level < LEVELS_MAX; level++) {
    if (await holdsDatabase(fileSystem, directory)) return true;
    // Not by `join`, which would take the last name away instead of asking the system.
    directory += `${sep}..`;
  }
  return false;
}

async function holdsDatabase(fileSystem: FileSystem, directory: string): Promise<boolean> {
  try {
    const path = `${directory}${sep}${IDENTITY_NAME}`;
    return (await readIdentityFile(fileSystem, path)) !== undefined;
  } catch (error) {
    if (hasCode(error, "KV_UNSUPPORTED_VERSION")) return true;
    // Something else of that name.
    if (hasCode(error, "KV_CORRUPT")) return false;
    throw error;
  }
}

/** A database that is being made, and where it is to be. */
export interface Building {
  readonly fileSystem: FileSystem;
  /** What it is called until it is whole: of `temporaryName`. */
  readonly temporary: string;
  readonly destination: string;
}

/** A name beside a destination, for what is to go there. */
export function temporaryName(destination: string): string {
  return `${destination}.unfinished-${randomBytes(4).toString("hex")}`;
}

/**
 * Makes a database: `make` fills the directory with a log and snapshot files, all of them durable and read back. Durable
 * when it resolves. Leaves nothing when it rejects.
 */
export async function build<T>(
  { fileSystem, temporary, destination }: Building,
  identity: Identity,
  make: (directory: string) => Promise<T>,
): Promise<T> {
  try {
    await fileSystem.makeDirectory(temporary);
    const made = await make(temporary);
    // From here on it is a whole database, under another name.
    await createIdentity(fileSystem, temporary, identity);
    await publish(fileSystem, temporary, destination);
    return made;
  } catch (error) {
    // What cannot be removed stays, and is no database; why it failed matters more.
    await abandon(fileSystem, temporary).catch(() => undefined);
    throw error;
  }
}

/** Gives a directory the destination's name; durable when it resolves. */
async function publish(
  fileSystem: FileSystem,
  temporary: string,
  destination: string,
): Promise<void> {
  // Not on every system does a rename replace an empty directory.
  if ((await listIfThere(fileSystem, destination)) !== undefined) {
    await fileSystem.removeDirectory(destination);
  }
  await fileSystem.rename(temporary, destination);
  try {
    // Until this sync, a crash can bring back the temporary name: nothing, or the whole, at the destination.
    await fileSystem.syncDirectory(dirname(destination));
  } catch (error) {
    // What is reported as failed does not stay as if it had not.
    await fileSystem.rename(destination, temporary);
    throw error;
  }
}

/** Makes the name of a directory durable. One above that this process may not open is not its to make so. */
export async function syncName(fileSystem: FileSystem, directory: string): Promise<void> {
  try {
    await fileSystem.syncDirectory(dirname(directory));
  } catch (error) {
    if (!isFileSystemError(error, "EACCES") && !isFileSystemError(error, "EPERM")) throw error;
  }
}

/** Removes what was made for a destination; DATABASE first, so that what is left, if this fails, is no database. */
export async function abandon(fileSystem: FileSystem, temporary: string): Promise<void> {
  // Without this sync, a crash could bring back the destination's name, where it was taken back, for part of it.
  await fileSystem.syncDirectory(dirname(temporary));
  await unlinkIfThere(fileSystem, join(temporary, IDENTITY_NAME));
  // Without this one, a crash could bring back DATABASE without what is removed now: an empty database.
  await fileSystem.syncDirectory(temporary);
  await removeTree(fileSystem, temporary);
}
