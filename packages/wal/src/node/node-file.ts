// An open file of Node's file system, on a plain descriptor: a FileHandle is closed by the garbage
// collector and cannot be named to another thread.
// Invariant: a descriptor is closed only when no call on it is under way. Its number is given to the
// next file opened, and a late write would land there.

import {
  close,
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncate,
  readSync,
  write,
  writeSync,
} from "node:fs";
import { assert } from "../errors.js";
import type { File, FileSystemCall, LockOutcome, Mapping } from "../file-system.js";
import { FileSystemError } from "../file-system.js";
import { tryKernelLock } from "./kernel-lock.js";
import { mapFile } from "./mapping.js";
import type { SystemError } from "./system-call.js";
import { attempt, errorCode, failure, settle } from "./system-call.js";

// Linux moves at most 2 GiB less a page with one call, and Node counts lengths in 32 bits.
const TRANSFER_BYTES_MAX = 1 << 30;

export class NodeFile implements File {
  readonly path: string;
  // -1 once closing has begun.
  #fd: number;
  #callsUnderWay = 0;
  #whenIdle: (() => void) | undefined;

  /** Takes over an open descriptor of a regular file. */
  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  sizeSync(): number {
    const fd = this.#open("stat");
    return attempt("stat", this.path, () => fstatSync(fd).size);
  }

  readSync(into: Uint8Array, position: number): number {
    const fd = this.#open("read");
    let count = 0;
    while (count < into.length) {
      const length = Math.min(into.length - count, TRANSFER_BYTES_MAX);
      const read = attempt("read", this.path, () =>
        readOnce(fd, into, count, length, position + count),
      );
      if (read === 0) break;
      count += read;
    }
    return count;
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    const length = Math.min(bytes.length, TRANSFER_BYTES_MAX);
    return this.#inPool<number>("write", (fd, done) => write(fd, bytes, 0, length, position, done));
  }

  writeSync(bytes: Uint8Array, position: number): number {
    const fd = this.#open("write");
    const length = Math.min(bytes.length, TRANSFER_BYTES_MAX);
    try {
      return writeSync(fd, bytes, 0, length, position);
    } catch (cause) {
      throw failure("write", this.path, cause);
    }
  }

  datasync(): Promise<void> {
    return this.#inPool<void>("datasync", (fd, done) => fdatasync(fd, done));
  }

  sync(): Promise<void> {
    return this.#inPool<void>("sync", (fd, done) => fsync(fd, done));
  }

  truncate(length: number): Promise<void> {
    return this.#inPool<void>("truncate", (fd, done) => ftruncate(fd, length, done));
  }

  /** Waits for the calls under way; those that come after it fail with `EBADF`. */
  async close(): Promise<void> {
    const fd = this.#open("close");
    this.#fd = -1;
    if (this.#callsUnderWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await settle<void>("close", this.path, (done) => close(fd, done));
  }

  closeSync(): void {
    assert(this.#callsUnderWay === 0, "a file is closed at once while a call on it is under way");
    const fd = this.#open("close");
    this.#fd = -1;
    attempt("close", this.path, () => closeSync(fd));
  }

  tryLock(): LockOutcome {
    const fd = this.#open("lock");
    return attempt("lock", this.path, () => tryKernelLock(fd));
  }

  map(): Mapping {
    return mapFile(this.#open("read"), this);
  }

  /**
   * Lends the descriptor to a call made elsewhere: it stays open until `giveBack`.
   * `call` names the failure if the file is closed.
   */
  lend(call: FileSystemCall): number {
    const fd = this.#open(call);
    this.#callsUnderWay += 1;
    return fd;
  }

  /** Ends one `lend`. */
  giveBack(): void {
    this.#callsUnderWay -= 1;
    if (this.#callsUnderWay === 0) this.#whenIdle?.();
  }

  async #inPool<T>(
    call: FileSystemCall,
    run: (fd: number, done: (error: SystemError, outcome: T) => void) => void,
  ): Promise<T> {
    const fd = this.lend(call);
    try {
      return await settle<T>(call, this.path, (done) => run(fd, done));
    } finally {
      this.giveBack();
    }
  }

  #open(call: FileSystemCall): number {
    if (this.#fd === -1) throw new FileSystemError(call, this.path, "EBADF");
    return this.#fd;
  }
}

// libuv repeats an interrupted call for us, except reads. EAGAIN cannot come: O_NONBLOCK, which the
// file was opened with, means nothing for regular files.
function readOnce(
  fd: number,
  into: Uint8Array,
  start: number,
  length: number,
  position: number,
): number {
  for (;;) {
    try {
      return readSync(fd, into, start, length, position);
    } catch (cause) {
      if (errorCode(cause) !== "EINTR") throw cause;
    }
  }
}
