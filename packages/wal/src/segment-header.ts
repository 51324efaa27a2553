// The first 64 bytes of a store. They are synced before any manifest names the segment, so damage here is
// never a torn write. The base offset is not among them: a segment is prepared before it is known.
// Format: docs/format.md, "Segment header".

import { crc32 } from "./checksum.js";
import { assert } from "./errors.js";
import {
  isLogId,
  isU32,
  isU53,
  isZero,
  readLogId,
  readMagic,
  readU32,
  readU64,
  writeLogId,
  writeMagic,
  writeU32,
  writeU64,
} from "./fields.js";

/** Bytes of a segment's header: the position of its first batch. */
export const SEGMENT_HEADER_LENGTH = 64;

const MAGIC = "TIDEMARK";
const FORMAT_VERSION = 1;
const CHECKSUM_AT = 60;

/** What a store says of itself. */
export interface SegmentHeader {
  /** From 1. */
  readonly id: number;
  /** The UUID of the log, in lower case. */
  readonly logId: string;
  /** Ms since the Unix epoch; no record of the segment is older. */
  readonly createdAt: number;
  /** Begins each batch of this segment; not 0. */
  readonly marker: number;
}

export type SegmentHeaderVerdict =
  | { readonly kind: "valid"; readonly header: SegmentHeader }
  | { readonly kind: "unsupported"; readonly version: number; readonly flags: number }
  | {
      readonly kind: "invalid";
      readonly reason: string;
      readonly expected?: string | number;
      readonly actual?: string | number;
    };

/** The header's bytes, for the caller to keep. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  assert(
    contradictionIn(header) === undefined,
    "a segment header holds a valid id, marker and time",
  );
  assert(isLogId(header.logId), "a log id is a UUID in lower case");
  const bytes = new Uint8Array(SEGMENT_HEADER_LENGTH);
  writeMagic(bytes, MAGIC);
  writeU32(bytes, 8, FORMAT_VERSION);
  writeU32(bytes, 16, header.id);
  writeU32(bytes, 20, header.marker);
  writeLogId(bytes, 24, header.logId);
  writeU64(bytes, 40, header.createdAt);
  writeU32(bytes, CHECKSUM_AT, checksumOf(bytes));
  return bytes;
}

/** Judges the first bytes of a store, which may go on after the header. Never throws. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeaderVerdict {
  if (bytes.length < SEGMENT_HEADER_LENGTH) {
    const reason = "the file ends inside its header";
    return { kind: "invalid", reason, expected: SEGMENT_HEADER_LENGTH, actual: bytes.length };
  }
  const magic = readMagic(bytes);
  if (magic !== MAGIC) {
    const actual = JSON.stringify(magic);
    return { kind: "invalid", reason: "wrong magic", expected: MAGIC, actual };
  }
  const version = readU32(bytes, 8);
  const flags = readU32(bytes, 12);
  if (version !== FORMAT_VERSION) return judgeVersion(bytes, version, flags);
  const stored = readU32(bytes, CHECKSUM_AT);
  const expected = checksumOf(bytes);
  if (stored !== expected) {
    return { kind: "invalid", reason: "wrong header checksum", expected, actual: stored };
  }
  if (flags !== 0) return { kind: "unsupported", version, flags };
  if (!isZero(bytes, 48, CHECKSUM_AT)) return { kind: "invalid", reason: "reserved bytes not 0" };
  const header: SegmentHeader = {
    id: readU32(bytes, 16),
    logId: readLogId(bytes, 24),
    createdAt: readU64(bytes, 40),
    marker: readU32(bytes, 20),
  };
  const reason = contradictionIn(header);
  return reason === undefined ? { kind: "valid", header } : { kind: "invalid", reason };
}

// A newer version may have moved the checksum, so it cannot vouch for itself. But if all that keeps this
// header from being one of version 1 is the version, then the version is what is damaged.
function judgeVersion(bytes: Uint8Array, version: number, flags: number): SegmentHeaderVerdict {
  const restored = bytes.slice(0, SEGMENT_HEADER_LENGTH);
  writeU32(restored, 8, FORMAT_VERSION);
  if (version === 0 || readU32(restored, CHECKSUM_AT) === checksumOf(restored)) {
    const reason = "damaged format version";
    return { kind: "invalid", reason, expected: FORMAT_VERSION, actual: version };
  }
  return { kind: "unsupported", version, flags };
}

function checksumOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(0, CHECKSUM_AT));
}

function contradictionIn({ id, marker, createdAt }: SegmentHeader): string | undefined {
  if (!isU32(id) || id === 0) return "segment id 0";
  if (!isU32(marker) || marker === 0) return "marker 0";
  if (!isU53(createdAt)) return "a creation time above 2^53 - 1";
  return undefined;
}
