// The batch: a header of 48 bytes, then the body, which is a u32 length and a payload for each record.
// Invariant: a header is believed only after its own checksum, which the marker seeds; a body only after
// its checksum, which the header seeds. Format: docs/format.md, "Batch header" and "Body".

import { crc32 } from "./checksum.js";
import { assert } from "./errors.js";
import {
  isU32,
  isU53,
  isZero,
  readU16,
  readU32,
  readU64,
  writeU16,
  writeU32,
  writeU64,
} from "./fields.js";

/** Bytes of a batch's header. */
export const BATCH_HEADER_LENGTH = 48;

/** Bytes before each payload in a body: its length. */
export const RECORD_PREFIX_LENGTH = 4;

// A header is made here and copied to its place: the checksums over its parts need no views then, which cost 43 ns each.
const encoded = new Uint8Array(BATCH_HEADER_LENGTH);
const encodedSeeding = encoded.subarray(8, 40);
const encodedSeeded = encoded.subarray(40);

const TIME_MAX = 2 ** 48 - 1;

/** What a batch says of itself. */
export interface BatchHeader {
  /** Bytes after the header. */
  readonly bodyLength: number;
  /** Records in the body; 0 makes it a note, which only states the durable offset. */
  readonly count: number;
  /** Offset of the first record; of a note, the offset that the next record will get. */
  readonly firstOffset: number;
  /** Ms since the Unix epoch. */
  readonly time: number;
  /** The durable offset known when the batch was written; never above `firstOffset`. */
  readonly durableOffset: number;
  readonly bodyChecksum: number;
  readonly checksum: number;
}

/** What the writer states; the checksums follow from it. */
export type BatchFields = Omit<BatchHeader, "bodyChecksum" | "checksum">;

/**
 * What stands where a header is expected: a header, zeros (the end of what was written), one of a newer
 * format, or something else.
 */
export type HeaderVerdict =
  | { readonly kind: "valid"; readonly header: BatchHeader }
  | { readonly kind: "end" }
  | { readonly kind: "unsupported"; readonly flags: number }
  | {
      readonly kind: "invalid";
      readonly reason: string;
      readonly expected?: string | number;
      readonly actual?: string | number;
    };

/**
 * Writes the header at `at`, for the body that stands at `at + BATCH_HEADER_LENGTH` already, and returns
 * the header's checksum.
 */
export function encodeBatchHeader(
  bytes: Uint8Array,
  at: number,
  marker: number,
  fields: BatchFields,
): number {
  const bodyAt = at + BATCH_HEADER_LENGTH;
  assert(isU32(marker) && marker !== 0, "a marker is a u32 above 0");
  assert(Number.isInteger(fields.time) && fields.time >= 0, "a time is a whole number of ms");
  assert(fields.time <= TIME_MAX, "a time fits 48 bits");
  assert(
    isU32(fields.bodyLength) && isU32(fields.count),
    "length and count of a batch fit 32 bits",
  );
  assert(contradictionIn(fields) === undefined, "a batch does not contradict itself");
  assert(bodyAt + fields.bodyLength <= bytes.length, "the body is in place");
  writeU32(encoded, 0, marker);
  writeU32(encoded, 8, fields.bodyLength);
  writeU32(encoded, 12, fields.count);
  writeU64(encoded, 16, fields.firstOffset);
  writeU32(encoded, 24, fields.time >>> 0);
  writeU16(encoded, 28, Math.floor(fields.time / 2 ** 32));
  writeU16(encoded, 30, 0);
  writeU64(encoded, 32, fields.durableOffset);
  const seed = crc32(encodedSeeding, marker);
  writeU32(encoded, 40, crc32(bytes.subarray(bodyAt, bodyAt + fields.bodyLength), seed));
  writeU32(encoded, 44, 0);
  const checksum = crc32(encodedSeeded, seed);
  writeU32(encoded, 4, checksum);
  bytes.set(encoded, at);
  return checksum;
}

/** Judges what stands at `at` in the store of the segment with this marker. Never throws. */
export function decodeBatchHeader(bytes: Uint8Array, at: number, marker: number): HeaderVerdict {
  const remaining = Math.max(0, bytes.length - at);
  if (isZero(bytes, at, at + Math.min(remaining, BATCH_HEADER_LENGTH))) return { kind: "end" };
  if (remaining < BATCH_HEADER_LENGTH) {
    const reason = "the file ends inside a batch header";
    return { kind: "invalid", reason, expected: BATCH_HEADER_LENGTH, actual: remaining };
  }
  const found = readU32(bytes, at);
  if (found !== marker) return mismatch("wrong marker", marker, found);
  const stored = readU32(bytes, at + 4);
  const checksum = headerChecksum(bytes, at, marker);
  if (stored !== checksum) return mismatch("wrong header checksum", checksum, stored);
  const flags = readU16(bytes, at + 30);
  if (flags !== 0) return { kind: "unsupported", flags };
  if (!isZero(bytes, at + 44, at + 48)) return { kind: "invalid", reason: "reserved bytes not 0" };
  const header: BatchHeader = {
    bodyLength: readU32(bytes, at + 8),
    count: readU32(bytes, at + 12),
    firstOffset: readU64(bytes, at + 16),
    time: readU32(bytes, at + 24) + readU16(bytes, at + 28) * 2 ** 32,
    durableOffset: readU64(bytes, at + 32),
    bodyChecksum: readU32(bytes, at + 40),
    checksum,
  };
  const reason = contradictionIn(header);
  return reason === undefined ? { kind: "valid", header } : { kind: "invalid", reason };
}

