// Bytes to values (docs/format-database.md, "Values").
// Invariant: whatever the bytes are, decoding takes time and memory in proportion to their length and ends
// in a value or in Malformed: each element that a container claims has to have a byte of its own, across
// the whole value, and nesting is bounded.

import type { Malformed } from "../formats/byte-reader.js";
import { MessagePackReader } from "./message-pack-reader.js";
import { typedBuffer } from "./value-buffers.js";
import {
  BIGINT_BYTES_MAX,
  type ErrorName,
  errorClasses,
  extension,
  NESTING_MAX,
} from "./value-format.js";

export class ValueDecoder {
  readonly #in = new MessagePackReader();
  #depth = 0;
  /** Elements that may still be claimed. */
  #budget = 0;

  /**
   * The one value that lies from `start` to `end` (exclusive); throws Malformed. It shares no memory with `bytes`, but may
   * with `text`, whose characters are those bytes.
   */
  decode(bytes: Buffer, start: number, end: number, text?: string): unknown {
    this.#in.begin(bytes, start, end, text);
    this.#depth = 0;
    this.#budget = end - start;
    try {
      const value = this.#read();
      if (this.#in.position !== end) throw this.#malformed("bytes after the value");
      return value;
    } finally {
      this.#in.finish();
    }
  }

  #malformed(reason: string): Malformed {
    return this.#in.malformed(reason);
  }

