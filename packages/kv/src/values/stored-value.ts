// How the encoded bytes of a value are held while it is on its way: a short one as a string of one byte a character, the
// form that it has within an item (item.ts); a long one as bytes of its own.
// Invariant: what is held never changes and shares no memory with what it was made from.

/** The encoded bytes of a value. */
export type StoredValue = string | Uint8Array;

/** A longer value is held as bytes. */
export const STRING_LENGTH_MAX = 16 * 1024;

// Holds the bytes of one short value while it is decoded; nothing keeps a reference to it.
const scratch = Buffer.allocUnsafeSlow(STRING_LENGTH_MAX);

/** Bytes and where a value lies in them. */
export interface ValueBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** A string whose characters are the bytes from 0 to `end`, if there is one. */
  readonly text: string | undefined;
}

/** Holds the bytes from `start` to `end` (exclusive), copied. */
export function storeValue(bytes: Buffer, start: number, end: number): StoredValue {
  if (end - start <= STRING_LENGTH_MAX) return bytes.toString("latin1", start, end);
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** The bytes of a held value, valid until the next call. */
export function bytesOfValue(value: StoredValue): ValueBytes {
  if (typeof value === "string") {
    const end = scratch.write(value, 0, "latin1");
    return { bytes: scratch, start: 0, end, text: value };
  }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { bytes, start: 0, end: bytes.length, text: undefined };
}

/** Whether two held values have the same bytes. */
export function sameValue(a: StoredValue, b: StoredValue): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return Buffer.compare(a, b) === 0;
}
