// What memory holds of a key: one string of characters up to U+00FF, so that a key costs the heap and its collector
// one object (docs/decisions/0112-items.md).
//
//   key, with U+00FF after each NUL in it · NUL · flags · offset · time · expiry, if any · value
//
// Numbers are LEB128. A long value is bytes beside the item, since the heap is bounded and copying it costs.
// Invariant: strings are in the order of their keys, for what follows a key is a NUL and then flags, which are
// below U+00FF. A key in the form that it has here, without that NUL, is a prefix.

import { writeLatin1 } from "../formats/byte-writer.js";
import {
  STRING_LENGTH_MAX,
  type StoredValue,
  storeValue,
  type ValueBytes,
} from "../values/stored-value.js";
import type { Entry, SnapshotEntry } from "./entry.js";

const NUL = "\0";
const AFTER_NUL = "\xff";
const AFTER_NUL_CODE = 0xff;

const HAS_EXPIRY = 1;
const IS_LONG = 2;

/** NUL, flags, and three numbers of 53 bits. */
const FIELDS_LENGTH_MAX = 2 + 3 * 8;

// Holds the bytes of one item while it is made or read; nothing keeps a reference to it. Decoders keep what they need
// for bytes up to this length.
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

function roomFor(length: number): Buffer {
  return length <= scratch.length ? scratch : Buffer.allocUnsafeSlow(length);
}

/** The form that a key has in items. */
export function prefixOf(key: string): string {
  return key.includes(NUL) ? key.replaceAll(NUL, NUL + AFTER_NUL) : key;
}

/** Length of the prefix that a text begins with. */
export function prefixLength(text: string): number {
  let at = text.indexOf(NUL);
  while (text.charCodeAt(at + 1) === AFTER_NUL_CODE) at = text.indexOf(NUL, at + 2);
  return at;
}

/** Whether this is the text of the key with that prefix. */
export function hasPrefix(text: string, prefix: string): boolean {
  const end = prefix.length;
  return (
    text.charCodeAt(end) === 0 &&
    text.charCodeAt(end + 1) !== AFTER_NUL_CODE &&
    text.startsWith(prefix)
  );
}

const codes = Array.from({ length: 33 }, (_, length) => new Array<number>(length).fill(0));

/** The first characters of a text, as a string of its own: a slice would keep all of the text alive. */
function ownPrefix(text: string, length: number): string {
  const characters = codes[length];
  // For short ones faster than two calls into the engine.
  if (characters !== undefined) {
    for (let i = 0; i < length; i++) characters[i] = text.charCodeAt(i);
    return String.fromCharCode.apply(null, characters);
  }
  const bytes = roomFor(length);
  return bytes.toString("latin1", 0, bytes.write(text, 0, length, "latin1"));
}

/** The prefix of a text, as a string of its own. */
export function prefixOfText(text: string): string {
  return ownPrefix(text, prefixLength(text));
}

/** The key whose prefix this is. */
function fromPrefix(prefix: string): string {
  return prefix.includes(NUL) ? prefix.replaceAll(NUL + AFTER_NUL, NUL) : prefix;
}

/** An entry in its form in memory. It never changes. */
export class Item implements SnapshotEntry {
  readonly text: string;
  /** The value if it is long. */
  readonly beside: Uint8Array | undefined;
  /** Length of the prefix; 0 until it is looked for. */
  #prefixLength: number;
  readonly #key: string | undefined;

  /** Length of the prefix and key are given where they are known. */
  constructor(text: string, beside: Uint8Array | undefined, knownPrefixLength = 0, key?: string) {
    this.text = text;
    this.beside = beside;
    this.#prefixLength = knownPrefixLength;
    this.#key = key;
  }

  get #keyEnd(): number {
    if (this.#prefixLength === 0) this.#prefixLength = prefixLength(this.text);
    return this.#prefixLength;
  }

  get key(): string {
    return this.#key ?? fromPrefix(ownPrefix(this.text, this.#keyEnd));
  }

  get offset(): number {
    return this.#number(0);
  }

  get time(): number {
    return this.#number(1);
  }

