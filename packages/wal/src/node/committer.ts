// Commits of one writer: on a thread of its own, which a busy libuv pool cannot hold up, and in the pool
// while the thread is not there. The figures are in docs/decisions/0001-commit-thread.md.
// Invariant: one commit at a time, and each one settles, whatever becomes of the thread.

import { assert } from "../errors.js";
import type { Committer, File } from "../file-system.js";
import { FileSystemError, writeFully } from "../file-system.js";
import { CommitThread } from "./commit-link.js";
import { NodeFile } from "./node-file.js";

export function openNodeCommitter(): Committer {
  return new NodeCommitter();
}

// Shared memory is freed only when both threads have collected it, and an idle one never collects: so a
// committer's buffers live as long as it does, and this bounds them. What is allocated beyond, and what
// comes from elsewhere, is committed in the pool.
const SHARED_BYTES_MAX = 32 * 1024 * 1024;

// A program that writes a few records and ends should not pay for a thread.
const THREAD_AFTER_COMMITS = 16;

class NodeCommitter implements Committer {
  readonly #shared = new Set<ArrayBufferLike>();
  #sharedBytes = 0;
  #thread: CommitThread | undefined;
  #underWay: Promise<void> | undefined;
  #durableCommits = 0;
  #closed = false;

  allocate(length: number): Uint8Array {
    if (this.#sharedBytes + length > SHARED_BYTES_MAX) return new Uint8Array(length);
    const buffer = new SharedArrayBuffer(length);
    this.#shared.add(buffer);
    this.#sharedBytes += length;
    return new Uint8Array(buffer);
  }

  async commit(file: File, bytes: Uint8Array, position: number, durable: boolean): Promise<void> {
    assert(this.#underWay === undefined, "two commits of one committer overlap");
    if (this.#closed) throw new FileSystemError("write", file.path, "EBADF");
    if (durable) this.#startThread();
    const work = this.#commit(file, bytes, position, durable);
    this.#underWay = work;
    try {
      await work;
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Waits for the commit under way and for the end of the thread. */
  async close(): Promise<void> {
    this.#closed = true;
    // Its failure is told to whoever asked for the commit.
    await this.#underWay?.catch(() => undefined);
    await this.#thread?.end();
  }

  #startThread(): void {
    this.#durableCommits += 1;
    if (this.#durableCommits === THREAD_AFTER_COMMITS) this.#thread = new CommitThread();
  }

  #commit(file: File, bytes: Uint8Array, position: number, durable: boolean): Promise<void> {
    const { buffer } = bytes;
    if (
      this.#thread?.ready === true &&
      file instanceof NodeFile &&
      buffer instanceof SharedArrayBuffer &&
      this.#shared.has(buffer)
    ) {
      const { byteOffset, byteLength } = bytes;
      return this.#thread.commit(file, {
        buffer,
        start: byteOffset,
        length: byteLength,
        position,
        durable,
      });
    }
    return commitInPool(file, bytes, position, durable);
  }
}

async function commitInPool(
  file: File,
  bytes: Uint8Array,
  position: number,
  durable: boolean,
): Promise<void> {
  await writeFully(file, bytes, position);
  if (durable) await file.datasync();
}
