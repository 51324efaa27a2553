// The manifest: which segments make up the log. It is replaced as a whole, so it is never torn: whatever
// the checksum or a rule below contradicts is damage. Invariant: what is decoded keeps every rule that
// encoding asserts. Format: docs/format.md, "Manifest".

import { crc32 } from "./checksum.js";
import { assert } from "./errors.js";
import {
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
import {
  contradictionIn,
  type Floor,
  type Manifest,
  type ManifestSegment,
  SEGMENT_STATES,
} from "./manifest-rules.js";

const MAGIC = "TIDEMANI";
const FORMAT_VERSION = 1;
const FIXED_LENGTH = 128;
const SEGMENT_LENGTH = 40;
const CHECKSUM_LENGTH = 4;
const LENGTH_MIN = FIXED_LENGTH + CHECKSUM_LENGTH;
const FLAG_ANCESTRY = 1;

export type { Floor, Manifest, ManifestSegment };

export type ManifestVerdict =
  | { readonly kind: "valid"; readonly manifest: Manifest }
  | { readonly kind: "unsupported"; readonly version: number; readonly flags: number }
  | {
      readonly kind: "invalid";
      readonly reason: string;
      readonly expected?: string | number;
      readonly actual?: string | number;
    };

/** The bytes of the file, for the caller to keep. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const contradiction = contradictionIn(manifest);
  assert(contradiction === undefined, `a manifest to be written has ${contradiction}`);
  const { segments, dropping } = manifest;
  const droppingAt = FIXED_LENGTH + segments.length * SEGMENT_LENGTH;
  const length = droppingAt + dropping.length * 4 + CHECKSUM_LENGTH;
  const bytes = new Uint8Array(length);
  writeMagic(bytes, MAGIC);
  writeU32(bytes, 8, FORMAT_VERSION);
  writeU32(bytes, 12, length);
  writeFixedPart(bytes, manifest);
  writeU32(bytes, 120, segments.length);
  writeU32(bytes, 124, dropping.length);
  segments.forEach((segment, index) => {
    writeSegment(bytes, FIXED_LENGTH + index * SEGMENT_LENGTH, segment);
  });
  dropping.forEach((id, index) => {
    writeU32(bytes, droppingAt + index * 4, id);
  });
  writeU32(bytes, length - CHECKSUM_LENGTH, checksumOf(bytes));
  return bytes;
}

/** Judges the bytes of a whole file. Never throws. */
export function decodeManifest(bytes: Uint8Array): ManifestVerdict {
  if (bytes.length < LENGTH_MIN) {
    return invalid("the file is too short", LENGTH_MIN, bytes.length);
  }
  const magic = readMagic(bytes);
  if (magic !== MAGIC) return invalid("wrong magic", MAGIC, JSON.stringify(magic));
  const version = readU32(bytes, 8);
  const flags = readU32(bytes, 116);
  if (version !== FORMAT_VERSION) return judgeVersion(bytes, version, flags);
  const stored = readU32(bytes, bytes.length - CHECKSUM_LENGTH);
  const checksum = checksumOf(bytes);
  if (stored !== checksum) return invalid("wrong checksum", checksum, stored);
  if ((flags & ~FLAG_ANCESTRY) !== 0) return { kind: "unsupported", version, flags };
  return decodeContents(bytes, flags);
}

function writeFixedPart(bytes: Uint8Array, manifest: Manifest): void {
  const { ancestry, floor } = manifest;
  writeLogId(bytes, 16, manifest.logId);
  if (ancestry !== undefined) {
    writeLogId(bytes, 32, ancestry.logId);
    writeU64(bytes, 48, ancestry.offset);
  }
  writeU64(bytes, 56, manifest.generation);
  writeU64(bytes, 64, manifest.truncationGeneration);
  writeU64(bytes, 72, manifest.truncatedFrom);
  writeU64(bytes, 80, manifest.startOffset);
  writeU32(bytes, 88, manifest.nextSegmentId);
  writeU32(bytes, 92, floor.segmentId);
  writeU64(bytes, 96, floor.offset);
  writeU64(bytes, 104, floor.position);
  writeU32(bytes, 112, floor.checksum);
  writeU32(bytes, 116, ancestry === undefined ? 0 : FLAG_ANCESTRY);
}

function writeSegment(bytes: Uint8Array, at: number, segment: ManifestSegment): void {
  writeU32(bytes, at, segment.id);
  writeU32(bytes, at + 4, segment.marker);
  writeU32(bytes, at + 8, SEGMENT_STATES.indexOf(segment.state));
  writeU32(bytes, at + 12, segment.lastChecksum);
  writeU64(bytes, at + 16, segment.baseOffset);
  writeU64(bytes, at + 24, segment.endOffset);
  writeU64(bytes, at + 32, segment.size);
}

function decodeContents(bytes: Uint8Array, flags: number): ManifestVerdict {
  const segmentCount = readU32(bytes, 120);
  const droppingCount = readU32(bytes, 124);
  const droppingAt = FIXED_LENGTH + segmentCount * SEGMENT_LENGTH;
  const length = droppingAt + droppingCount * 4 + CHECKSUM_LENGTH;
  // Before anything is allocated: the counts are believed only if the file is as long as they say.
  if (length !== bytes.length) return invalid("counts do not match length", length, bytes.length);
  if (readU32(bytes, 12) !== length) return invalid("wrong length", length, readU32(bytes, 12));
  const segments: ManifestSegment[] = [];
  for (let at = FIXED_LENGTH; at < droppingAt; at += SEGMENT_LENGTH) {
    const segment = readSegment(bytes, at);
    if (segment === undefined)
      return invalid("unknown state of a segment", 2, readU32(bytes, at + 8));
    segments.push(segment);
  }
  const dropping: number[] = [];
  for (let at = droppingAt; at < length - CHECKSUM_LENGTH; at += 4)
    dropping.push(readU32(bytes, at));
  const hasAncestry = flags === FLAG_ANCESTRY;
  if (!hasAncestry && !isZero(bytes, 32, 56)) return invalid("ancestry without its flag");
  const manifest: Manifest = {
    logId: readLogId(bytes, 16),
    ancestry: hasAncestry ? { logId: readLogId(bytes, 32), offset: readU64(bytes, 48) } : undefined,
    generation: readU64(bytes, 56),
    truncationGeneration: readU64(bytes, 64),
    truncatedFrom: readU64(bytes, 72),
    startOffset: readU64(bytes, 80),
    nextSegmentId: readU32(bytes, 88),
    floor: {
      segmentId: readU32(bytes, 92),
      offset: readU64(bytes, 96),
      position: readU64(bytes, 104),
      checksum: readU32(bytes, 112),
    },
    segments,
    dropping,
  };
  const reason = contradictionIn(manifest);
  return reason === undefined ? { kind: "valid", manifest } : invalid(reason);
}

function readSegment(bytes: Uint8Array, at: number): ManifestSegment | undefined {
  const state = SEGMENT_STATES[readU32(bytes, at + 8)];
  if (state === undefined) return undefined;
  return {
    id: readU32(bytes, at),
    marker: readU32(bytes, at + 4),
    state,
    baseOffset: readU64(bytes, at + 16),
    endOffset: readU64(bytes, at + 24),
    size: readU64(bytes, at + 32),
    lastChecksum: readU32(bytes, at + 12),
  };
}

// A newer version may have moved the checksum, so it cannot vouch for itself. But if all that keeps this
// file from being one of version 1 is the version, then the version is what is damaged.
function judgeVersion(bytes: Uint8Array, version: number, flags: number): ManifestVerdict {
  const restored = bytes.slice();
  writeU32(restored, 8, FORMAT_VERSION);
  const stored = readU32(restored, restored.length - CHECKSUM_LENGTH);
  if (version === 0 || stored === checksumOf(restored)) {
    return invalid("damaged format version", FORMAT_VERSION, version);
  }
  return { kind: "unsupported", version, flags };
}

function checksumOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(0, bytes.length - CHECKSUM_LENGTH));
}

function invalid(
  reason: string,
  expected?: string | number,
  actual?: string | number,
): ManifestVerdict {
  if (expected === undefined || actual === undefined) return { kind: "invalid", reason };
  return { kind: "invalid", reason, expected, actual };
}
