// Making a segment's files: each is written under a temporary name and synced, renamed, and its name synced,
// before any manifest says that it is in use. So a crash leaves files that nothing refers to, never half of one.

import { BATCH_HEADER_LENGTH, encodeBatchHeader, recordEnd } from "./batch.js";
import { assert, ioError, LogError } from "./errors.js";
import { type FileSystem, writeFully } from "./file-system.js";
import { removeIfThere, writeNewFile } from "./manifest-file.js";
import { indexName, join, NEW_SUFFIX, storeName } from "./names.js";
import { Pace } from "./pace.js";
import { type ScannedBatch, type ScanSource, StoreScan } from "./scan.js";
import { Segment, type SegmentIdentity } from "./segment.js";
import { encodeSegmentHeader, SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** Where segments live. */
export interface Place {
  readonly fileSystem: FileSystem;
  readonly directory: string;
}

export interface NewSegment {
  readonly identity: SegmentIdentity;
  readonly createdAt: number;
  readonly baseOffset: number;
}

/**
 * Creates a segment's store and opens it. `fill` writes what follows the header and notes it in the segment;
 * all of it is durable, name included, when this resolves. Nothing is left behind when it rejects (`LOG_IO`,
 * `LOG_NO_SPACE`), if the file system lets it.
 */
export async function createSegment(
  { fileSystem, directory }: Place,
  { identity, createdAt, baseOffset }: NewSegment,
  fill: (segment: Segment) => Promise<void>,
): Promise<Segment> {
  const path = join(directory, storeName(identity.id));
  const temporary = path + NEW_SUFFIX;
  let segment: Segment | undefined;
  // Only what this call has made may go when it fails.
  const made: string[] = [];
  try {
    await removeIfThere(fileSystem, temporary);
    const file = await fileSystem.create(temporary);
    made.push(temporary);
    segment = Segment.fresh(fileSystem, directory, identity, file, createdAt, baseOffset);
    await writeFully(file, encodeSegmentHeader({ ...identity, createdAt }), 0);
    await fill(segment);
    await file.sync();
    await fileSystem.rename(temporary, path);
    made.push(path);
    // The manifest must not name a file whose own name a power cut could undo.
    await fileSystem.syncDirectory(directory);
    // Opened by the name that it has from now on, for what errors say.
    segment.adopt(await fileSystem.open(path, "write"));
    return segment;
  } catch (cause) {
    segment?.closeSync();
    await discard(fileSystem, made);
    throw cause instanceof LogError ? cause : ioError("creating a segment", cause);
  }
}

/** Unlinks files that nothing refers to; one that stays is removed by the next opening. */
export async function discard(fileSystem: FileSystem, paths: readonly string[]): Promise<void> {
  for (const path of paths) await removeIfThere(fileSystem, path).catch(() => false);
}

/** Writes a segment's index next to its store, durable but for its name: it is a cache. */
export async function writeIndex(
  { fileSystem, directory }: Place,
  segment: Segment,
): Promise<void> {
  const path = join(directory, indexName(segment.id));
  await writeNewFile(fileSystem, path + NEW_SUFFIX, segment.encodeIndex());
  await fileSystem.rename(path + NEW_SUFFIX, path);
}

const COPY_BYTES = 1024 * 1024;

/** A store as far as its front is copied. */
export interface CopiedStore extends ScanSource {
  readonly marker: number;
  readonly path: string;
  readonly baseOffset: number;
  readonly createdAt: number;
  /** Position after the last batch that is whole. */
  readonly size: number;
}

/** Copies the records of `source` below `end` to a segment with another marker, batch by batch, without notes. */
export async function copyFront(source: CopiedStore, target: Segment, end: number): Promise<void> {
  const pace = new Pace();
  const { baseOffset: offset, createdAt: time } = source;
  const range = { from: SEGMENT_HEADER_LENGTH, limit: source.size, offset, time };
  const scan = new StoreScan(source, source.marker, range);
  let waiting: Uint8Array[] = [];
  let length = 0;
  let position = target.size;
  const write = async () => {
    await writeFully(target.file, Buffer.concat(waiting), position);
    position += length;
    waiting = [];
    length = 0;
  };
  while (scan.offset < end) {
    const batch = scan.next();
    if (batch === undefined) throw scan.error(source.path);
    if (batch.header.count === 0) continue;
    const copied = recode(batch, target.marker, end);
    target.extend(copied.header);
    waiting.push(copied.bytes);
    length += copied.bytes.length;
    if (length >= COPY_BYTES) await write();
    if (pace.due) await pace.rest();
  }
  await write();
  assert(position === target.size && target.endOffset === end, "a copied front reaches to the cut");
}

/** A batch under another marker, without its records from `end` on. */
function recode({ header, bytes, at }: ScannedBatch, marker: number, end: number) {
  const count = Math.min(header.count, end - header.firstOffset);
  const bodyLength = count === header.count ? header.bodyLength : lengthOf(bytes, at, count);
  const copy = bytes.slice(at, at + BATCH_HEADER_LENGTH + bodyLength);
  const { firstOffset, time, durableOffset } = header;
  const fields = { bodyLength, count, firstOffset, time, durableOffset };
  const checksum = encodeBatchHeader(copy, 0, marker, fields);
  return { bytes: copy, header: { ...fields, checksum } };
}

/** Bytes that the first `count` records of a verified batch take in its body. */
function lengthOf(bytes: Uint8Array, at: number, count: number): number {
  const start = at + BATCH_HEADER_LENGTH;
  let end = start;
  for (let index = 0; index < count; index++) end = recordEnd(bytes, end);
  return end - start;
}
