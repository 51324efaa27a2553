// The writer's lock on a log's directory: the file LOCK, created once and never unlinked.
// Invariant: at most one holder. The kernel's lock on the open file decides where there is one, and the
// holder's text is for messages; elsewhere the text decides, and whatever is in doubt is refused.
// The protocol, and what it leaves open: docs/decisions/0002-lock.md.

import { ioError, LogError } from "./errors.js";
import type { File, FileSystem } from "./file-system.js";
import { FileSystemError, writeFully } from "./file-system.js";
import type { Holder } from "./lock-text.js";
import {
  holderText,
  lifeOf,
  nameHolder,
  parseHolder,
  printable,
  TEXT_BYTES_MAX,
} from "./lock-text.js";
import { join, LOCK, LOCK_CLAIM } from "./names.js";

const SPACE = 0x20;

/** A held lock. */
export class Lock {
  /** What LOCK said when a holder that had died was taken over; undefined after an orderly release. */
  readonly takenOver: string | undefined;
  readonly #file: File;

  constructor(file: File, takenOver: string | undefined) {
    this.#file = file;
    this.takenOver = takenOver;
  }

  /** Once. Clears the text, then lets go; rejects with `LOG_IO`, and has let go of a kernel lock even then. */
  async release(): Promise<void> {
    try {
      try {
        // First the text, while nobody else can have written theirs. Spaces, not nothing: the next holder's text
        // then finds its room on a full disk too, and readers of a live log know it by that.
        await writeFully(this.#file, new Uint8Array(this.#file.sizeSync()).fill(SPACE), 0);
      } finally {
        await this.#file.close();
      }
    } catch (cause) {
      throw ioError("the lock could not be released in order", cause);
    }
  }
}

/**
 * Takes the lock of the log in `directory`, which exists, without waiting. `clock` gives ms since the Unix
 * epoch. Rejects with `LOG_LOCKED`, which names the holder, or `LOG_IO`.
 */
export async function acquireLock(
  fileSystem: FileSystem,
  directory: string,
  clock: () => number,
): Promise<Lock> {
  const path = join(directory, LOCK);
  try {
    const file = await openOrCreate(fileSystem, path);
    try {
      return new Lock(file, await take({ fileSystem, directory, file, clock }));
    } catch (cause) {
      await file.close();
      throw cause;
    }
  } catch (cause) {
    if (cause instanceof LogError) throw cause;
    throw ioError("the log could not be locked", cause);
  }
}

/**
 * Reads, without locking, who holds the log in `directory`; undefined if nobody does. `alive` is false
 * only if the holder is proved dead. Throws `LOG_IO`.
 */
export function describeHolder(
  fileSystem: FileSystem,
  directory: string,
): { readonly alive: boolean; readonly text: string } | undefined {
  try {
    const file = fileSystem.openSync(join(directory, LOCK));
    let text: string;
    try {
      text = readText(file);
    } finally {
      file.closeSync();
    }
    if (text === "") return undefined;
    return { alive: lifeOf(parseHolder(text), fileSystem) !== "dead", text: printable(text) };
  } catch (cause) {
    if (cause instanceof FileSystemError && cause.code === "ENOENT") return undefined;
    throw ioError("the lock could not be read", cause);
  }
}

interface Attempt {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly file: File;
  readonly clock: () => number;
}

async function openOrCreate(fileSystem: FileSystem, path: string): Promise<File> {
  // Never unlinked, so one of the three finds it, whoever else creates it at the same time.
  try {
    return await fileSystem.open(path, "write");
  } catch (cause) {
    if (!(cause instanceof FileSystemError) || cause.code !== "ENOENT") throw cause;
  }
  try {
    return await fileSystem.create(path);
  } catch (cause) {
    if (!(cause instanceof FileSystemError) || cause.code !== "EEXIST") throw cause;
  }
  return fileSystem.open(path, "write");
}

/** Returns the text of a dead holder, if that is whom the lock was taken from. */
function take(attempt: Attempt): Promise<string | undefined> {
  const outcome = attempt.file.tryLock();
  if (outcome === "busy") throw locked(attempt, "the log is locked by", readText(attempt.file));
  return outcome === "locked" ? takeByKernel(attempt) : takeByText(attempt);
}

async function takeByKernel(attempt: Attempt): Promise<string | undefined> {
  const { file } = attempt;
  const text = readText(file);
  const holder = parseHolder(text);
  // The lock that was just granted proves a holder dead that had it; one without it is known by text alone.
  if (holder?.lock === "text") refuseUnlessDead(attempt, text);
  try {
    await writeText(file, ownText(attempt, "kernel"));
  } catch (cause) {
    if (!(cause instanceof FileSystemError) || !isFull(cause)) throw cause;
    // The text is for messages here, and a log on a full disk must open so that it can be cut.
    await file.truncate(0);
  }
  return takenOver(text);
}

async function takeByText(attempt: Attempt): Promise<string | undefined> {
  const { file, fileSystem } = attempt;
  const claim = await claimText(attempt);
  try {
    const text = readText(file);
    refuseUnlessDead(attempt, text);
    await writeText(file, ownText(attempt, "text"));
    // After a power loss the text is whole, and its boot id tells that the holder is gone; half a text
    // would be in doubt.
    await file.datasync();
    return takenOver(text);
  } finally {
    await claim.close();
    await fileSystem.unlink(claim.path);
  }
}

// Judging the text and replacing it must be one step among openers, so the claim comes first. One that is
// left was left by an opener killed in that very moment; taking it away by rule could take a new one.
async function claimText(attempt: Attempt): Promise<File> {
  const { fileSystem, directory } = attempt;
  const path = join(directory, LOCK_CLAIM);
  try {
    return await fileSystem.create(path);
  } catch (cause) {
    if (!(cause instanceof FileSystemError) || cause.code !== "EEXIST") throw cause;
    throw new LogError(
      "LOG_LOCKED",
      "another opener is taking the log's lock, or was killed while it did. " +
        "If no process is opening the log, delete this file and open again",
      { file: path, cause },
    );
  }
}

function refuseUnlessDead(attempt: Attempt, text: string): void {
  if (text === "") return;
  const life = lifeOf(parseHolder(text), attempt.fileSystem);
  if (life === "alive") throw locked(attempt, "the log is locked by", text);
  if (life === "dead") return;
  throw locked(
    attempt,
    "without a kernel lock it cannot be told from here whether the log's holder lives. " +
      "If no process has the log open, empty this file and open again. The holder is",
    text,
  );
}

function locked({ fileSystem, file }: Attempt, message: string, text: string): LogError {
  const holder = nameHolder(text, fileSystem);
  return new LogError("LOG_LOCKED", `${message} ${holder}`, { file: file.path });
}

function ownText({ fileSystem, clock }: Attempt, lock: Holder["lock"]): string {
  const since = new Date(clock()).toISOString();
  return holderText({ lock, since, ...fileSystem.identity() });
}

function takenOver(text: string): string | undefined {
  return text === "" ? undefined : printable(text);
}

function readText(file: File): string {
  const bytes = new Uint8Array(Math.min(file.sizeSync(), TEXT_BYTES_MAX));
  const count = file.readSync(bytes, 0);
  return new TextDecoder().decode(bytes.subarray(0, count)).trim();
}

// Overwritten first and cut after: at no time does a reader find it empty, which would mean free.
async function writeText(file: File, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  await writeFully(file, bytes, 0);
  await file.truncate(bytes.length);
}

function isFull(cause: FileSystemError): boolean {
  return cause.code === "ENOSPC" || cause.code === "EDQUOT";
}
