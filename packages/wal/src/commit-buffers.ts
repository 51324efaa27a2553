// The buffers that groups are encoded into, used again and again; the committer takes them without copying.

import type { Committer } from "./file-system.js";
import type { BufferPool } from "./group.js";

const BUFFER_BYTES = 256 * 1024;
/** Larger ones serve a burst and are let go of. */
const POOLED_BYTES_MAX = 4 * 1024 * 1024;

export class CommitBuffers implements BufferPool {
  readonly #committer: Committer;
  /** All that are not in use: the committer bounds how much it allocates as shared, so none is thrown away. */
  readonly #free: Uint8Array[] = [];

  constructor(committer: Committer) {
    this.#committer = committer;
  }

  take(lengthMin: number): Uint8Array {
    if (lengthMin > POOLED_BYTES_MAX) return new Uint8Array(lengthMin);
    const found = this.#free.findIndex(({ length }) => length >= lengthMin);
    const [buffer] = found === -1 ? [] : this.#free.splice(found, 1);
    return buffer ?? this.#committer.allocate(Math.max(lengthMin, BUFFER_BYTES));
  }

  give(bytes: Uint8Array): void {
    if (bytes.length >= BUFFER_BYTES && bytes.length <= POOLED_BYTES_MAX) this.#free.push(bytes);
  }
}
