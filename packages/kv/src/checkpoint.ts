// Checkpoints: the newest snapshot file and the log after it, folded into the next snapshot file. Made from
// files alone, so that reads and writes go on and memory holds only what changed since.
// Invariant: a snapshot file never holds a commit that is not on stable storage in the log.

import { checkCallable, checkProperties, checkSignal } from "./arguments.js";
import { hasCode } from "./errors.js";
import type { FoldSource, SkippedSnapshot } from "./fold.js";
import { type FoldProgress, foldToFile, verifySnapshot } from "./fold-to-file.js";
import { listSnapshots } from "./layout.js";
import { Pace } from "./pace.js";

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

/** The checkpoints of one opening, one after the other. */
export class Checkpoints {
  readonly #source: FoldSource;
  #last: Promise<unknown> = Promise.resolve();
  /** End offset of the newest snapshot file that was read or written; undefined if none. */
  snapshotOffset: number | undefined;

  constructor(source: FoldSource, snapshotOffset: number | undefined) {
    this.#source = source;
    this.snapshotOffset = snapshotOffset;
  }

  /** Runs once those before it have ended, however that was: a failure is its own caller's to know of. */
  next(now: number, options: CheckpointOptions, signal: AbortSignal): Promise<CheckpointReport> {
    const report = this.#last.then(() => checkpoint(this.#source, now, options, signal));
    this.#last = report.then(
      ({ endOffset }) => {
        this.snapshotOffset = endOffset;
      },
      () => undefined,
    );
    return report;
  }
}

/** Writes a snapshot file of everything that is durable once the log has been synced. */
async function checkpoint(
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
  const { fileSystem, snapshots: directory, log } = source;
  const into = { fileSystem, directory, logId: log.id };
  const options = { pace, createdAt: now, onProgress };
  const { result, base, skipped, commits } = await foldToFile(source, endOffset, into, options);
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
