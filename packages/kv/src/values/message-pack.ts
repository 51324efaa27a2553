// Writes the scalars and headers of MessagePack, and the extension headers of our own.
// Invariant: everything has one form, the shortest; numbers that are no integers of 32 bits are floats of 64.

import type { ByteWriter } from "../formats/byte-writer.js";
import { BIGINT_BYTES_MAX, extension } from "./value-format.js";

const SHORT_STRING_LENGTH = 48;
const loneSurrogate = /\p{Surrogate}/u;
const fixedExtensionLengths = [1, 2, 4, 8, 16];

export class MessagePackWriter {
  readonly #out: ByteWriter;

  constructor(out: ByteWriter) {
    this.#out = out;
  }

  nil(): void {
    this.#out.u8(0xc0);
  }

  boolean(value: boolean): void {
    this.#out.u8(value ? 0xc3 : 0xc2);
  }

  number(value: number): void {
    // -0 is no integer here: only a float keeps its sign.
    if (value >>> 0 === value && (value !== 0 || 1 / value > 0)) {
      this.#unsigned(value);
    } else if (value >> 0 === value && value !== 0) {
      this.#negative(value);
    } else {
      const at = this.#out.claim(9);
      this.#out.bytes[at] = 0xcb;
      this.#out.view.setFloat64(at + 1, value);
    }
  }

  #unsigned(value: number): void {
    if (value < 0x80) this.#out.u8(value);
    else if (value < 0x100) this.#tagged(0xcc, value, 1);
    else if (value < 0x10000) this.#tagged(0xcd, value, 2);
    else this.#tagged(0xce, value, 4);
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#out.u8(value + 0x100);
    else if (value >= -0x80) this.#tagged(0xd0, value + 0x100, 1);
    else if (value >= -0x8000) this.#tagged(0xd1, value + 0x10000, 2);
    else this.#tagged(0xd2, value + 0x100000000, 4);
  }

  /** A type byte and an unsigned big-endian integer of 1, 2 or 4 bytes. */
  #tagged(type: number, value: number, width: 1 | 2 | 4): void {
    const at = this.#out.claim(1 + width);
    const { bytes, view } = this.#out;
    bytes[at] = type;
    if (width === 1) bytes[at + 1] = value;
    else if (width === 2) view.setUint16(at + 1, value);
    else view.setUint32(at + 1, value);
  }

  /** Up to 64 bits as an integer of 64 bits, which nothing else is written as; false, and nothing written, beyond the limit. */
  bigint(value: bigint): boolean {
    if (value >= -(2n ** 63n) && value < 2n ** 64n) {
      const at = this.#out.claim(9);
      this.#out.bytes[at] = value < 2n ** 63n ? 0xd3 : 0xcf;
      this.#out.view.setBigInt64(at + 1, value);
      return true;
    }
    const magnitude = value < 0n ? -value : value;
    if (BigInt.asUintN(8 * BIGINT_BYTES_MAX, magnitude) !== magnitude) return false;
    const hex = magnitude.toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
    this.extension(extension.bigint, 1 + bytes.length);
    this.#out.u8(value < 0n ? 1 : 0);
    this.#out.raw(bytes);
    return true;
  }

  /** Any string: UTF-8 has no form for a lone surrogate, so one that has any is an extension. */
  string(value: string): void {
    if (!this.utf8(value)) this.#utf16(value);
  }

  /** Writes a string that UTF-8 has a form for; false, and nothing written, for any other. */
  utf8(value: string): boolean {
    if (value.length <= SHORT_STRING_LENGTH && this.#shortAscii(value)) return true;
    const length = Buffer.byteLength(value);
    if (length !== value.length && loneSurrogate.test(value)) return false;
    this.#out.checkRoom(length);
    if (length < 0x20) this.#out.u8(0xa0 | length);
    else if (length < 0x100) this.#tagged(0xd9, length, 1);
    else if (length < 0x10000) this.#tagged(0xda, length, 2);
    else this.#tagged(0xdb, length, 4);
    const at = this.#out.claim(length);
    this.#out.bytes.write(value, at, "utf8");
    return true;
  }

  /** A loop is faster than a call for what most strings are; false, and nothing written, for any other. */
  #shortAscii(value: string): boolean {
    const length = value.length;
    const header = length < 0x20 ? 1 : 2;
    const start = this.#out.claim(header + length);
    const bytes = this.#out.bytes;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) {
        this.#out.length = start;
        return false;
      }
      bytes[start + header + i] = code;
    }
    bytes[start] = header === 1 ? 0xa0 | length : 0xd9;
    if (header === 2) bytes[start + 1] = length;
    return true;
  }

  #utf16(value: string): void {
    const length = value.length * 2;
    this.#out.checkRoom(length);
    this.extension(extension.utf16, length);
    const at = this.#out.claim(length);
    this.#out.bytes.write(value, at, "utf16le");
  }

  binary(value: Uint8Array): void {
    const { length } = value;
    this.#out.checkRoom(length);
    if (length < 0x100) this.#tagged(0xc4, length, 1);
    else if (length < 0x10000) this.#tagged(0xc5, length, 2);
    else this.#tagged(0xc6, length, 4);
    this.#out.raw(value);
  }

  /** `count` elements follow. */
  array(count: number): void {
    if (count < 0x10) this.#out.u8(0x90 | count);
    else if (count < 0x10000) this.#tagged(0xdc, count, 2);
    else this.#tagged(0xdd, count, 4);
  }

  /** `count` keys, each with its value, follow. */
  map(count: number): void {
    if (count < 0x10) this.#out.u8(0x80 | count);
    else if (count < 0x10000) this.#tagged(0xde, count, 2);
    else this.#tagged(0xdf, count, 4);
  }

  /** `length` bytes of an extension follow. */
  extension(type: number, length: number): void {
    const fixed = fixedExtensionLengths.indexOf(length);
    if (fixed >= 0) this.#out.u8(0xd4 + fixed);
    else if (length < 0x100) this.#tagged(0xc7, length, 1);
    else if (length < 0x10000) this.#tagged(0xc8, length, 2);
    else this.#tagged(0xc9, length, 4);
    this.#out.u8(type);
  }

  /** An extension whose length is not known yet; returns where its body begins, for `endExtension`. */
  beginExtension(type: number): number {
    this.#tagged(0xc9, 0, 4);
    this.#out.u8(type);
    return this.#out.length;
  }

  endExtension(body: number): void {
    this.#out.view.setUint32(body - 5, this.#out.length - body);
  }
}
