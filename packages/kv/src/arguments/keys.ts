// Keys. In memory a key of either kind is the string of its encoded bytes, one character up to U+00FF
// for each, so that the order of strings is the order of bytes; for `"string"` keys those bytes are UTF-8,
// whose order is that of code points. A key of ASCII characters is the same string in both forms.

import { isUtf8 } from "node:buffer";
import { types } from "node:util";
import { DatabaseError } from "../errors.js";
import { tagOf } from "./arguments.js";

/** What the keys of a database are; fixed when it is made. */
export type KeyKind = "string" | "bytes";

/** A key as the caller gives it. */
export type Key = string | Uint8Array;

/** Bytes that a key may have, encoded. */
export const KEY_BYTES_MAX = 64 * 1024;

/** Turns keys of one kind into their form in memory and back. */
export interface KeyCodec<K extends Key> {
  readonly kind: KeyKind;
  /** The form in memory; throws `KV_INVALID_KEY`. */
  encode(key: unknown): string;
  /** The caller's form; bytes are a copy of their own. */
  decode(stored: string): K;
}

/** Up to here a loop over characters is faster than a call out of JavaScript. */
const SHORT_KEY_LENGTH = 32;

/** Keys are strings without lone surrogates, in the order of their code points. */
export const stringKeys: KeyCodec<string> = {
  kind: "string",

  encode(key) {
    if (typeof key !== "string") throw invalidKey(`a key is a string here, not ${describe(key)}`);
    if (isShortAscii(key)) return key;
    const length = Buffer.byteLength(key);
    if (length > KEY_BYTES_MAX) throw tooLong(length);
    if (length === key.length) return key;
    if (loneSurrogate.test(key)) throw invalidKey("a key has no lone surrogates");
    return Buffer.from(key, "utf8").toString("latin1");
  },

  decode(stored) {
    return isAscii(stored) ? stored : Buffer.from(stored, "latin1").toString("utf8");
  },
};

/** Keys are bytes, in the order of unsigned bytes. */
export const byteKeys: KeyCodec<Uint8Array> = {
  kind: "bytes",

  encode(key) {
    if (!types.isUint8Array(key)) {
      throw invalidKey(`a key is a Uint8Array here, not ${describe(key)}`);
    }
    if (key.length > KEY_BYTES_MAX) throw tooLong(key.length);
    return bytesOf(key).toString("latin1");
  },

  decode(stored) {
    const key = new Uint8Array(stored.length);
    for (let i = 0; i < stored.length; i++) key[i] = stored.charCodeAt(i);
    return key;
  },
};

/** Whether a key that was read from a file can have been written by a database of this kind. */
export function isStoredKey(kind: KeyKind, stored: string): boolean {
  if (stored.length > KEY_BYTES_MAX) return false;
  return kind === "bytes" || isAscii(stored) || isUtf8(Buffer.from(stored, "latin1"));
}

const loneSurrogate = /\p{Surrogate}/u;

function bytesOf(key: Uint8Array): Buffer {
  try {
    return Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  } catch {
    throw invalidKey("the memory of this key has been detached");
  }
}

function isShortAscii(key: string): boolean {
  const { length } = key;
  if (length > SHORT_KEY_LENGTH) return false;
  for (let i = 0; i < length; i++) if (key.charCodeAt(i) >= 0x80) return false;
  return true;
}

function isAscii(stored: string): boolean {
  return Buffer.byteLength(stored) === stored.length;
}

function invalidKey(message: string): DatabaseError {
  return new DatabaseError("KV_INVALID_KEY", message);
}

function tooLong(length: number): DatabaseError {
  return invalidKey(`a key has at most ${KEY_BYTES_MAX} bytes, this one has ${length}`);
}

function describe(key: unknown): string {
  if (key === null) return "null";
  if (typeof key !== "object") return `a ${typeof key}`;
  return tagOf(key);
}
