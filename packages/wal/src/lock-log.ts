// The writer's lock for someone who is no writer: work on a log's files while nobody may have it open.

import { checkDirectory } from "./arguments.js";
import { listEntries } from "./directory.js";
import type { FileSystem } from "./file-system.js";
import { acquireLock, type Lock } from "./lock.js";
import { notFound } from "./opening.js";
import { checkKeys, resolveFileSystem } from "./options.js";

/** On which file system the log is. */
export interface LockLogOptions {
  readonly fileSystem?: FileSystem;
}

/**
 * Takes the writer's lock in a directory that exists, whatever state the log in it is in, without opening the log.
 * Until `release`, opening it for writing, and `repairLog`, reject with `LOG_LOCKED`; the lock stays with the directory
 * when that is renamed. Rejects with `LOG_LOCKED`, which names the holder, `LOG_NOT_FOUND` where there is no such
 * directory, `LOG_INVALID_ARGUMENT` or `LOG_IO`.
 */
export async function lockLog(directory: string, options: LockLogOptions = {}): Promise<Lock> {
  checkKeys("options", options, ["fileSystem"]);
  const absolute = checkDirectory(directory);
  const fileSystem = resolveFileSystem(options.fileSystem);
  if (listEntries(fileSystem, absolute) === undefined) throw notFound(absolute);
  return await acquireLock(fileSystem, absolute, Date.now);
}
