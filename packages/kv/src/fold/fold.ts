// The fold: a snapshot file and the log records after it make a later state. Opening, going back, restoring
// and checkpointing are all this; they differ in where the entries go.
// Invariant: what the log holds decides. A snapshot file that turns out damaged costs time, never a result.

import { type FileSystem, FileSystemError } from "@tidemark/wal";
import type { KeyKind } from "../arguments/keys.js";
import type { CommitLog } from "../commit-log.js";
import { corrupt, DatabaseError, databaseError, hasCode } from "../errors.js";
import { isFileSystemError, listSnapshots, type SnapshotFile } from "../formats/layout.js";
import type { SnapshotHeader } from "../formats/snapshot-format.js";
import { SnapshotReader } from "../formats/snapshot-reader.js";
import type { Pace } from "../pace.js";
import type { Mark, SnapshotEntry } from "../state/entry.js";
import type { Pins } from "../upkeep/pins.js";
import { Delta } from "./delta.js";

/** What earlier states are made from. */
export interface FoldSource {
  readonly fileSystem: FileSystem;
  readonly log: CommitLog;
  /** Directory of the snapshot files. */
  readonly snapshots: string;
  readonly keys: KeyKind;
  /** What retention must leave, where this process writes the database. */
  readonly pins: Pins;
  /** From this offset on it is held; undefined for who holds nothing yet. */
  readonly heldFrom?: number;
}

/** What a snapshot file must be of. */
export interface SnapshotOwner {
  readonly fileSystem: FileSystem;
  readonly log: Pick<CommitLog, "id">;
  readonly keys: KeyKind;
}

/** A snapshot file that was not used, and why. */
export interface SkippedSnapshot {
  readonly file: string;
  readonly reason: string;
}

export interface FoldOptions {
  readonly pace: Pace;
  /** Told how many of the log's commits have been taken in. */
  readonly onCommits?: ((done: number, total: number) => void) | undefined;
}

/** A fold under way: the batches first, then the marks. */
export interface Folding {
  /** Entries in key order, some at a time, or none. */
  batches(): AsyncGenerator<readonly SnapshotEntry[], void, void>;
  /** All marks, once there are no more batches. */
  marks(): Map<string, Mark>;
  /** Time of the last commit included, in ms; 0 if there is none. */
  readonly time: number;
}

/** What came of work that began from a snapshot file. */
export interface Based<T> {
  readonly result: T;
  /** The snapshot file that it began from; undefined if it began from nothing. */
  readonly base: SnapshotFile | undefined;
  readonly skipped: readonly SkippedSnapshot[];
}

/** A fold done. */
export interface Folded<T> extends Based<T> {
  /** Commits of the log that were taken in. */
  readonly commits: number;
  /** Time of the last commit included, in ms; 0 if there is none. */
  readonly time: number;
}

/**
 * The state of all commits below `endOffset`, which are acknowledged, given to `consume`. Begins from the newest
 * usable snapshot file at or below; `consume` runs again from the start if that file proves damaged. What it reads
 * is pinned from the call on.
 */
export async function fold<T>(
  source: FoldSource,
  endOffset: number,
  options: FoldOptions,
  consume: (folding: Folding) => Promise<T>,
): Promise<Folded<T>> {
  const { result, base, skipped } = await withBase(source, endOffset, (file) =>
    foldFrom(source, file, endOffset, options, consume),
  );
  return { ...result, base, skipped };
}

/**
 * Runs something that begins from the newest usable snapshot file at or below `endOffset`, or from the log alone
 * (undefined); again from the one before if that file proves damaged. What is read is pinned from the call on.
 */
export async function withBase<T>(
  source: FoldSource,
  endOffset: number,
  run: (base: SnapshotFile | undefined) => Promise<T>,
): Promise<Based<T>> {
  return await holding(source, (held) => runPinned(held, endOffset, run));
}

/** Runs something with a source of which all stays that can be reached at the call, whatever retention decides meanwhile. */
export async function holding<T>(
  source: FoldSource,
  run: (held: FoldSource) => Promise<T>,
): Promise<T> {
  const { held, release } = hold(source);
  try {
    return await run(held);
  } finally {
    release();
  }
}

/** As `holding`, until `release` is called. */
export function hold(source: FoldSource): { held: FoldSource; release: () => void } {
  const heldFrom = firstOffset(source);
  return { held: { ...source, heldFrom }, release: source.pins.hold(heldFrom) };
}

