// What a database tells about itself.

import type { LogStats } from "@tidemark/wal";
import { databaseError, hasCode } from "./errors.js";
import type { FoldSource } from "./fold.js";
import {
  isFileSystemError,
  listSnapshotsSync,
  type SnapshotFile,
  sizeOfSnapshot,
} from "./layout.js";
import { firstReachable } from "./reach.js";
import { readHeaderSync } from "./snapshot-reader.js";

/** How far back targets reach, and what snapshot files there are. */
export interface HistoryStats {
  /** The first commit that can be gone back to; undefined if there is none. */
  readonly first: number | undefined;
  /** When that was, in ms since the Unix epoch; undefined if there is none, or where it is damaged. */
  readonly firstTime: number | undefined;
  readonly snapshots: number;
  readonly snapshotBytes: number;
}

/** As of the call; cheap. Of files it looks at names and sizes alone. */
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
  readonly history: HistoryStats;
  readonly log: LogStats;
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
