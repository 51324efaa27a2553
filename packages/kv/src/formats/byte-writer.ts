// Bytes written one after the other into a buffer that grows; commits and snapshot files are built in one.
// Integers are little-endian; a varint is LEB128 (7 bits a byte, lowest first, the high bit means more).

import { DatabaseError } from "../errors.js";

const KEPT_BYTES = 4 << 20;

export class ByteWriter {
  /** Holds what was written from 0 to `length`; replaced when it grows. */
  bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  /** The same memory: faster than the methods of Buffer for numbers. */
  view: DataView = viewOf(this.bytes);
  length = 0;
  readonly #limit: number;

  /** `limit`: bytes beyond which writing throws `KV_COMMIT_TOO_LARGE`. */
  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  /** Forgets what was written, and a buffer that one large commit left behind. */
  reset(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES) this.#use(Buffer.allocUnsafeSlow(4096));
  }

  /** What was written: a view that the next write may change. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** Makes room for `count` bytes and returns where they begin; the caller fills them. */
  claim(count: number): number {
    const at = this.length;
    const end = at + count;
    if (end > this.bytes.length) this.#grow(end);
    this.length = end;
    return at;
  }

  #grow(end: number): void {
    this.checkRoom(end - this.length);
    const capacity = Math.max(end, Math.min(this.bytes.length * 2, this.#limit));
    const larger = Buffer.allocUnsafeSlow(capacity);
    larger.set(this.bytes.subarray(0, this.length));
    this.#use(larger);
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }

  /** Throws if `count` more bytes would pass the limit, before anything is allocated for them. */
  checkRoom(count: number): void {
    if (this.length + count <= this.#limit) return;
    const message = `a commit has at most ${this.#limit} bytes, this one has more`;
    throw new DatabaseError("KV_COMMIT_TOO_LARGE", message);
  }

  u8(value: number): void {
    const at = this.claim(1);
    this.bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.claim(4);
    this.view.setUint32(at, value, true);
  }

  /** Sets a u32 that was claimed earlier. */
  setU32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  /** A safe integer that is not negative. */
  u64(value: number): void {
    const at = this.claim(8);
    this.view.setUint32(at, value % 0x100000000, true);
    this.view.setUint32(at + 4, Math.floor(value / 0x100000000), true);
  }

  /** An integer from 0 to 2^32 − 1. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** A string of characters up to U+00FF, one byte each. */
  latin1(text: string): void {
    const at = this.claim(text.length);
    this.bytes.write(text, at, "latin1");
  }

  raw(bytes: Uint8Array): void {
    const at = this.claim(bytes.length);
    this.bytes.set(bytes, at);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
