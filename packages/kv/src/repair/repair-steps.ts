// The steps of a repair that change what is there, in an order in which a crash at any of them leaves a directory
// that opens as before, does not open, or opens as repaired; a repair that is called again ends the same.

import { join } from "node:path";
import { type FileSystem, type Lock, lockLog, writeFully } from "@tidemark/wal";
import {
  asideName,
  isFileSystemError,
  listIfThere,
  partsOf,
  REPAIR_NAME,
  REPAIR_TEMPORARY_NAME,
  repairedName,
  unlinkIfThere,
} from "../formats/layout.js";

const TEXT =
  "A repair of this database was cut off, or is under way. Call repairDatabase to have it finished.\n";

/** Whether a repair had made its parts and was about to put them in place. */
export async function isUnderRepair(fileSystem: FileSystem, directory: string): Promise<boolean> {
  const entries = (await listIfThere(fileSystem, directory)) ?? [];
  return entries.some(({ name }) => name === REPAIR_NAME);
}

/** From when it resolves on the database does not open, until `putInPlace` has ended. */
export async function announce(fileSystem: FileSystem, directory: string): Promise<void> {
  const path = join(directory, REPAIR_TEMPORARY_NAME);
  await unlinkIfThere(fileSystem, path);
  const file = await fileSystem.create(path);
  try {
    await writeFully(file, Buffer.from(TEXT), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  // Before this rename is durable, a crash leaves the old parts, and the new ones as leftovers. After it, the new
  // ones are finished, and whatever stands in their places goes aside.
  await fileSystem.rename(path, join(directory, REPAIR_NAME));
  await fileSystem.syncDirectory(directory);
}

/** Puts finished parts in place of those that are there. Returns where these have gone. */
export async function putInPlace(fileSystem: FileSystem, directory: string): Promise<string[]> {
  const parts = partsOf(directory);
  const aside: string[] = [];
  for (const path of [parts.log, parts.snapshots]) {
    if ((await listIfThere(fileSystem, repairedName(path))) === undefined) continue;
    // Each rename is durable before the next: a crash must not let the new one replace the old.
    aside.push(...(await setAside(fileSystem, directory, path)));
    await fileSystem.rename(repairedName(path), path);
    await fileSystem.syncDirectory(directory);
  }
  await unlinkIfThere(fileSystem, join(directory, REPAIR_NAME));
  await fileSystem.syncDirectory(directory);
  return aside;
}

/** Gives a file or directory a name that is no part of the database; returns it, or nothing if it is not there. */
export async function setAside(
  fileSystem: FileSystem,
  parent: string,
  path: string,
): Promise<string[]> {
  const name = await asideName(fileSystem, path);
  try {
    await fileSystem.rename(path, name);
  } catch (error) {
    if (isFileSystemError(error, "ENOENT")) return [];
    throw error;
  }
  await fileSystem.syncDirectory(parent);
  return [name];
}

/** Takes the writer's lock of each of these logs that is there. */
export async function lockParts(fileSystem: FileSystem, logs: readonly string[]): Promise<Lock[]> {
  const locks: Lock[] = [];
  try {
    for (const path of logs) {
      if ((await listIfThere(fileSystem, path)) === undefined) continue;
      locks.push(await lockLog(path, { fileSystem }));
    }
    return locks;
  } catch (error) {
    await releaseAll(locks);
    throw error;
  }
}

export async function releaseAll(locks: readonly Lock[]): Promise<void> {
  // One that cannot be released in order is let go of all the same.
  for (const lock of locks) await lock.release().catch(() => undefined);
}
