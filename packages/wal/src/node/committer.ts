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

class NodeCommitter implements Committer {
  #thread: CommitThread | undefined;
  #underWay: Promise<void> | undefined;
  #durableCommits = 0;
  #closed = false;

  allocate(length: number): Uint8Array {
    return new Uint8Array(new SharedArrayBuffer(length));
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
      buffer instanceof SharedArrayBuffer
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

// A program that writes a few records and ends should not pay for a thread.
const THREAD_AFTER_COMMITS = 4;

async function commitInPool(
  file: File,
  bytes: Uint8Array,
  position: number,
  durable: boolean,
): Promise<void> {
  await writeFully(file, bytes, position);
  if (durable) await file.datasync();
}
