// The manifest and every header of a log, raw: for looking at what is on disk, sound or not. Read-only. What cannot
// be read is given out like anything else, and reading goes on behind it.

import { checkDirectory, checkSignal } from "./arguments.js";
import { BATCH_HEADER_LENGTH, type BatchHeader } from "./batch.js";
import { listEntries } from "./directory.js";
import { ioError, LogError } from "./errors.js";
import { isGone } from "./examine.js";
import type { File, FileSystem } from "./file-system.js";
import type { Manifest, ManifestSegment } from "./manifest-rules.js";
import { join, MANIFEST, storeId, storeName } from "./names.js";
import { noLog } from "./opening.js";
import { checkKeys, or, resolveFileSystem, whole } from "./options.js";
import { Pace } from "./pace.js";
import { readOrRebuildManifest } from "./rebuild-manifest.js";
import { headersIn, StoreScan } from "./scan.js";
import {
  decodeSegmentHeader,
  SEGMENT_HEADER_LENGTH,
  type SegmentHeader,
} from "./segment-header.js";

/** One structure of a log, as docs/format.md describes it, and where it stands. */
export type LogHeader =
  /** Where it is lost or damaged, the one that `repairLog` would make, behind what says so. */
  | { readonly kind: "manifest"; readonly file: string; readonly manifest: Manifest }
  | {
      readonly kind: "segment";
      readonly file: string;
      readonly state: ManifestSegment["state"];
      readonly header: SegmentHeader;
    }
  /** A batch whose checksums are right. `size`: bytes of header and body. */
  | {
      readonly kind: "batch";
      readonly file: string;
      readonly position: number;
      readonly size: number;
      readonly header: BatchHeader;
    }
  /** From `position` to `end`, exclusive, there is no such structure where one is due: damage, or a torn end. `verifyLog` tells which. */
  | {
      readonly kind: "unreadable";
      readonly file: string;
      readonly position: number;
      readonly end: number;
      readonly message: string;
    };

/** Options of `readHeaders`; unknown ones end it with `LOG_INVALID_ARGUMENT`. */
export interface ReadHeadersOptions {
  readonly fileSystem?: FileSystem;
  /** Segments whose records are all below it are passed over; default 0. */
  readonly from?: number;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Everything but the payloads, in the order of offsets, as it is met: beside a live writer also what is not acknowledged yet. Checks
 * every checksum on the way. Ends with `LOG_NOT_FOUND`, `LOG_UNSUPPORTED_VERSION`, `LOG_IO`, `LOG_INVALID_ARGUMENT`, the signal's reason
 * or, where no manifest is left and none can be made of the stores, `LOG_CORRUPT`.
 */
export async function* readHeaders(
  directory: string,
  options: ReadHeadersOptions = {},
): AsyncGenerator<LogHeader, void, void> {
  checkKeys("options", options, ["fileSystem", "from", "signal"]);
  const absolute = checkDirectory(directory);
  checkSignal(options.signal);
  options.signal?.throwIfAborted();
  const from = whole("from", or(options.from, 0), 0, Number.MAX_SAFE_INTEGER);
  const fileSystem = resolveFileSystem(options.fileSystem);
  const entries = listEntries(fileSystem, absolute) ?? new Map();
  if (![...entries.keys()].some((name) => name === MANIFEST || storeId(name) !== undefined)) {
    throw noLog(fileSystem, absolute);
  }
  const { manifest, damage } = readOrRebuildManifest(fileSystem, absolute, entries);
  const file = join(absolute, MANIFEST);
  for (const { message } of damage)
    yield { kind: "unreadable", file, position: 0, end: 0, message };
  yield { kind: "manifest", file, manifest };
  const pace = new Pace(options.signal);
  const reading = { fileSystem, directory: absolute, logId: manifest.logId, pace };
  let offset = manifest.startOffset;
  for (const segment of manifest.segments) {
    const { state, baseOffset, endOffset } = segment;
    if (state !== "prepared" && baseOffset > offset) offset = baseOffset;
    if (state === "sealed" && endOffset <= from) offset = endOffset;
    else offset = yield* headersOfSegment(reading, segment, offset);
  }
}

interface Reading {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly logId: string;
  readonly pace: Pace;
}

/** Returns the offset after its last record. */
async function* headersOfSegment(
  { fileSystem, directory, logId, pace }: Reading,
  segment: ManifestSegment,
  offset: number,
): AsyncGenerator<LogHeader, number, void> {
  const path = join(directory, storeName(segment.id));
  const nothing = { kind: "unreadable", file: path, position: 0, end: 0 } as const;
  let file: File;
  try {
    file = fileSystem.openSync(path);
  } catch (cause) {
    if (!isGone(cause)) throw ioError("opening a segment", cause);
    yield { ...nothing, message: "the segment is missing, or no regular file" };
    return Math.max(offset, segment.endOffset);
  }
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_LENGTH);
    const verdict = decodeSegmentHeader(bytes.subarray(0, readAt(file, bytes)));
    if (verdict.kind === "valid") {
      const { header } = verdict;
      yield { kind: "segment", file: path, state: segment.state, header };
      const isOurs = header.logId === logId && header.marker === segment.marker;
      if (!isOurs) yield { ...nothing, message: "a header of another log or segment" };
    } else {
      if (verdict.kind === "unsupported") throw unsupported(path, verdict.version);
      yield { ...nothing, end: SEGMENT_HEADER_LENGTH, message: verdict.reason };
    }
    return yield* batchesOf(path, file, segment, offset, pace);
  } finally {
    file.closeSync();
  }
}

async function* batchesOf(
  path: string,
  file: File,
  { marker, state, size }: ManifestSegment,
  first: number,
  pace: Pace,
): AsyncGenerator<LogHeader, number, void> {
  const limit = state === "sealed" ? Math.min(size, sizeOf(file)) : sizeOf(file);
  let range = { from: SEGMENT_HEADER_LENGTH, limit, offset: first, time: 0 };
  for (;;) {
    const scan = new StoreScan({ file }, marker, range);
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      const { position, header } = batch;
      const length = BATCH_HEADER_LENGTH + header.bodyLength;
      yield { kind: "batch", file: path, position, size: length, header };
      if (pace.due) await pace.rest();
    }
    if (scan.stop?.kind === "unsupported") throw scan.error(path);
    if (scan.stop?.kind !== "bad") return scan.offset;
    const next = nextWhole(file, marker, scan, limit);
    const { position, stop } = scan;
    const end = next?.from ?? limit;
    yield { kind: "unreadable", file: path, position, end, message: stop.reason };
    if (next === undefined) return scan.offset;
    range = { ...next, limit };
  }
}

/** The next batch that can follow, by its header alone. */
function nextWhole(file: File, marker: number, { position, offset }: StoreScan, limit: number) {
  for (const { position: from, header } of headersIn(file, marker, position + 1, limit)) {
    const { firstOffset, time } = header;
    if (firstOffset >= offset) return { from, offset: firstOffset, time };
  }
  return undefined;
}

function unsupported(file: string, actual: number): LogError {
  const message = "this segment has a format that is not known here";
  return new LogError("LOG_UNSUPPORTED_VERSION", message, { file, expected: 1, actual });
}

function readAt(file: File, into: Uint8Array): number {
  try {
    return file.readSync(into, 0);
  } catch (cause) {
    throw ioError("reading a segment's header", cause);
  }
}

function sizeOf(file: File): number {
  try {
    return file.sizeSync();
  } catch (cause) {
    throw ioError("reading a segment's size", cause);
  }
}
