// Bytes written one after the other into a buffer that grows; commits and snapshot files are built in one.
// Integers are little-endian; a varint is LEB128 (7 bits a byte, lowest first, the high bit means more).

import { DatabaseError } from "../errors.js";

const KEPT_BYTES = 4 << 20;
/** Up to here a loop over characters is faster than a call out of JavaScript. */
const SHORT_TEXT_LENGTH = 32;

export class ByteWriter {
  /** Holds what was written from `#start` to `length`; replaced when it grows. */
  bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  /** The same memory: faster than the methods of Buffer for numbers. */
  view: DataView = viewOf(this.bytes);
  length: number;
  readonly #start: number;
  readonly #limit: number;

  /** `limit`: bytes beyond which writing throws `KV_COMMIT_TOO_LARGE`. What is written lies behind `room` bytes for others. */
  constructor(limit = Number.POSITIVE_INFINITY, room = 0) {
    this.#limit = room + limit;
    this.#start = room;
    this.length = room;
  }

  /** Forgets what was written, and a buffer that one large commit left behind. */
  reset(): void {
    this.length = this.#start;
    if (this.bytes.length > KEPT_BYTES) this.#use(Buffer.allocUnsafeSlow(4096));
  }

  /** What was written: a view that the next write may change. */
  written(): Uint8Array {
    return this.bytes.subarray(this.#start, this.length);
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
    const message = `a commit has at most ${this.#limit - this.#start} bytes, this one has more`;
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
    writeLatin1(this.bytes, text, at);
  }

  raw(bytes: Uint8Array): void {
    const at = this.claim(bytes.length);
    this.bytes.set(bytes, at);
  }
}

/** Writes a string of characters up to U+00FF, one byte each; returns where it ends. */
export function writeLatin1(bytes: Buffer, text: string, start: number): number {
  const { length } = text;
  if (length > SHORT_TEXT_LENGTH) return start + bytes.write(text, start, "latin1");
  for (let i = 0; i < length; i++) bytes[start + i] = text.charCodeAt(i);
  return start + length;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
