// Opening a log for writing: lock, manifest, files, tail, in that order, and nothing is changed before the
// verdict on all of it. Then what a crash left over is removed, torn bytes are cut off, and what is not
// proved durable is made so. Every step can be cut off by a crash and done again.

import { randomUUID } from "node:crypto";
import { dirname, resolve } from "node:path";
import { checkCreatable, checkFiles, leftovers, listEntries } from "./directory.js";
import { ioError, LogError } from "./errors.js";
import { type DirectoryEntry, type FileSystem, FileSystemError } from "./file-system.js";
import { acquireLock, type Lock } from "./lock.js";
import type { Manifest } from "./manifest.js";
import { readManifest, removeIfThere, replaceManifest } from "./manifest-file.js";
import { isTornName, join, MANIFEST, storeId } from "./names.js";
import { invalid, type ResolvedOptions } from "./options.js";
import type { RecoveryReport } from "./recovery.js";
import { Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import { SegmentList } from "./segment-list.js";
import { readTail, type Tail } from "./tail.js";
import { makeDurable, type TrimmedBytes, trimTail } from "./trim.js";

/** A log that is locked, whole and durable to its end, with no segment yet if it is new. */
export interface OpenedLog {
  readonly lock: Lock;
  readonly manifest: Manifest;
  readonly list: SegmentList;
  readonly prepared: Segment | undefined;
  readonly nextSegmentId: number;
  /** Time of the newest batch that is not sealed, notes included, in ms; 0 if there is none. */
  readonly lastTime: number;
  readonly recovery: RecoveryReport;
}

export async function openForWriting(
  directory: string,
  options: ResolvedOptions,
): Promise<OpenedLog> {
  const startMs = performance.now();
  const { fileSystem } = options;
  checkClock(options.clock);
  await prepareDirectory(directory, options);
  const lock = await acquireLock(fileSystem, directory, options.clock);
  try {
    const { manifest, created } = await readOrCreateManifest(directory, options);
    const opened = await recover(fileSystem, directory, manifest);
    const { list, tail, trimmed, removed, rewrittenBytes } = opened;
    const report = reportOf(manifest, tail, trimmed);
    const recovery = {
      created,
      removed,
      rewrittenBytes,
      takenOver: lock.takenOver,
      durationMs: performance.now() - startMs,
      ...report,
      orderly: report.orderly && lock.takenOver === undefined,
    };
    return {
      lock,
      manifest,
      list,
      prepared: opened.prepared,
      nextSegmentId: opened.nextSegmentId,
      lastTime: tail.lastTime,
      recovery,
    };
  } catch (error) {
    // The reason for which opening failed is the one to be told.
    await lock.release().catch(() => undefined);
    throw error;
  }
}

/** What a Date can show, since the lock's text says when it was taken. */
function checkClock(clock: () => number): void {
  const now: unknown = clock();
  const shown = typeof now === "number" && Math.abs(now) <= 8.64e15;
  if (!shown) throw invalid("clock", "a function that gives ms since the Unix epoch", now);
}

/** Refuses, before anything is touched, a directory that is something else; makes one that is missing. */
async function prepareDirectory(directory: string, options: ResolvedOptions): Promise<void> {
  const { fileSystem, createIfMissing } = options;
  const entries = listEntries(fileSystem, directory);
  if (entries !== undefined) return checkExpected(directory, entries, options);
  if (!createIfMissing) throw notFound(directory);
  try {
    await fileSystem.makeDirectory(directory);
  } catch (cause) {
    if (cause instanceof FileSystemError && cause.code === "EEXIST") return;
    throw ioError("creating the log's directory", cause);
  }
}

function checkExpected(
  directory: string,
  entries: ReadonlyMap<string, DirectoryEntry>,
  { fileSystem, createIfMissing, errorIfExists }: ResolvedOptions,
): void {
  if (entries.has(MANIFEST)) {
    if (errorIfExists)
      throw new LogError("LOG_EXISTS", "there is a log already", { file: directory });
    return;
  }
  checkCreatable(fileSystem, directory, entries);
  if (!createIfMissing) throw notFound(directory);
}

/** Why there is nothing to read in a directory without a manifest: it was lost, or there never was a log. */
export function noLog(fileSystem: FileSystem, directory: string): LogError {
  const entries = listEntries(fileSystem, directory);
  try {
    if (entries !== undefined) checkCreatable(fileSystem, directory, entries);
  } catch (error) {
    if (error instanceof LogError && error.code === "LOG_CORRUPT") return error;
    if (!(error instanceof LogError)) throw error;
  }
  return notFound(directory);
}

export function notFound(directory: string): LogError {
  return new LogError("LOG_NOT_FOUND", "there is no log here", { file: directory });
}

async function readOrCreateManifest(
  directory: string,
  options: ResolvedOptions,
): Promise<{ manifest: Manifest; created: boolean }> {
  const { fileSystem } = options;
  // Looked at again: another writer may have been here before the lock was ours.
  checkExpected(directory, listEntries(fileSystem, directory) ?? new Map(), options);
  const found = readManifest(fileSystem, directory);
  try {
    // A crash between a rename and the sync of the directory shows the new manifest, which may not last.
    await fileSystem.syncDirectory(directory);
    // The manifest comes first of all files: segments without one prove that it was lost.
    if (found !== undefined) return { manifest: found, created: found.segments.length === 0 };
    await syncAncestors(fileSystem, directory);
    const manifest = firstManifest(options);
    await replaceManifest(fileSystem, directory, manifest);
    return { manifest, created: true };
  } catch (cause) {
    throw cause instanceof LogError ? cause : ioError("creating the log", cause);
  }
}

/**
 * Makes the directory itself durable. Whoever made it, or one above it, may have been killed before it could; with
 * a manifest in it that was done.
 */
async function syncAncestors(fileSystem: FileSystem, directory: string): Promise<void> {
  for (let path = dirname(resolve(directory)); ; path = dirname(path)) {
    try {
      await fileSystem.syncDirectory(path);
    } catch (error) {
      // One that this process may not open was not made by the like of it.
      const denied = error instanceof FileSystemError && ["EACCES", "EPERM"].includes(error.code);
      if (!denied) throw error;
    }
    if (path === dirname(path)) return;
  }
}

function firstManifest({ startOffset, ancestry }: ResolvedOptions): Manifest {
  return {
    logId: randomUUID(),
    ancestry,
    generation: 1,
    truncationGeneration: 0,
    truncatedFrom: 0,
    startOffset,
    nextSegmentId: 1,
    floor: { segmentId: 0, offset: startOffset, position: 0, checksum: 0 },
    segments: [],
    dropping: [],
  };
}

async function recover(fileSystem: FileSystem, directory: string, manifest: Manifest) {
  const entries = listEntries(fileSystem, directory) ?? new Map<string, DirectoryEntry>();
  checkFiles(fileSystem, directory, manifest, entries);
  const { sealed, unsealed } = segmentsOf(fileSystem, directory, manifest);
  try {
    for (const segment of unsealed) segment.adopt(await openStore(fileSystem, segment));
    const tail = await readTail(manifest, unsealed);
    const torn = [...entries.keys()].filter(isTornName);
    // From here on the log is sound: what follows changes the disk. The cut comes last of what reads.
    const rewrittenBytes = await makeDurable(tail);
    const trimmed = await trimTail(fileSystem, directory, tail, torn);
    const removed = await removeLeftovers(fileSystem, directory, manifest, entries);
    const { list, prepared } = listOf(manifest, sealed, tail);
    const ids = [...entries.keys()].map((name) => storeId(name) ?? 0);
    const nextSegmentId = Math.max(manifest.nextSegmentId, ...ids.map((id) => id + 1));
    return { list, prepared, tail, trimmed, removed, rewrittenBytes, nextSegmentId };
  } catch (error) {
    for (const segment of unsealed) segment.closeSync();
    throw error;
  }
}

async function openStore(fileSystem: FileSystem, segment: Segment) {
  try {
    return await fileSystem.open(segment.path, "write");
  } catch (cause) {
    throw ioError("opening a segment", cause);
  }
}

async function removeLeftovers(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  entries: ReadonlyMap<string, DirectoryEntry>,
): Promise<string[]> {
  const names = leftovers(fileSystem, directory, manifest, entries);
  try {
    for (const name of names) await removeIfThere(fileSystem, join(directory, name));
    if (names.length > 0) await fileSystem.syncDirectory(directory);
    return names;
  } catch (cause) {
    throw ioError("removing what a crash left over", cause);
  }
}

/** The manifest's segments; those in `known` as they are, of the others unsealed ones reach nowhere yet. */
export function segmentsOf(
  fileSystem: FileSystem,
  directory: string,
  { logId, segments }: Manifest,
  known: ReadonlyMap<number, Segment> = new Map(),
) {
  const sealed: Segment[] = [];
  const unsealed: Segment[] = [];
  for (const { id, marker, baseOffset, state, ...end } of segments) {
    const isSealed = state === "sealed";
    const old = known.get(id);
    const extent = isSealed
      ? { baseOffset, ...end }
      : { baseOffset, endOffset: baseOffset, size: SEGMENT_HEADER_LENGTH, lastChecksum: 0 };
    const segment =
      old?.sealed === isSealed
        ? old
        : new Segment(fileSystem, directory, { id, marker, logId }, extent, isSealed);
    (isSealed ? sealed : unsealed).push(segment);
  }
  return { sealed, unsealed };
}

/** The readable list; a prepared segment that no record reached stays out of it. */
export function listOf(manifest: Manifest, sealed: readonly Segment[], tail: Tail) {
  const list = new SegmentList(manifest.startOffset);
  const last = tail.segments[tail.segments.length - 1];
  const state = manifest.segments[manifest.segments.length - 1]?.state;
  const isPrepared =
    tail.segments.length > 1 && state === "prepared" && last?.size === SEGMENT_HEADER_LENGTH;
  const prepared = isPrepared ? last : undefined;
  list.replace([...sealed, ...tail.segments.filter((segment) => segment !== prepared)]);
  list.endOffset = tail.endOffset;
  list.durableOffset = tail.endOffset;
  list.truncationGeneration = manifest.truncationGeneration;
  return { list, prepared };
}

/** Whether a close in order can have left this: the floor at the end, and nothing prepared. */
function isClosed({ floor }: Manifest, { segments, tear }: Tail): boolean {
  const [only, ...others] = segments;
  if (tear !== undefined || others.length > 0) return false;
  if (only === undefined) return true;
  return floor.segmentId === only.id && floor.position === only.size;
}

/** What the tail tells, for the report. */
export function reportOf(manifest: Manifest, tail: Tail, trimmed: readonly TrimmedBytes[]) {
  const { tear } = tail;
  const segment = tear === undefined ? undefined : tail.segments[tear.segmentIndex];
  const { startOffset } = manifest;
  return {
    orderly: isClosed(manifest, tail),
    startOffset,
    endOffset: tail.endOffset,
    provedOffset: tail.provenOffset,
    torn:
      tear === undefined || segment === undefined
        ? undefined
        : {
            offset: tear.offset,
            file: segment.path,
            position: tear.position,
            reason: tear.reason,
            ambiguous: true as const,
            trimmed,
          },
  };
}
