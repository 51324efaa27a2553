// Commits on the simulated disk: a write and a sync, each a call like any other.

import { assert } from "../errors.js";
import { type Committer, type File, FileSystemError, writeFully } from "../file-system.js";

export class SimulatedCommitter implements Committer {
  #busy = false;
  #closed = false;

  async commit(file: File, bytes: Uint8Array, position: number, durable: boolean): Promise<void> {
    assert(!this.#busy, "two commits of one committer overlap");
    if (this.#closed) throw new FileSystemError("write", file.path, "EBADF");
    this.#busy = true;
    try {
      await writeFully(file, bytes, position);
      if (durable) await file.datasync();
    } finally {
      this.#busy = false;
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}
