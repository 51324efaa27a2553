// Where things are in a database's directory. Names are fixed or made of digits: nothing that was read from
// a file or given as a key ever becomes part of a path.

import { basename, dirname, join } from "node:path";
import { type DirectoryEntry, type File, type FileSystem, FileSystemError } from "@tidemark/wal";
import { corrupt } from "../errors.js";

const SNAPSHOT_NAME = /^(\d{20})\.snapshot$/;
const SNAPSHOT_TEMPORARY_NAME = /^\d{20}\.snapshot\.new$/;

export const IDENTITY_NAME = "DATABASE";
/** What DATABASE is called while it is being made. */
export const IDENTITY_TEMPORARY_NAME = "DATABASE.new";
export const LOG_NAME = "log";
export const SNAPSHOTS_NAME = "snapshots";
/** There while a repair puts what it has made in the place of what was there: until it is gone, nothing opens. */
export const REPAIR_NAME = "REPAIR";
export const REPAIR_TEMPORARY_NAME = "REPAIR.new";

/** Where the two parts of a database are. */
export interface Parts {
  readonly log: string;
  readonly snapshots: string;
}

export function partsOf(directory: string): Parts {
  return { log: logDirectory(directory), snapshots: snapshotsDirectory(directory) };
}

/** What a part is called that a repair has made anew. */
export function repairedName(path: string): string {
  return `${path}.repaired`;
}

const ASIDE_NAME = /\.aside-\d+$/;

/** Whether a repair has set this aside. */
export function isAside(name: string): boolean {
  return ASIDE_NAME.test(name);
}

/** A free name beside a path, for what a repair sets aside. */
export async function asideName(fileSystem: FileSystem, path: string): Promise<string> {
  const names = (await fileSystem.list(dirname(path))).map(({ name }) => name);
  for (let number = 1; ; number++) {
    const name = `${basename(path)}.aside-${number}`;
    if (!names.includes(name)) return join(dirname(path), name);
  }
}

export function logDirectory(directory: string): string {
  return join(directory, LOG_NAME);
}

export function snapshotsDirectory(directory: string): string {
  return join(directory, SNAPSHOTS_NAME);
}

/** Path of the snapshot file with every commit below `endOffset`, in the directory of snapshots. */
export function snapshotName(directory: string, endOffset: number): string {
  return join(directory, `${String(endOffset).padStart(20, "0")}.snapshot`);
}

export function snapshotTemporaryName(directory: string, endOffset: number): string {
  return `${snapshotName(directory, endOffset)}.new`;
}

/** A snapshot file by its name. */
export interface SnapshotFile {
  readonly path: string;
  readonly endOffset: number;
}

/** The snapshot files in a directory, the newest first; none where there is no such directory. */
export async function listSnapshots(
  fileSystem: FileSystem,
  directory: string,
): Promise<SnapshotFile[]> {
  return snapshotsAmong((await listIfThere(fileSystem, directory)) ?? [], directory);
}

/** As `listSnapshots`, at once. */
export function listSnapshotsSync(fileSystem: FileSystem, directory: string): SnapshotFile[] {
  try {
    return snapshotsAmong(fileSystem.listSync(directory), directory);
  } catch (error) {
    if (isFileSystemError(error, "ENOENT")) return [];
    throw error;
  }
}

function snapshotsAmong(entries: readonly DirectoryEntry[], directory: string): SnapshotFile[] {
  const files: SnapshotFile[] = [];
  for (const { name } of entries) {
    const endOffset = Number(SNAPSHOT_NAME.exec(name)?.[1]);
    // Numbers that no offset can have are not names of ours.
    if (Number.isSafeInteger(endOffset)) files.push({ path: join(directory, name), endOffset });
  }
  return files.sort((a, b) => b.endOffset - a.endOffset);
}

/** Whether this is what a snapshot file is called until it is finished. */
export function isUnfinishedSnapshot(name: string): boolean {
  return SNAPSHOT_TEMPORARY_NAME.test(name);
}

/** Removes snapshot files that were never finished: what a crash during a checkpoint leaves behind. */
export async function removeUnfinishedSnapshots(
  fileSystem: FileSystem,
  directory: string,
): Promise<void> {
  for (const { name } of (await listIfThere(fileSystem, directory)) ?? []) {
    if (isUnfinishedSnapshot(name)) await unlinkIfThere(fileSystem, join(directory, name));
  }
}

/**
 * Removes snapshot files that end below the log's start, of which a crash during retention leaves some. For once a
 * later one has proved sound.
 */
export async function removeOutdatedSnapshots(
  fileSystem: FileSystem,
  directory: string,
  startOffset: number,
): Promise<void> {
  const files = await listSnapshots(fileSystem, directory);
  await removeSnapshots(
    fileSystem,
    files.filter(({ endOffset }) => endOffset < startOffset),
  );
}

/** Removes snapshot files, given newest first, the oldest first. A directory of such a name is none, and in nobody's way. */
export async function removeSnapshots(
  fileSystem: FileSystem,
  files: readonly SnapshotFile[],
): Promise<void> {
  for (const { path } of [...files].reverse()) {
    try {
      await unlinkIfThere(fileSystem, path);
    } catch (error) {
      if (!isFileSystemError(error, "EISDIR")) throw error;
    }
  }
}

/** Bytes; 0 for what is gone since it was listed, or no regular file, as whoever opens it is told. */
export function sizeOfSnapshot(fileSystem: FileSystem, { path }: SnapshotFile): number {
  try {
    return fileSystem.sizeSync(path);
  } catch (error) {
    if (isFileSystemError(error, "ENOENT") || isFileSystemError(error, "ENOTREG")) return 0;
    throw error;
  }
}

/** Opens a file of ours for reading. Rejects with `KV_CORRUPT` if something else has its name. */
export async function openOurs(fileSystem: FileSystem, path: string): Promise<File> {
  try {
    return await fileSystem.open(path, "read");
  } catch (error) {
    if (isFileSystemError(error, "ENOTREG")) throw corrupt("this is no regular file", path);
    throw error;
  }
}

/** The entries of a directory; undefined where there is none. */
export async function listIfThere(
  fileSystem: FileSystem,
  directory: string,
): Promise<DirectoryEntry[] | undefined> {
  try {
    return await fileSystem.list(directory);
  } catch (error) {
    if (isFileSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

export async function unlinkIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.unlink(path);
  } catch (error) {
    if (!isFileSystemError(error, "ENOENT")) throw error;
  }
}

/** Removes a directory of ours and all that is in it. */
export async function removeTree(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const { name, kind } of (await listIfThere(fileSystem, directory)) ?? []) {
    const path = join(directory, name);
    if (kind === "directory") await removeTree(fileSystem, path);
    else await unlinkIfThere(fileSystem, path);
  }
  await fileSystem.removeDirectory(directory);
}

/** Makes a directory unless it is there: false then, and who made it may not have lived to make its name durable. */
export async function makeDirectoryIfMissing(
  fileSystem: FileSystem,
  path: string,
): Promise<boolean> {
  try {
    await fileSystem.makeDirectory(path);
    return true;
  } catch (error) {
    if (!isFileSystemError(error, "EEXIST")) throw error;
    return false;
  }
}

export function isFileSystemError(error: unknown, code: string): error is FileSystemError {
  return error instanceof FileSystemError && error.code === code;
}