  #read(): unknown {
    const type = this.#in.u8();
    if (type < 0x80) return type;
    if (type < 0x90) return this.#object(type & 0x0f);
    if (type < 0xa0) return this.#array(type & 0x0f);
    if (type < 0xc0) return this.#in.string(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    if (type >= 0xcc && type <= 0xd3) return this.#in.integer(type);
    if (type >= 0xd4 && type <= 0xd8) return this.#extension(1 << (type - 0xd4));
    return this.#tagged(type);
  }

  #tagged(type: number): unknown {
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return this.#in.f32();
      case 0xcb:
        return this.#in.f64();
      case 0xdc:
        return this.#array(this.#in.u16());
      case 0xdd:
        return this.#array(this.#in.u32());
      case 0xde:
        return this.#object(this.#in.u16());
      case 0xdf:
        return this.#object(this.#in.u32());
      default:
        return this.#sized(type);
    }
  }

  #sized(type: number): unknown {
    switch (type) {
      case 0xc4:
        return this.#binary(this.#in.u8());
      case 0xc5:
        return this.#binary(this.#in.u16());
      case 0xc6:
        return this.#binary(this.#in.u32());
      case 0xc7:
        return this.#extension(this.#in.u8());
      case 0xc8:
        return this.#extension(this.#in.u16());
      case 0xc9:
        return this.#extension(this.#in.u32());
      case 0xd9:
        return this.#in.string(this.#in.u8());
      case 0xda:
        return this.#in.string(this.#in.u16());
      case 0xdb:
        return this.#in.string(this.#in.u32());
      default:
        throw this.#malformed(`no such type: 0x${type.toString(16)}`);
    }
  }

  /** Enters a container of `count` elements. */
  #enter(count: number): void {
    this.#budget -= count;
    if (this.#budget < 0) throw this.#malformed(`${count} elements claimed, more than bytes left`);
    if (this.#depth === NESTING_MAX) {
      throw this.#malformed(`nested deeper than ${NESTING_MAX} levels`);
    }
    this.#depth += 1;
  }

  #array(count: number): unknown[] {
    this.#enter(count);
    const items = new Array<unknown>(count);
    for (let i = 0; i < count; i++) items[i] = this.#read();
    this.#depth -= 1;
    return items;
  }

  #object(count: number): Record<string, unknown> {
    this.#enter(count * 2);
    const value: Record<string, unknown> = {};
    let slot = this.#in.beginningOf(count);
    for (let i = 0; i < count; i++) {
      const name = this.#in.name(slot);
      slot = this.#in.nameSlot;
      const item = this.#read();
      // Assigning to __proto__ would set the prototype instead.
      if (name === "__proto__") define(value, name, item, true);
      else value[name] = item;
    }
    this.#depth -= 1;
    return value;
  }

  #binary(length: number): Uint8Array {
    const start = this.#in.take(length);
    const copy = new Uint8Array(length);
    copy.set(this.#in.bytes.subarray(start, start + length));
    return copy;
  }

  #extension(length: number): unknown {
    const type = this.#in.u8();
    const start = this.#in.take(length);
    const end = start + length;
    const { bytes } = this.#in;
    switch (type) {
      case extension.undefined:
        return undefined;
      case extension.date:
        if (length !== 8) throw this.#malformed("a date of other than 8 bytes");
        return new Date(bytes.readDoubleBE(start));
      case extension.bigint:
        return this.#bigint(start, end);
      case extension.buffer:
        return typedBuffer(bytes, start, end);
      case extension.utf16:
        if (length % 2 !== 0) throw this.#malformed("UTF-16 of an odd count of bytes");
        return bytes.toString("utf16le", start, end);
      default:
        return this.#nested(type, start, end);
    }
  }

  #bigint(start: number, end: number): bigint {
    const { bytes } = this.#in;
    const sign = end - start < 2 ? 2 : (bytes[start] as number);
    if (sign > 1) throw this.#malformed("a BigInt without sign or magnitude");
    if (end - start - 1 > BIGINT_BYTES_MAX) throw this.#malformed("a BigInt beyond the limit");
    const magnitude = BigInt(`0x${bytes.toString("hex", start + 1, end)}`);
    return sign === 1 ? -magnitude : magnitude;
  }

  /** An extension whose body is one MessagePack value. */
  #nested(type: number, start: number, end: number): unknown {
    const outerEnd = this.#in.end;
    this.#in.position = start;
    this.#in.end = end;
    const value = type === extension.map ? this.#map() : this.#composed(type);
    if (this.#in.position !== end) throw this.#malformed("bytes after the value of an extension");
    this.#in.end = outerEnd;
    return value;
  }

  #map(): Map<unknown, unknown> {
    const count = this.#mapCount(this.#in.u8());
    this.#enter(count * 2);
    const value = new Map<unknown, unknown>();
    for (let i = 0; i < count; i++) {
      const key = this.#read();
      value.set(key, this.#read());
    }
    this.#depth -= 1;
    return value;
  }

  #mapCount(type: number): number {
    if (type >= 0x80 && type < 0x90) return type & 0x0f;
    if (type === 0xde) return this.#in.u16();
    if (type === 0xdf) return this.#in.u32();
    throw this.#malformed("map expected in an extension");
  }

  #arrayCount(type: number): number {
    if (type >= 0x90 && type < 0xa0) return type & 0x0f;
    if (type === 0xdc) return this.#in.u16();
    if (type === 0xdd) return this.#in.u32();
    throw this.#malformed("array expected in an extension");
  }

  #composed(type: number): unknown {
    if (type !== extension.set && type !== extension.error && type !== extension.regexp) {
      throw this.#malformed(`no such extension: ${type}`);
    }
    // Not any value: another extension at once would be a level of nesting that nothing counts.
    const items = this.#array(this.#arrayCount(this.#in.u8()));
    if (type === extension.set) return new Set(items);
    const [first, second] = items;
    if (items.length !== 2 || typeof first !== "string") {
      throw this.#malformed("an extension of other than two elements");
    }
    return type === extension.error ? this.#error(first, second) : this.#regexp(first, second);
  }

  #error(name: string, properties: unknown): Error {
    if (
      !Object.hasOwn(errorClasses, name) ||
      typeof properties !== "object" ||
      properties === null
    ) {
      throw this.#malformed(`no such error: ${name.slice(0, 80)}`);
    }
    return errorWith(name as ErrorName, properties);
  }

  #regexp(source: string, flags: unknown): RegExp {
    try {
      return new RegExp(source, String(flags));
    } catch {
      throw this.#malformed("no regular expression that this engine knows");
    }
  }
}

/** A built-in error that has these properties and no others. */
export function errorWith(name: ErrorName, properties: object): Error {
  const known = errorClasses[name];
  const value: Error = Reflect.construct(known, known === AggregateError ? [[]] : []);
  for (const key of Object.getOwnPropertyNames(value)) Reflect.deleteProperty(value, key);
  for (const [key, item] of Object.entries(properties)) {
    define(value, key, item, !hiddenInErrors.has(key));
  }
  return value;
}

const hiddenInErrors = new Set(["message", "stack", "cause", "errors"]);

function define(target: object, name: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(target, name, { value, enumerable, writable: true, configurable: true });
}
