// Reads the scalars of MessagePack, big-endian, within bounds that its user narrows for nested parts.
// Invariant: nothing outside the bounds is read; what cannot be right throws Malformed.

import { Malformed } from "../formats/byte-reader.js";

const SHORT_STRING_LENGTH = 15;
/** The engine copies shorter slices. */
const SLICE_LENGTH_MIN = 13;
/** How much longer than a slice the text may be that the slice keeps alive. */
const SLICED_RATIO_MAX = 4;
const NAMES = 1024;
/** Objects of as many properties and more begin alike. */
const BEGINNINGS = 16;
const KEPT_BYTES = 64 * 1024;
const nothing = Buffer.alloc(0);

export class MessagePackReader {
  bytes: Buffer = nothing;
  position = 0;
  end = 0;
  /** Which name was read last, for `name`. */
  nameSlot = 0;
  #view: DataView = new DataView(nothing.buffer);
  #text: string | undefined;
  // Property names repeat: a name that was read before is found by its bytes, not made again. They also repeat in their
  // order: of each slot, and of each beginning of an object, this is the slot of the name that came next.
  readonly #names: string[] = new Array<string>(NAMES).fill("");
  readonly #following = new Uint16Array(NAMES + BEGINNINGS);

  /** Reads from `start` to `end` (exclusive) from now on. With `text`, whose characters are the bytes up to there. */
  begin(bytes: Buffer, start: number, end: number, text?: string): void {
    if (bytes !== this.bytes) this.#use(bytes);
    this.position = start;
    this.end = end;
    this.#text = text;
  }

  /** Lets go of what would stay for as long as nothing else is read: the text, and large bytes. */
  finish(): void {
    this.#text = undefined;
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
    if (this.#mayBeSliced(length)) {
      if (this.#isAscii(start, length)) return (this.#text as string).slice(start, start + length);
    } else if (length <= SHORT_STRING_LENGTH) {
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

  /** A slice costs a fifth of a string made from bytes, but keeps all of the text alive. */
  #mayBeSliced(length: number): boolean {
    const text = this.#text;
    if (text === undefined) return false;
    return length < SLICE_LENGTH_MIN || length * SLICED_RATIO_MAX >= text.length;
  }

  #isAscii(start: number, length: number): boolean {
    let at = start;
    const end = start + length;
    for (; at + 4 <= end; at += 4) if ((this.#view.getInt32(at) & 0x80808080) !== 0) return false;
    for (; at < end; at++) if ((this.bytes[at] as number) >= 0x80) return false;
    return true;
  }

  /** What to give `name` before the first name of an object of `count` properties. */
  beginningOf(count: number): number {
    return NAMES + Math.min(count, BEGINNINGS - 1);
  }

  /** A whole string, header and all; `previous` is the `nameSlot` of the name before it. */
  name(previous: number): string {
    const guess = this.#following[previous] as number;
    const known = this.#names[guess] as string;
    const start = this.position + 1;
    const end = start + known.length;
    if (
      end <= this.end &&
      this.bytes[start - 1] === (0xa0 | known.length) &&
      isLatin1(known, this.bytes, start)
    ) {
      this.position = end;
      this.nameSlot = guess;
      return known;
    }
    return this.#nameUnlike(previous);
  }

  /** A name other than the one that came after `previous` before. */
  #nameUnlike(previous: number): string {
    const type = this.u8();
    if (type >= 0xa0 && type < 0xc0) return this.#shortName(type & 0x1f, previous);
    this.nameSlot = previous;
    if (type === 0xd9) return this.string(this.u8());
    if (type === 0xda) return this.string(this.u16());
    if (type === 0xdb) return this.string(this.u32());
    throw this.malformed("property name is not a string");
  }

  #shortName(length: number, previous: number): string {
    const start = this.take(length);
    const { bytes } = this;
    let hash = length;
    for (let i = start; i < start + length; i++) {
      hash = (Math.imul(hash, 31) + (bytes[i] as number)) & 0xffffff;
    }
    const slot = (hash ^ (hash >> 10)) % NAMES;
    this.#following[previous] = slot;
    this.nameSlot = slot;
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
