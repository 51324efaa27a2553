// Node's file system behind the seam. Only this folder imports node:fs.
// Invariant: what is opened is a regular file, whatever stands at the path: symbolic links are not
// followed, and opening a FIFO or a device neither blocks nor reads from it.

import type { Dirent, Stats } from "node:fs";
import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  fsync,
  lstatSync,
  mkdir,
  open,
  openSync,
  readdir,
  readdirSync,
  rename,
  rmdir,
  unlink,
} from "node:fs";
import { dirname, resolve } from "node:path";
import type {
  DirectoryEntry,
  EntryKind,
  File,
  FileSystem,
  FileSystemCall,
} from "../file-system.js";
import { FileSystemError } from "../file-system.js";
import { openNodeCommitter } from "./committer.js";
import { identity, processExists } from "./identity.js";
import { NodeFile } from "./node-file.js";
import { attempt, errorCode, settle } from "./system-call.js";

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants;
// Windows has neither; there `refuseLink` looks first.
const O_SAFE = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

// How opening answers to something that is no regular file: a link, a directory, a socket.
const NOT_REGULAR = new Set(["ELOOP", "EMLINK", "EISDIR", "ENXIO", "ENODEV"]);

// Some file systems cannot sync a directory and say so (PostgreSQL ignores the same two). Windows lets
// nobody open a directory like a file; NTFS journals what happens to its entries.
const NO_DIRECTORY_SYNC = new Set(
  process.platform === "win32"
    ? ["EINVAL", "EBADF", "EPERM", "EACCES", "EISDIR"]
    : ["EINVAL", "EBADF"],
);

/** The file system of this machine. */
export const nodeFileSystem: FileSystem = {
  open: (path, access) => openFile(path, access === "write" ? O_RDWR : O_RDONLY),
  openSync: openFileSync,
  create,
  makeDirectory: (path) => makeDirectory(resolve(path)),
  list,
  listSync,
  rename: (from, to) => settle<void>("rename", to, (done) => rename(from, to, done)),
  unlink: (path) => settle<void>("unlink", path, (done) => unlink(path, done)),
  removeDirectory: (path) => settle<void>("rmdir", path, (done) => rmdir(path, done)),
  syncDirectory,
  sizeSync,
  openCommitter: openNodeCommitter,
  identity,
  processExists,
};

async function openFile(path: string, access: number): Promise<File> {
  refuseLink(path);
  const fd = await settle<number>("open", path, (done) => open(path, access | O_SAFE, done)).catch(
    (cause: unknown) => {
      throw notRegularOr(path, cause);
    },
  );
  try {
    const stats = await settle<Stats>("stat", path, (done) => fstat(fd, done));
    if (!stats.isFile()) throw notRegular("open", path);
  } catch (cause) {
    await settle<void>("close", path, (done) => close(fd, done));
    throw cause;
  }
  return new NodeFile(path, fd);
}

function openFileSync(path: string): File {
  refuseLink(path);
  let fd: number;
  try {
    fd = attempt("open", path, () => openSync(path, O_RDONLY | O_SAFE));
  } catch (cause) {
    throw notRegularOr(path, cause);
  }
  try {
    if (!attempt("stat", path, () => fstatSync(fd)).isFile()) throw notRegular("open", path);
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
  return new NodeFile(path, fd);
}

async function create(path: string): Promise<File> {
  const flags = O_RDWR | O_CREAT | O_EXCL | O_SAFE;
  const fd = await settle<number>("create", path, (done) => open(path, flags, FILE_MODE, done));
  return new NodeFile(path, fd);
}

async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    await makeOne(path);
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT" || parent === path) throw cause;
    await makeParent(parent);
    await makeOne(path);
  }
  // Without this a crash could lose the directory, and with it files that were synced inside.
  await syncDirectory(parent);
}

async function makeParent(path: string): Promise<void> {
  try {
    await makeDirectory(path);
  } catch (cause) {
    // Made by someone else meanwhile, who may not have synced it yet.
    if (errorCode(cause) !== "EEXIST") throw cause;
    await syncDirectory(dirname(path));
  }
}

function makeOne(path: string): Promise<void> {
  return settle<void>("mkdir", path, (done) => mkdir(path, DIRECTORY_MODE, done));
}

async function list(path: string): Promise<DirectoryEntry[]> {
  const entries = await settle<Dirent[]>("list", path, (done) =>
    readdir(path, { withFileTypes: true }, done),
  );
  return entries.map(toEntry);
}

function listSync(path: string): DirectoryEntry[] {
  return attempt("list", path, () => readdirSync(path, { withFileTypes: true })).map(toEntry);
}

function toEntry(entry: Dirent): DirectoryEntry {
  return { name: entry.name, kind: kindOf(entry) };
}

function kindOf(entry: Dirent): EntryKind {
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : "other";
}

async function syncDirectory(path: string): Promise<void> {
  try {
    const fd = await settle<number>("syncDirectory", path, (done) => open(path, O_RDONLY, done));
    try {
      await settle<void>("syncDirectory", path, (done) => fsync(fd, done));
    } finally {
      await settle<void>("syncDirectory", path, (done) => close(fd, done));
    }
  } catch (cause) {
    if (!NO_DIRECTORY_SYNC.has(errorCode(cause) ?? "")) throw cause;
  }
}

function sizeSync(path: string): number {
  const stats = attempt("stat", path, () => lstatSync(path));
  if (!stats.isFile()) throw notRegular("stat", path);
  return stats.size;
}

function refuseLink(path: string): void {
  if (O_SAFE !== 0) return;
  if (attempt("open", path, () => lstatSync(path)).isSymbolicLink()) throw notRegular("open", path);
}

function notRegular(call: FileSystemCall, path: string, cause?: unknown): FileSystemError {
  return new FileSystemError(call, path, "ENOTREG", cause === undefined ? undefined : { cause });
}

function notRegularOr(path: string, cause: unknown): unknown {
  return NOT_REGULAR.has(errorCode(cause) ?? "") ? notRegular("open", path, cause) : cause;
}
