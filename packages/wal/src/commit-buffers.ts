// The buffers that groups are encoded into, used again and again, so that a steady load allocates none.

import type { BufferPool } from "./group.js";

const BUFFER_BYTES = 256 * 1024;
/** Larger ones serve a burst and are let go of. */
const POOLED_BYTES_MAX = 4 * 1024 * 1024;
/** One is written while the next gathers. */
const FREE_BUFFERS_MAX = 2;

export class CommitBuffers implements BufferPool {
  readonly #free: Uint8Array[] = [];

  take(lengthMin: number): Uint8Array {
    const last = this.#free.pop();
    if (last !== undefined) {
      if (last.length >= lengthMin) return last;
      this.#free.push(last);
    }
    const found = this.#free.findIndex(({ length }) => length >= lengthMin);
    const [buffer] = found === -1 ? [] : this.#free.splice(found, 1);
    return buffer ?? new Uint8Array(Math.max(lengthMin, BUFFER_BYTES));
  }

  give(bytes: Uint8Array): void {
    if (bytes.length < BUFFER_BYTES || bytes.length > POOLED_BYTES_MAX) return;
    if (this.#free.length < FREE_BUFFERS_MAX) this.#free.push(bytes);
  }
}
