// Reads the scalars of MessagePack, big-endian, within bounds that its user narrows for nested parts.
// Invariant: nothing outside the bounds is read; what cannot be right throws Malformed.

import { Malformed } from "./byte-reader.js";

const SHORT_STRING_LENGTH = 15;
const NAMES = 1024;
const KEPT_BYTES = 64 * 1024;
const nothing = Buffer.alloc(0);

export class MessagePackReader {
  bytes: Buffer = nothing;
  position = 0;
  end = 0;
  #view: DataView = new DataView(nothing.buffer);
  // Property names repeat: a name that was read before is found by its bytes, not made again.
  readonly #names: string[] = new Array<string>(NAMES).fill("");

  /** Reads from `start` to `end` (exclusive) from now on. */
  begin(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.bytes) this.#use(bytes);
    this.position = start;
    this.end = end;
  }

  /** Lets go of large bytes, which would stay for as long as no others are read. */
  finish(): void {
    if (this.bytes.length > KEPT_BYTES) this.#use(nothing);
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  malformed(reason: string): Malformed {
    return new Malformed(reason, this.position);
  }

  /** Where `count` bytes begin, having stepped over them. */
  take(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw this.malformed(`${count} bytes wanted, ${this.end - at} left`);
    this.position = at + count;
    return at;
  }

  u8(): number {
    return this.bytes[this.take(1)] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.take(4));
  }

  f32(): number {
    return this.#view.getFloat32(this.take(4));
  }

  f64(): number {
    return this.#view.getFloat64(this.take(8));
  }

  /** The integer after a type byte from 0xcc to 0xd3. Those of 64 bits are BigInts: no number is written so. */
  integer(type: number): number | bigint {
    switch (type) {
      case 0xcc:
        return this.u8();
      case 0xcd:
        return this.u16();
      case 0xce:
        return this.u32();
      case 0xcf:
        return this.#view.getBigUint64(this.take(8));
      case 0xd0:
        return this.#view.getInt8(this.take(1));
      case 0xd1:
        return this.#view.getInt16(this.take(2));
      case 0xd2:
        return this.#view.getInt32(this.take(4));
      default:
        return this.#view.getBigInt64(this.take(8));
    }
  }

  /** A string of `length` bytes. */
  string(length: number): string {
    const start = this.take(length);
    const { bytes } = this;
    if (length <= SHORT_STRING_LENGTH) {
      const text = asciiString(bytes, start, length);
      if (text !== undefined) return text;
    }
    const text = bytes.toString("utf8", start, start + length);
    // What is no UTF-8 decodes to U+FFFD, which may also be what was written.
    if (text.includes("\ufffd") && Buffer.from(text).compare(bytes, start, start + length) !== 0) {
      throw this.malformed("string is not UTF-8");
    }
    return text;
  }

  /** A whole string, header and all. */
  name(): string {
    const type = this.u8();
    if (type >= 0xa0 && type < 0xc0) return this.#shortName(type & 0x1f);
    if (type === 0xd9) return this.string(this.u8());
    if (type === 0xda) return this.string(this.u16());
    if (type === 0xdb) return this.string(this.u32());
    throw this.malformed("property name is not a string");
  }

  #shortName(length: number): string {
    const start = this.take(length);
    const { bytes } = this;
    let hash = length;
    for (let i = start; i < start + length; i++) {
      hash = (Math.imul(hash, 31) + (bytes[i] as number)) & 0xffffff;
    }
    const slot = (hash ^ (hash >> 10)) % NAMES;
    const known = this.#names[slot] as string;
    if (known.length === length && isLatin1(known, bytes, start)) return known;
    this.position = start;
    const name = this.string(length);
    // Only ASCII has as many characters as bytes, and each the same number.
    if (name.length === length) this.#names[slot] = name;
    return name;
  }
}

const codes = Array.from({ length: SHORT_STRING_LENGTH + 1 }, (_, length) =>
  new Array<number>(length).fill(0),
);

/** Undefined if there is anything but ASCII. Below 16 characters faster than a call into the engine. */
function asciiString(bytes: Buffer, start: number, length: number): string | undefined {
  const characters = codes[length] as number[];
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i] as number;
    if (byte >= 0x80) return undefined;
    characters[i] = byte;
  }
  return String.fromCharCode.apply(null, characters);
}

function isLatin1(text: string, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}
