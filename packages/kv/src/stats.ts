// What a database tells about itself (docs/observability.md).

import type { LogStats } from "@tidemark/wal";
import { DatabaseError, databaseError, hasCode } from "./errors.js";
import type { FoldSource } from "./fold/fold.js";
import {
  isFileSystemError,
  listSnapshotsSync,
  type SnapshotFile,
  sizeOfSnapshot,
} from "./formats/layout.js";
import { readHeaderSync } from "./formats/snapshot-reader.js";
import type { OpenedDatabase } from "./open-database.js";
import { firstReachable } from "./past/reach.js";
import type { Upkeep } from "./upkeep/upkeep.js";

/** How far back targets reach, and what snapshot files there are. Looked for at the call: of files, at names and sizes. */
export interface HistoryStats {
  /** The first commit that can be gone back to; undefined if there is none. */
  readonly first: number | undefined;
  /** When that was, in ms since the Unix epoch; undefined if there is none, or where it is damaged. */
  readonly firstTime: number | undefined;
  /** Count of snapshot files. */
  readonly snapshots: number;
  /** Their bytes. */
  readonly snapshotBytes: number;
  /** Why none of this could be found out: it says nothing then. */
  readonly failure?: DatabaseError;
}

/** What `Database.stats` tells, as of the call. Counts are since it was opened; those of upkeep stay 0 where it is read only. */
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
  /** Checkpoints that wrote a snapshot file. */
  readonly checkpoints: number;
  /** Checkpoints that failed. */
  readonly checkpointFailures: number;
  /** Keys that were removed because they had expired. */
  readonly expiredRemoved: number;
  readonly history: HistoryStats;
  readonly log: LogStats;
}

/** The stats of an open database, whose own figures are given; throws nothing that an I/O failure brings about. */
export function databaseStats(
  own: Pick<DatabaseStats, "entries" | "endOffset" | "durableOffset" | "pendingCommits">,
  opened: OpenedDatabase,
  { checkpoints, removal }: Upkeep,
): DatabaseStats {
  const { snapshotOffset, written, failed } = checkpoints;
  return {
    ...own,
    history: historyStatsOrFailure(opened, own.endOffset),
    log: opened.log.stats(),
    snapshotOffset,
    checkpoints: written,
    checkpointFailures: failed,
    expiredRemoved: removal.removed,
  };
}

/** As `historyStats`, of an open database; does not throw: those who watch one want the rest all the same. */
function historyStatsOrFailure({ source, log }: OpenedDatabase, endOffset: number): HistoryStats {
  try {
    return historyStats(source, Math.min(log.acknowledgedOffset, endOffset));
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const nothing = { first: undefined, firstTime: undefined, snapshots: 0, snapshotBytes: 0 };
    return { ...nothing, failure: error };
  }
}

/** Looks at the directory of snapshot files. `endOffset`: acknowledged commits below it are shown. Throws `KV_IO`. */
export function historyStats(source: FoldSource, endOffset: number): HistoryStats {
  const { startOffset } = source.log;
  try {
    return lookAtHistory(source, endOffset);
  } catch (error) {
    // The owner, in another process, has cut what came first: reading that has made the log look for its start anew.
    if (source.log.startOffset > startOffset) return historyStats(source, endOffset);
    throw databaseError(error);
  }
}

function lookAtHistory(source: FoldSource, endOffset: number): HistoryStats {
  const files = listSnapshotsSync(source.fileSystem, source.snapshots);
  const reachable = firstReachable(source, files);
  const first = reachable === undefined || reachable >= endOffset ? undefined : reachable;
  const sizes = files.map((file) => sizeOfSnapshot(source.fileSystem, file));
  return {
    first,
    firstTime: first === undefined ? undefined : timeOfFirst(source, files, first),
    snapshots: files.length,
    snapshotBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

function timeOfFirst(
  { fileSystem, log }: FoldSource,
  files: readonly SnapshotFile[],
  first: number,
): number | undefined {
  try {
    if (first >= log.startOffset) return log.read(first).time;
    const file = files.find(({ endOffset }) => endOffset === first + 1);
    return file && readHeaderSync(fileSystem, file.path).time;
  } catch (error) {
    // Removed by the owner, in another process, since it was listed.
    if (isFileSystemError(error, "ENOENT")) return undefined;
    // Damage, and what is no file, is told to whoever reads the past, not to whoever asks how things are.
    if (isFileSystemError(error, "ENOTREG")) return undefined;
    if (hasCode(databaseError(error), "KV_CORRUPT", "KV_UNSUPPORTED_VERSION")) return undefined;
    throw error;
  }
}
