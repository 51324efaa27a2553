// What the opening of a database tells: `Database.recovery`, and the channel of openings.

import type { RecoveryReport as LogRecoveryReport } from "@tidemark/wal";
import type { SkippedSnapshot } from "./fold/fold.js";

/** What opening found and did. */
export interface RecoveryReport {
  /** What the log found and did: torn bytes, whether the last close was in order, and more. */
  readonly log: LogRecoveryReport;
  /** Path of the snapshot file that the state began from; undefined if from the log alone. */
  readonly snapshot: string | undefined;
  /** Snapshot files that could not be used, newest first. */
  readonly skipped: readonly SkippedSnapshot[];
  /** Commits of the log that were applied to it. */
  readonly commits: number;
  /** Time that opening took, in ms. */
  readonly durationMs: number;
}