  get expiry(): number | undefined {
    return hasExpiry(this.text, this.#keyEnd) ? this.#number(2) : undefined;
  }

  /** Made anew each time. */
  get value(): StoredValue {
    if (this.beside !== undefined) return this.beside;
    const { text } = this;
    const keyEnd = this.#keyEnd;
    return text.slice(afterNumbers(text, keyEnd, hasExpiry(text, keyEnd) ? 3 : 2));
  }

  /** The bytes of the value, valid until the next item is looked at or made. */
  get valueBytes(): ValueBytes {
    const { text, beside } = this;
    if (beside === undefined) {
      const bytes = roomFor(text.length);
      const end = bytes.write(text, 0, "latin1");
      return { bytes, start: startOfValue(bytes, this.#prefixLength), end, text };
    }
    const bytes = Buffer.from(beside.buffer, beside.byteOffset, beside.byteLength);
    return { bytes, start: 0, end: bytes.length, text: undefined };
  }

  #number(index: number): number {
    return numberOf(this.text, this.#keyEnd, index);
  }
}

function hasExpiry(text: string, keyEnd: number): boolean {
  return (text.charCodeAt(keyEnd + 1) & HAS_EXPIRY) !== 0;
}

/** Where the first `count` numbers of a text end. */
function afterNumbers(text: string, keyEnd: number, count: number): number {
  let at = keyEnd + 2;
  for (let left = count; left > 0; at++) if (text.charCodeAt(at) < 0x80) left -= 1;
  return at;
}

function numberOf(text: string, keyEnd: number, index: number): number {
  let value = 0;
  let scale = 1;
  for (let at = afterNumbers(text, keyEnd, index); ; at++) {
    const code = text.charCodeAt(at);
    value += (code & 0x7f) * scale;
    if (code < 0x80) return value;
    scale *= 128;
  }
}

/** The expiry of the entry with this text; infinity if it has none. */
export function expiryOfText(text: string, keyEnd = prefixLength(text)): number {
  return hasExpiry(text, keyEnd) ? numberOf(text, keyEnd, 2) : Number.POSITIVE_INFINITY;
}

/** Where the value begins, in the bytes of a text whose prefix has at least this length. */
function startOfValue(bytes: Buffer, prefixLengthMin: number): number {
  let at = prefixLengthMin;
  while (bytes[at] !== 0 || bytes[at + 1] === AFTER_NUL_CODE) at += 1;
  let left = ((bytes[at + 1] as number) & HAS_EXPIRY) === 0 ? 2 : 3;
  for (at += 2; left > 0; at++) if ((bytes[at] as number) < 0x80) left -= 1;
  return at;
}

/** Whether an entry with this text, whose prefix has this length, has a value beside it. */
export function isLong(text: string, keyEnd: number): boolean {
  return (text.charCodeAt(keyEnd + 1) & IS_LONG) !== 0;
}

/** The form in memory of an entry, whose value is taken over if it is bytes. */
export function itemOf(entry: SnapshotEntry, prefix = prefixOf(entry.key)): Item {
  if (entry instanceof Item) return entry;
  const { value, offset, time, expiry } = entry;
  const isShort = typeof value === "string";
  const bytes = roomFor(prefix.length + FIELDS_LENGTH_MAX + (isShort ? value.length : 0));
  const keyEnd = writeLatin1(bytes, prefix, 0);
  let end = writeFields(bytes, keyEnd, isShort ? 0 : IS_LONG, { offset, time, expiry });
  if (isShort) end += bytes.write(value, end, "latin1");
  return new Item(bytes.toString("latin1", 0, end), isShort ? undefined : value, keyEnd);
}

/** An entry that was read from bytes, and where its value lies in them. */
export interface ReadEntry extends Omit<SnapshotEntry, "value"> {
  readonly valueStart: number;
  readonly valueEnd: number;
}

/**
 * The form in memory of an entry that lies in bytes from `start` on: made in place, right before its value, where
 * there is room for it. Bytes before the value are of no more use then.
 */
export function itemInPlace(
  bytes: Buffer,
  start: number,
  entry: ReadEntry,
  prefix = prefixOf(entry.key),
): Item {
  const { key, offset, time, expiry, valueStart, valueEnd } = entry;
  const fields =
    2 + lengthOf(offset) + lengthOf(time) + (expiry === undefined ? 0 : lengthOf(expiry));
  const textStart = valueStart - fields - prefix.length;
  if (textStart < start || valueEnd - valueStart > STRING_LENGTH_MAX) {
    return itemOf({ ...entry, value: storeValue(bytes, valueStart, valueEnd) }, prefix);
  }
  writeFields(bytes, writeLatin1(bytes, prefix, textStart), 0, entry);
  const text = bytes.toString("latin1", textStart, valueEnd);
  return new Item(text, undefined, prefix.length, key);
}

/** Bytes that a number takes. */
function lengthOf(value: number): number {
  let length = 1;
  for (let limit = 0x80; value >= limit; limit *= 0x80) length += 1;
  return length;
}

/** Writes what lies between prefix and value; returns where it ends. */
function writeFields(
  bytes: Buffer,
  start: number,
  flags: number,
  { offset, time, expiry }: Omit<Entry, "value">,
): number {
  bytes[start] = 0;
  bytes[start + 1] = expiry === undefined ? flags : flags | HAS_EXPIRY;
  const end = writeNumber(bytes, writeNumber(bytes, start + 2, offset), time);
  return expiry === undefined ? end : writeNumber(bytes, end, expiry);
}

function writeNumber(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  if (rest >= 2 ** 28) {
    // The engine computes with integers below 2^31 much faster.
    const low = rest % 2 ** 28;
    rest = (rest - low) / 2 ** 28;
    for (let shift = 0; shift < 28; shift += 7) bytes[at++] = ((low >>> shift) & 0x7f) | 0x80;
  }
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at] = rest;
  return at + 1;
}
