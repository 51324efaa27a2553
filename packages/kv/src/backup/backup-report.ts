// What a backup tells.

import type { Ancestry } from "@tidemark/wal";
import type { SkippedSnapshot } from "../fold/fold.js";

/** What a backup did. */
export interface BackupReport {
  /** Absolute path. */
  readonly destination: string;
  /** UUID of the backup's log. */
  readonly logId: string;
  /** The source's log, and the first offset that the two do not share. */
  readonly ancestry: Ancestry;
  /** The first commit that can be gone back to in it; undefined if there is none at all. */
  readonly first: number | undefined;
  /** The last commit that it holds; one below its log's first offset if that is empty. */
  readonly offset: number;
  /** Time of that commit, in ms since the Unix epoch; 0 if there is none. */
  readonly time: number;
  /** Commits that were copied. */
  readonly commits: number;
  /** Count of entries in its last state, keys whose expiry has passed among them. */
  readonly entries: number;
  /** Snapshot files of the source that could not be used for that state. */
  readonly skipped: readonly SkippedSnapshot[];
  readonly durationMs: number;
}

/** What whoever makes it knows. */
export type MadeBackup = Omit<BackupReport, "durationMs">;