async function runPinned<T>(
  source: FoldSource,
  endOffset: number,
  run: (base: SnapshotFile | undefined) => Promise<T>,
): Promise<Based<T>> {
  const skipped: SkippedSnapshot[] = [];
  let unread: FileSystemError | undefined;
  for (const base of await listSnapshots(source.fileSystem, source.snapshots)) {
    if (base.endOffset > endOffset || base.endOffset < firstOffset(source)) continue;
    try {
      return { result: await run(base), base, skipped };
    } catch (error) {
      if (isGone(base, error)) continue;
      const reason = damageOf(base, error);
      if (reason === undefined) throw error;
      skipped.push({ file: base.path, reason });
      if (error instanceof FileSystemError) unread = error;
    }
  }
  if (source.log.startOffset > 0) throw noBase(source, skipped, unread);
  return { result: await run(undefined), base: undefined, skipped };
}

/** The offset below which nothing is to be read any more, nor snapshot files that end there. */
export function firstOffset({ log, pins, heldFrom }: FoldSource): number {
  return Math.max(log.startOffset, heldFrom ?? pins.floor);
}

/** Whether the owner, in another process, has removed a file since it was listed. */
function isGone({ path }: SnapshotFile, error: unknown): boolean {
  return isFileSystemError(error, "ENOENT") && error.path === path;
}

/** What this process lacks, which says nothing of the file: reading the whole log in its place would be no mend. */
export const LACKING: readonly string[] = ["EMFILE", "ENFILE", "ENOMEM", "EACCES", "EPERM"];

/** Why a snapshot file cannot be used, if that is what the error says; the log's own errors stand. */
export function damageOf(file: SnapshotFile, error: unknown): string | undefined {
  if (error instanceof FileSystemError && LACKING.includes(error.code)) return undefined;
  const wrapped = databaseError(error);
  if (!hasCode(wrapped, "KV_CORRUPT", "KV_IO") || wrapped.file !== file.path) return undefined;
  return wrapped.message;
}

/** Says what is damaged, unless a file could not even be read: then it may be whole. */
function noBase(
  { log, snapshots }: FoldSource,
  skipped: readonly SkippedSnapshot[],
  unread: FileSystemError | undefined,
): DatabaseError {
  const reasons = skipped.map(({ file, reason }) => `${file}: ${reason}`).join("; ");
  const message = `the log begins at offset ${log.startOffset}, and no snapshot file before it can be used${reasons && ` (${reasons})`}`;
  if (unread === undefined) return corrupt(message, snapshots);
  return new DatabaseError("KV_IO", message, { file: unread.path, cause: unread });
}

async function foldFrom<T>(
  source: FoldSource,
  file: SnapshotFile | undefined,
  endOffset: number,
  options: FoldOptions,
  consume: (folding: Folding) => Promise<T>,
): Promise<Pick<Folded<T>, "result" | "commits" | "time">> {
  const base = file && (await openBase(source, file));
  try {
    const from = file?.endOffset ?? source.log.startOffset;
    const delta = await readDelta(source, from, endOffset, options);
    const time = delta.lastTime ?? base?.header.time ?? 0;
    const { pace } = options;
    const result = await consume({
      batches: () => mergedBatches(base, delta, pace),
      marks: () => new Map([...(base?.marks ?? []), ...delta.marks]),
      time,
    });
    return { result, commits: delta.commits, time };
  } finally {
    base?.close();
  }
}

/** Opens a snapshot file and checks that it belongs where it lies. */
export async function openBase(source: SnapshotOwner, file: SnapshotFile): Promise<SnapshotReader> {
  const reader = await SnapshotReader.open(source.fileSystem, file.path);
  const reason = misfitOf(reader.header, file, source.log.id, source.keys);
  if (reason === undefined) return reader;
  reader.close();
  throw corrupt(reason, file.path, 0);
}

/** Why a snapshot file with this header does not belong where it lies. */
export function misfitOf(
  header: SnapshotHeader,
  file: SnapshotFile,
  logId: string,
  keys: KeyKind,
): string | undefined {
  let reason: string | undefined;
  if (header.logId !== logId) reason = `it is of another log, ${header.logId}`;
  else if (header.keys !== keys) reason = "its keys are of another kind";
  else if (header.endOffset !== file.endOffset) reason = `it ends at offset ${header.endOffset}`;
  return reason && `this snapshot file does not belong here: ${reason}`;
}

/** What the commits in [from, to) change. */
export async function readDelta(
  { log, keys }: FoldSource,
  from: number,
  to: number,
  { pace, onCommits }: FoldOptions,
): Promise<Delta> {
  const delta = new Delta(keys);
  for (const record of log.records({ from, to })) {
    while (!delta.apply(record)) if (pace.due) await pace.rest();
    if (!pace.due) continue;
    onCommits?.(delta.commits, to - from);
    await pace.rest();
  }
  onCommits?.(delta.commits, to - from);
  return delta;
}

async function* mergedBatches(
  base: SnapshotReader | undefined,
  delta: Delta,
  pace: Pace,
): AsyncGenerator<readonly SnapshotEntry[], void, void> {
  const sorted = await delta.sorted(pace);
  for (const batch of sorted.merge(base?.blocks() ?? [])) {
    yield batch;
    if (pace.due) await pace.rest();
  }
}