/**
 * Why the body of the valid `header`, which stands at `at`, is not what was written; undefined if it is.
 * Afterwards the lengths of its records can be followed without checks.
 */
export function bodyIsValid(
  bytes: Uint8Array,
  at: number,
  header: BatchHeader,
  marker: number,
): string | undefined {
  const start = at + BATCH_HEADER_LENGTH;
  const end = start + header.bodyLength;
  if (end > bytes.length) return "the file ends inside a body";
  const checksum = crc32(bytes.subarray(start, end), bodySeed(bytes, at, marker));
  if (checksum !== header.bodyChecksum) return "wrong body checksum";
  let position = start;
  for (let index = 0; index < header.count; index++) {
    if (position + RECORD_PREFIX_LENGTH > end) return "fewer records than the header states";
    position += RECORD_PREFIX_LENGTH + readU32(bytes, position);
  }
  // A length that runs past the end shows in the next round, or here after the last.
  return position === end ? undefined : "record lengths do not add up to the body";
}

/**
 * The payload of a record of a valid batch: a view of `bytes`, valid as long as they are. Steps over the
 * records before it; `index` counts from 0 and is below `header.count`.
 */
export function recordAt(
  bytes: Uint8Array,
  at: number,
  header: BatchHeader,
  index: number,
): Uint8Array {
  assert(index >= 0 && index < header.count, "the record is in the batch");
  let position = at + BATCH_HEADER_LENGTH;
  for (let before = 0; before < index; before++) position = recordEnd(bytes, position);
  return bytes.subarray(position + RECORD_PREFIX_LENGTH, recordEnd(bytes, position));
}

/** Position after the record whose length stands at `position`, in a valid body. */
export function recordEnd(bytes: Uint8Array, position: number): number {
  return position + RECORD_PREFIX_LENGTH + readU32(bytes, position);
}

/**
 * The first position at or after `from` where a header with this marker and a right checksum stands, or
 * -1. Takes time linear in the length of `bytes`, whatever they hold: a false marker costs one checksum
 * of 40 bytes.
 */
export function nextHeader(bytes: Uint8Array, from: number, marker: number): number {
  const searched = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sought = Buffer.alloc(4);
  writeU32(sought, 0, marker);
  for (let at = from; at + BATCH_HEADER_LENGTH <= bytes.length; at++) {
    at = searched.indexOf(sought, at);
    if (at === -1 || at + BATCH_HEADER_LENGTH > bytes.length) return -1;
    // The reserved bytes are 0 in every header, also in one with flags: most false markers end here.
    if (!isZero(bytes, at + 44, at + 48)) continue;
    if (readU32(bytes, at + 4) === headerChecksum(bytes, at, marker)) return at;
  }
  return -1;
}

function headerChecksum(bytes: Uint8Array, at: number, marker: number): number {
  return crc32(bytes.subarray(at + 8, at + BATCH_HEADER_LENGTH), marker);
}

// The body's checksum is itself covered by the header's, so it cannot be seeded with that: its seed is
// the header's checksum as it stands before it takes in bytes 40 to 47.
function bodySeed(bytes: Uint8Array, at: number, marker: number): number {
  return crc32(bytes.subarray(at + 8, at + 40), marker);
}

function contradictionIn(fields: BatchFields): string | undefined {
  const { bodyLength, count, firstOffset, durableOffset } = fields;
  // Also catches a u64 above 2^53 - 1, which readU64 makes no safe integer.
  if (!isU53(firstOffset + count)) return "an offset above 2^53 - 1";
  if (!isU53(durableOffset)) return "a durable offset above 2^53 - 1";
  if (durableOffset > firstOffset) return "a durable offset above the batch's own";
  if (count * RECORD_PREFIX_LENGTH > bodyLength) return "more records than the body can hold";
  if (count === 0 && bodyLength !== 0) return "a note with a body";
  return undefined;
}

function mismatch(reason: string, expected: number, actual: number): HeaderVerdict {
  return { kind: "invalid", reason, expected, actual };
}
