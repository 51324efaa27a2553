// One batch by offset: a look-up in the index, one read, and every check again.

import { type BatchHeader, bodyIsValid, decodeBatchHeader } from "./batch.js";
import { assert, ioError, LogError } from "./errors.js";
import type { Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** A verified batch in memory that is used again by the next call. */
export interface LoadedBatch {
  /** Holds the batch from its beginning. */
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
}

/** The batch that holds this offset, which is in the segment. Throws `LOG_CORRUPT`, `LOG_IO`. */
export function loadBatch(segment: Segment, offset: number): LoadedBatch {
  assert(
    offset >= segment.baseOffset && offset < segment.endOffset,
    "the offset is in this segment",
  );
  const loaded = loadByIndex(segment, offset);
  if (!(loaded instanceof LogError)) return loaded;
  // The index may be what is wrong, however well it verified: the store decides.
  if (!segment.distrustIndex()) throw loaded;
  const again = loadByIndex(segment, offset);
  if (again instanceof LogError) throw again;
  return again;
}

function loadByIndex(segment: Segment, offset: number): LoadedBatch | LogError {
  const { index } = segment;
  const entry = index.find(offset);
  if (entry < 0) return damaged(segment, "none in the index", SEGMENT_HEADER_LENGTH, offset);
  const position = index.positionAt(entry);
  const firstOffset = index.firstOffsetAt(entry);
  const end = entry + 1 < index.count ? index.positionAt(entry + 1) : segment.size;
  const bytes = readAt(segment, position, end - position);
  const verdict = decodeBatchHeader(bytes, 0, segment.marker);
  if (verdict.kind !== "valid") {
    const reason = verdict.kind === "invalid" ? verdict.reason : "no batch where one was";
    return damaged(segment, reason, position, firstOffset);
  }
  const { header } = verdict;
  if (header.firstOffset !== firstOffset || offset >= firstOffset + header.count) {
    return damaged(segment, "one with other offsets", position, offset);
  }
  const reason = bodyIsValid(bytes, 0, header, segment.marker);
  return reason === undefined ? { bytes, header } : damaged(segment, reason, position, firstOffset);
}

function damaged(
  { path: file }: Segment,
  reason: string,
  position: number,
  offset: number,
): LogError {
  return new LogError("LOG_CORRUPT", `damaged batch: ${reason}`, { file, position, offset });
}

function readAt(segment: Segment, position: number, length: number): Uint8Array {
  const bytes = scratch(length);
  try {
    return bytes.subarray(0, segment.file.readSync(bytes, position));
  } catch (cause) {
    throw cause instanceof LogError ? cause : ioError("reading a batch", cause);
  }
}

const SCRATCH_BYTES_MAX = 4 * 1024 * 1024;
let scratchBytes = new Uint8Array(64 * 1024);

/** Memory for one synchronous read; what is returned to users is copied out of it. */
function scratch(length: number): Uint8Array {
  if (length > SCRATCH_BYTES_MAX) return new Uint8Array(length);
  if (length > scratchBytes.length) scratchBytes = new Uint8Array(length);
  return scratchBytes.subarray(0, length);
}
