// The owner's side of a backup: decides where it ends, keeps what it reads, and has it made on a thread of its own
// where there can be one.

import { nodeFileSystem } from "@tidemark/wal";
import { checkCallable, checkProperties, checkSignal } from "../arguments/arguments.js";
import { type FoldSource, firstOffset, holding } from "../fold/fold.js";
import type { FoldProgress } from "../fold/fold-to-file.js";
import { Pace } from "../pace.js";
import { abandon, checkDestination, temporaryName } from "../past/destination.js";
import { historyStats } from "../stats.js";
import { askThread, THREAD_BYTES_MIN } from "../threads/thread-link.js";
import { unlessCut } from "../upkeep/moving-window.js";
import { type BackupJob, makeBackup } from "./backup.js";
import type { BackupReport, MadeBackup } from "./backup-report.js";

/** What ends a backup early, and who is told how far it is. */
export interface BackupOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how far it is. */
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
}

export function checkBackupOptions(options: BackupOptions): BackupOptions {
  checkProperties("options", options, ["signal", "onProgress"]);
  checkSignal(options.signal);
  if (options.onProgress !== undefined) checkCallable("onProgress", options.onProgress);
  return options;
}

/** What is to be copied. */
export interface BackupSource {
  /** Of the database; absolute. */
  readonly directory: string;
  readonly source: FoldSource;
  /** Resolves with an offset below which everything is on stable storage. */
  readonly settle: () => Promise<number>;
  /** Makes the log look for its start anew, where another process may cut it. */
  readonly renew: (() => unknown) | undefined;
  readonly segmentBytes: number | undefined;
  /** ms since the Unix epoch. */
  readonly now: number;
}

/** Copies a database to an absolute path; rejects as `Database.backup`. */
export async function backUp(
  { directory, source, settle, renew, segmentBytes, now }: BackupSource,
  destination: string,
  { onProgress }: BackupOptions,
  signal: AbortSignal,
): Promise<BackupReport> {
  const startMs = performance.now();
  const run = () =>
    holding(source, async (held) => {
      await checkDestination(source.fileSystem, directory, destination);
      const endOffset = await settle();
      const temporary = temporaryName(destination);
      const job = { source: held, endOffset, destination, temporary, segmentBytes, createdAt: now };
      const made =
        (await makeInThread(job, onProgress, signal)) ??
        (await makeBackup(job, { pace: new Pace(signal), onProgress }));
      return { ...made, durationMs: performance.now() - startMs };
    });
  return renew === undefined ? await run() : await unlessCut(source, run, renew);
}

/** Undefined where there can be no thread, or it is not worth its start. */
async function makeInThread(
  job: BackupJob,
  onProgress: BackupOptions["onProgress"],
  signal: AbortSignal,
): Promise<MadeBackup | undefined> {
  const { source, temporary, ...plain } = job;
  const { fileSystem, snapshots, keys, log } = source;
  if (fileSystem !== nodeFileSystem || log.directory === undefined) return undefined;
  const { snapshotBytes } = historyStats(source, job.endOffset);
  if (log.bytesFrom(log.startOffset) + snapshotBytes < THREAD_BYTES_MIN) return undefined;
  const files = { log: log.directory, snapshots, keys, heldFrom: firstOffset(source) };
  try {
    const task = { kind: "backup", ...files, ...plain, temporary } as const;
    const result = await askThread(task, { signal, onProgress });
    return result?.kind === "backup" ? result.made : undefined;
  } catch (error) {
    // A thread that died has left what it made. What cannot be removed stays, and is no database.
    await abandon(fileSystem, temporary).catch(() => undefined);
    throw error;
  }
}
