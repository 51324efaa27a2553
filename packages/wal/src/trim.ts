// What a writer does to the unsealed end before it appends: torn bytes are set aside and cut off, and what is
// not proved durable is made so. Each step can be cut off by a crash and done again with the same outcome.

import { crc32 } from "./checksum.js";
import { ioError } from "./errors.js";
import { type File, type FileSystem, writeFully } from "./file-system.js";
import { removeIfThere } from "./manifest-file.js";
import { join, NEW_SUFFIX, tornName } from "./names.js";
import { Pace } from "./pace.js";
import { endOfNonZero } from "./scan.js";
import type { Segment } from "./segment.js";
import type { Tail } from "./tail.js";

/** Bytes set aside of one store's torn end at the most. */
const QUARANTINE_BYTES_MAX = 64 * 1024 * 1024;
/** Quarantine files kept; beyond, those of the oldest segments go, in a segment those before the others. */
const QUARANTINE_FILES_MAX = 16;
const COPY_BYTES = 1024 * 1024;

/** A torn end that was cut off. */
export interface TrimmedBytes {
  /** Path of the store. */
  readonly file: string;
  /** Where the cut was made, and how many bytes behind it were not zero. */
  readonly position: number;
  readonly bytes: number;
  /** Path of the copy, and how much of the torn bytes it holds; undefined if there was nothing but zeros. */
  readonly quarantine: { readonly file: string; readonly bytes: number } | undefined;
}

/** Sets the torn bytes aside, then cuts, the last segment first, and syncs each cut. */
export async function trimTail(
  fileSystem: FileSystem,
  directory: string,
  tail: Tail,
  existing: readonly string[],
): Promise<TrimmedBytes[]> {
  const { tear } = tail;
  if (tear === undefined) return [];
  const torn = tail.segments.slice(tear.segmentIndex);
  try {
    const trimmed: TrimmedBytes[] = [];
    for (const segment of torn) trimmed.push(await setAside(fileSystem, directory, segment));
    // The copies must be durable, by name too, before the only other copy goes.
    await fileSystem.syncDirectory(directory);
    // What is cut never comes back, so each cut is synced.
    for (const segment of [...torn].reverse()) await segment.cutToSize();
    await dropOldQuarantine(fileSystem, directory, existing, trimmed);
    return trimmed.filter(({ bytes }) => bytes > 0);
  } catch (cause) {
    throw ioError("cutting off a torn tail", cause);
  }
}

async function setAside(
  fileSystem: FileSystem,
  directory: string,
  segment: Segment,
): Promise<TrimmedBytes> {
  const { file: store, path, size: position } = segment;
  const end = endOfNonZero(store, position, store.sizeSync());
  const bytes = end - position;
  if (bytes === 0) return { file: path, position, bytes, quarantine: undefined };
  const kept = Math.min(bytes, QUARANTINE_BYTES_MAX);
  const name = tornName(segment.id, position, await checksumOf(store, position, kept));
  const file = join(directory, name);
  await removeIfThere(fileSystem, file + NEW_SUFFIX);
  const copy = await fileSystem.create(file + NEW_SUFFIX);
  try {
    await copyBytes(store, position, copy, 0, kept);
    await copy.sync();
  } finally {
    await copy.close();
  }
  await fileSystem.rename(file + NEW_SUFFIX, file);
  return { file: path, position, bytes, quarantine: { file, bytes: kept } };
}

async function checksumOf(file: File, from: number, length: number): Promise<number> {
  const pace = new Pace();
  let checksum = 0;
  const chunk = new Uint8Array(Math.min(COPY_BYTES, length));
  for (let at = 0; at < length; at += chunk.length) {
    const count = file.readSync(chunk.subarray(0, Math.min(chunk.length, length - at)), from + at);
    checksum = crc32(chunk.subarray(0, count), checksum);
    if (pace.due) await pace.rest();
  }
  return checksum;
}

/** Copies bytes from one file to another, or within one onto themselves. */
export async function copyBytes(
  source: File,
  from: number,
  target: File,
  to: number,
  length: number,
): Promise<void> {
  const chunk = new Uint8Array(Math.min(COPY_BYTES, length));
  for (let at = 0; at < length; at += chunk.length) {
    const wanted = Math.min(chunk.length, length - at);
    const count = source.readSync(chunk.subarray(0, wanted), from + at);
    await writeFully(target, chunk.subarray(0, count), to + at);
  }
}

/** Keeps the copies of this recovery and the newest of the others, by segment and position. */
async function dropOldQuarantine(
  fileSystem: FileSystem,
  directory: string,
  existing: readonly string[],
  trimmed: readonly TrimmedBytes[],
): Promise<void> {
  const fresh = new Set(trimmed.map(({ quarantine }) => quarantine?.file));
  const older = existing.filter((name) => !fresh.has(join(directory, name))).sort(byPlace);
  const surplus = Math.max(0, older.length + fresh.size - QUARANTINE_FILES_MAX);
  for (const name of older.slice(0, surplus))
    await removeIfThere(fileSystem, join(directory, name));
}

/** Segment ids and positions as numbers: as text, 1024 comes before 224. */
function byPlace(a: string, b: string): number {
  const [idA = 0, positionA = 0] = a.split("-").map(Number);
  const [idB = 0, positionB = 0] = b.split("-").map(Number);
  return idA - idB || positionA - positionB;
}

/**
 * Makes the unsealed stores durable as they stand. What is not proved durable is written again in place, the
 * same bytes: after a crash it may be in the page cache alone, after a failed sync even marked clean, so that a
 * sync by itself would do nothing. For the same reason sizes are touched, always: a cut that a killed writer had
 * not synced, or whose sync failed, would otherwise come undone beneath what is appended next, and nothing on
 * disk tells that it was made. Returns the bytes written.
 */
export async function makeDurable(tail: Tail): Promise<number> {
  let rewritten = 0;
  try {
    for (const segment of tail.segments) {
      rewritten += await rewriteUnproved(segment, tail.provenOffset);
      const { file } = segment;
      const size = file.sizeSync();
      await file.truncate(size + SIZE_STEP_BYTES);
      await file.truncate(size);
      await file.sync();
    }
    return rewritten;
  } catch (cause) {
    throw ioError("making the recovered tail durable", cause);
  }
}

/** Any change of the size will do. */
const SIZE_STEP_BYTES = 1;

async function rewriteUnproved(segment: Segment, provenOffset: number): Promise<number> {
  if (segment.endOffset <= provenOffset) return 0;
  const { position: from } = segment.placeOf(Math.max(provenOffset, segment.baseOffset));
  const length = segment.size - from;
  await copyBytes(segment.file, from, segment.file, from, length);
  return length;
}
