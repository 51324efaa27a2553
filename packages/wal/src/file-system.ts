// The seam between Tidemark and a file system: everything that can fail, tear or be lost goes through
// these interfaces. They state what a caller may rely on after a crash, so that an implementation that
// forgets what was not synced can stand behind them. Node's is in node/, the only importer of node:fs.

/** What a directory entry is; symbolic links are not followed: they are "other". */
export type EntryKind = "file" | "directory" | "other";

/** An entry of a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

/** The process and the machine that a lock's text names. */
export interface HostIdentity {
  readonly pid: number;
  readonly host: string;
  /** Changes at each start of the machine; undefined where the system has no such thing. */
  readonly bootId: string | undefined;
  /** Processes are comparable by pid only within one; undefined where unknown. */
  readonly pidNamespace: string | undefined;
}

/** Bytes of a whole file that does not change: mapped by the kernel, or read into memory. */
export interface Mapping {
  readonly bytes: Uint8Array;
  readonly way: "mapped" | "read";
}

/** Outcome of asking the kernel for an exclusive lock: "unsupported" where there is no such lock. */
export type LockOutcome = "locked" | "busy" | "unsupported";

/**
 * A file system. Paths are absolute or relative to the process, and never come from records.
 * Every failure is a {@link FileSystemError}.
 */
export interface FileSystem {
  /** Opens an existing regular file; a symbolic link, FIFO, device or directory is refused with `ENOTREG`. */
  open(path: string, access: "read" | "write"): Promise<File>;
  /** As `open` for reading, at once: `Log.read` is synchronous and opens sealed segments on first use. */
  openSync(path: string): File;
  /** Creates a file that must not exist (`EEXIST`), mode 0600, for reading and writing. Durable only after `syncDirectory`. */
  create(path: string): Promise<File>;
  /** Creates a directory that must not exist (`EEXIST`), mode 0700, its parents too where missing, and syncs each directory that gained an entry. */
  makeDirectory(path: string): Promise<void>;
  /** Entries in no particular order, without `.` and `..`. */
  list(path: string): Promise<DirectoryEntry[]>;
  /** Entries as `list` gives them, at once. */
  listSync(path: string): DirectoryEntry[];
  /** Atomic replacement of what `to` names; durable only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Durable only after `syncDirectory`. Files open at the time stay readable. */
  unlink(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDirectory(path: string): Promise<void>;
  /** Makes creations, renames and unlinks in this directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** The size in bytes of a regular file. */
  sizeSync(path: string): number;
  /** One writer's way of making groups durable; closed by whoever asked for it. */
  openCommitter(): Committer;
  /** This process, for the text of a lock. */
  identity(): HostIdentity;
  /** Whether a process with this pid exists in this pid namespace; true in doubt. */
  processExists(pid: number): boolean;
}

/** An open file. Reads and writes name their position in bytes; there is no cursor. */
export interface File {
  readonly path: string;
  /** Size in bytes. */
  sizeSync(): number;
  /** Reads into the whole of `into` from `position`; returns the bytes read, fewer only at the end of the file. */
  readSync(into: Uint8Array, position: number): number;
  /** Writes some prefix of `bytes` (at least one byte) at `position`; returns its length. May be short. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** As `write`, at once. For small writes into the page cache. */
  writeSync(bytes: Uint8Array, position: number): number;
  /** Makes written bytes durable, and the size where reading them back needs it. */
  datasync(): Promise<void>;
  /** As `datasync`, with all metadata. */
  sync(): Promise<void>;
  /** Sets the size; what is added reads as zeros. */
  truncate(length: number): Promise<void>;
  /** Once; waits for calls under way. Syncs nothing, and lets go of the lock. */
  close(): Promise<void>;
  /** As `close`, at once: no call may be under way. */
  closeSync(): void;
  /** Asks the kernel for the exclusive lock on this open file, without waiting; it goes with the file or the process. */
  tryLock(): LockOutcome;
  /** The whole file, which must not change from now on: mapped where that is to be had, else read. */
  map(): Mapping;
}

/** Writes groups and makes them durable, off the event loop. One commit at a time. */
export interface Committer {
  /**
   * Writes all of `bytes` (looping over short writes) at `position` and, if `durable`, datasyncs.
   * Rejects with a {@link FileSystemError} whose `call` says which step failed.
   * `bytes` must not change until it settles.
   */
  commit(file: File, bytes: Uint8Array, position: number, durable: boolean): Promise<void>;
  /** Once; waits for the commit under way. The files stay open. */
  close(): Promise<void>;
}

/** The call that failed. */
export type FileSystemCall =
  | "open"
  | "create"
  | "mkdir"
  | "list"
  | "rename"
  | "unlink"
  | "rmdir"
  | "syncDirectory"
  | "stat"
  | "read"
  | "write"
  | "datasync"
  | "sync"
  | "truncate"
  | "close"
  | "lock";

/** A failed call of a {@link FileSystem}. */
export class FileSystemError extends Error {
  override readonly name = "FileSystemError";
  /** The system's name of the error, such as `ENOSPC`; `ENOTREG` for what is no regular file. */
  readonly code: string;
  readonly call: FileSystemCall;
  readonly path: string;

  constructor(call: FileSystemCall, path: string, code: string, options?: ErrorOptions) {
    super(`${call} of ${path} failed: ${code}`, options);
    this.code = code;
    this.call = call;
    this.path = path;
  }
}

/** Writes all of `bytes`, looping over short writes. */
export async function writeFully(file: File, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const rest = written === 0 ? bytes : bytes.subarray(written);
    const count = await file.write(rest, position + written);
    if (count <= 0) throw new FileSystemError("write", file.path, "EIO");
    written += count;
  }
}

/** As {@link writeFully}, at once. */
export function writeFullySync(file: File, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const rest = written === 0 ? bytes : bytes.subarray(written);
    const count = file.writeSync(rest, position + written);
    if (count <= 0) throw new FileSystemError("write", file.path, "EIO");
    written += count;
  }
}
