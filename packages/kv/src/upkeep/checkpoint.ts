// Checkpoints: the newest snapshot file and the log after it, folded into the next snapshot file. Made from
// files alone, on a thread of its own where there can be one, so that reads and writes go on.
// Invariant: a snapshot file never holds a commit that is not on stable storage in the log.

import { nodeFileSystem } from "@tidemark/wal";
import { checkCallable, checkProperties, checkSignal } from "../arguments/arguments.js";
import { hasCode } from "../errors.js";
import type { Folded, FoldSource, SkippedSnapshot } from "../fold/fold.js";
import { type FoldProgress, foldToFile, verifySnapshot } from "../fold/fold-to-file.js";
import {
  listSnapshots,
  sizeOfSnapshot,
  snapshotTemporaryName,
  unlinkIfThere,
} from "../formats/layout.js";
import type { WrittenSnapshot } from "../formats/snapshot-writer.js";
import { Pace } from "../pace.js";
import { askThread, THREAD_BYTES_MIN } from "../threads/thread-link.js";

/** What ends a checkpoint early, and who is told how far it is. */
export interface CheckpointOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how far it is. */
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
}

/** What a checkpoint did. */
export interface CheckpointReport {
  /** Path of the snapshot file. */
  readonly file: string;
  /** False if there was a good one with the same commits already. */
  readonly written: boolean;
  /** It holds every commit below this offset. */
  readonly endOffset: number;
  readonly entries: number;
  /** Size of the file in bytes. */
  readonly size: number;
  /** Commits of the log that were folded into it. */
  readonly commits: number;
  /** Path of the snapshot file that it began from; undefined if from the log alone. */
  readonly base: string | undefined;
  /** Older snapshot files that turned out damaged. */
  readonly skipped: readonly SkippedSnapshot[];
  readonly durationMs: number;
}

export function checkCheckpointOptions(options: CheckpointOptions): CheckpointOptions {
  checkProperties("options", options, ["signal", "onProgress"]);
  checkSignal(options.signal);
  if (options.onProgress !== undefined) checkCallable("onProgress", options.onProgress);
  return options;
}

/** Writes a snapshot file of everything that is durable once the log has been synced. */
export async function checkpoint(
  source: FoldSource,
  now: number,
  { onProgress }: CheckpointOptions,
  signal: AbortSignal,
): Promise<CheckpointReport> {
  const startMs = performance.now();
  const pace = new Pace(signal);
  const endOffset = await source.log.sync();
  const standing = await standingSnapshot(source, endOffset, pace);
  if (standing !== undefined) {
    return { ...standing, written: false, endOffset, durationMs: performance.now() - startMs };
  }
  const options = { createdAt: now, onProgress, signal };
  const folded = await write(source, endOffset, options);
  const { result, base, skipped, commits } = folded;
  return {
    file: result.file,
    written: true,
    endOffset,
    entries: result.header.entryCount,
    size: result.size,
    commits,
    base: base?.path,
    skipped,
    durationMs: performance.now() - startMs,
  };
}

interface WriteOptions {
  readonly createdAt: number;
  readonly onProgress: CheckpointOptions["onProgress"];
  readonly signal: AbortSignal;
}

/** Folds on a thread of its own if that is worth its start, in slices otherwise. */
async function write(
  source: FoldSource,
  endOffset: number,
  options: WriteOptions,
): Promise<Folded<WrittenSnapshot>> {
  const large = (await bytesToFold(source, endOffset)) >= THREAD_BYTES_MIN;
  const folded = large ? await foldInThread(source, endOffset, options) : undefined;
  if (folded !== undefined) return folded;
  const { createdAt, onProgress, signal } = options;
  const { fileSystem, snapshots: directory, log } = source;
  const place = { fileSystem, directory, logId: log.id };
  const pace = new Pace(signal);
  return foldToFile(source, endOffset, place, { pace, createdAt, onProgress });
}

/** What a fold will read, if the newest snapshot file is sound. */
async function bytesToFold(
  { fileSystem, snapshots, log }: FoldSource,
  endOffset: number,
): Promise<number> {
  const usable = (await listSnapshots(fileSystem, snapshots)).find(
    (file) => file.endOffset <= endOffset && file.endOffset >= log.startOffset,
  );
  const size = usable === undefined ? 0 : sizeOfSnapshot(fileSystem, usable);
  return size + log.bytesFrom(usable?.endOffset ?? log.startOffset);
}

/** Undefined where there can be no thread: only Node's file system is the same in another one. */
async function foldInThread(
  { fileSystem, snapshots, keys, log, pins }: FoldSource,
  endOffset: number,
  { createdAt, onProgress, signal }: WriteOptions,
): Promise<Folded<WrittenSnapshot> | undefined> {
  const { directory } = log;
  if (fileSystem !== nodeFileSystem || directory === undefined) return undefined;
  const release = pins.hold(log.startOffset);
  try {
    const task = { kind: "fold", log: directory, snapshots, keys, endOffset, createdAt } as const;
    const result = await askThread(task, { signal, onProgress });
    return result?.kind === "fold" ? result.folded : undefined;
  } catch (error) {
    // A thread that died has left its file. What cannot be removed now is removed by the next opening.
    await unlinkIfThere(fileSystem, snapshotTemporaryName(snapshots, endOffset)).catch(
      () => undefined,
    );
    throw error;
  } finally {
    release();
  }
}

type Standing = Pick<
  CheckpointReport,
  "file" | "entries" | "size" | "commits" | "base" | "skipped"
>;

/** The snapshot file that a checkpoint would write, if it is there and whole. */
async function standingSnapshot(
  source: FoldSource,
  endOffset: number,
  pace: Pace,
): Promise<Standing | undefined> {
  const files = await listSnapshots(source.fileSystem, source.snapshots);
  const file = files.find((candidate) => candidate.endOffset === endOffset);
  if (file === undefined) return undefined;
  try {
    const { header, size } = await verifySnapshot(source, file, pace);
    // Whoever renamed it may have died, or failed, before this sync: a crash could take the name back.
    await source.fileSystem.syncDirectory(source.snapshots);
    const { path } = file;
    return { file: path, entries: header.entryCount, size, commits: 0, base: path, skipped: [] };
  } catch (error) {
    // Damaged: the fold passes it over too, and the new file takes its place.
    if (hasCode(error, "KV_CORRUPT")) return undefined;
    throw error;
  }
}
