// What a database tells about itself.

import type { LogStats } from "@tidemark/wal";

/** Counts and offsets as of the call; cheap, but for `entries` where keys have an expiry. */
export interface DatabaseStats {
  /** Count of keys. */
  readonly entries: number;
  /** Offset that the next commit gets. */
  readonly endOffset: number;
  /** Every commit below it is on stable storage. */
  readonly durableOffset: number;
  /** Commits that are visible and not acknowledged yet. */
  readonly pendingCommits: number;
  /** End offset of the newest snapshot file that this opening has read or written; undefined if none. */
  readonly snapshotOffset: number | undefined;
  readonly log: LogStats;
}
