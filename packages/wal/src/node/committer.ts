// Commits of one writer: on a thread of its own, which a busy libuv pool cannot hold up, and in the pool
// while the thread is not there. The figures are in docs/decisions/0001-commit-thread.md.
// Invariant: one commit at a time, and each one settles, whatever becomes of the thread.

import { assert } from "../errors.js";
import type { Committer, File } from "../file-system.js";
import { FileSystemError, writeFully } from "../file-system.js";
import { CommitLink } from "./commit-link.js";
import { NodeFile } from "./node-file.js";

// Starting a thread takes some 30 ms of processor time, which a program never gets back that writes a
// few records and ends.
const THREAD_AFTER_COMMITS = 16;
/** Nor one whose commits take no longer than this altogether, in ms: where others keep the pool busy, one alone may. */
const THREAD_AFTER_MS = 50;

export function openNodeCommitter(): Committer {
  return new NodeCommitter();
}

class NodeCommitter implements Committer {
  #thread: CommitLink | undefined;
  #underWay: Promise<void> | undefined;
  #durableCommits = 0;
  #inPoolMs = 0;
  #closed = false;

  async commit(file: File, bytes: Uint8Array, position: number, durable: boolean): Promise<void> {
    assert(this.#underWay === undefined, "two commits of one committer overlap");
    if (this.#closed) throw new FileSystemError("write", file.path, "EBADF");
    if (durable) this.#countDurable();
    this.#underWay =
      this.#thread?.ready === true && file instanceof NodeFile
        ? this.#thread.commit(file, bytes, position, durable)
        : this.#commitInPool(file, bytes, position, durable);
    try {
      await this.#underWay;
    } finally {
      this.#underWay = undefined;
    }
  }

  #countDurable(): void {
    this.#durableCommits += 1;
    const worthwhile =
      this.#durableCommits >= THREAD_AFTER_COMMITS || this.#inPoolMs >= THREAD_AFTER_MS;
    if (worthwhile) this.#thread ??= new CommitLink();
  }

  async #commitInPool(
    file: File,
    bytes: Uint8Array,
    position: number,
    durable: boolean,
  ): Promise<void> {
    const startMs = performance.now();
    await writeFully(file, bytes, position);
    if (durable) await file.datasync();
    if (durable) this.#inPoolMs += performance.now() - startMs;
  }

  /** Waits for the commit under way and for the end of the thread. */
  async close(): Promise<void> {
    this.#closed = true;
    // How that went is told to whoever asked for it.
    await Promise.allSettled([this.#underWay]);
    await this.#thread?.end();
  }
}
