// Which snapshot files are too many: they make going back cheap, each saving a stretch of log to be read, until they
// take more room than the log itself, or are so many that looking for one takes longer than it saves.

import type { SnapshotFile } from "../formats/layout.js";

export interface SizedFile extends SnapshotFile {
  /** Bytes. */
  readonly size: number;
}

/** Opening falls back on the second. */
const NEWEST_KEPT = 2;
/** Files that take no more than this together are no burden, however little log there is. */
const BYTES_KEPT = 16 * 1024 * 1024;
const FILES_MAX = 64;

/**
 * Files, of those given newest first, without which the others are no more than 64, and take no more bytes than the log
 * behind the oldest, or 16 MiB; as far as that can be had, since the two newest stay, and the oldest where the log does not begin at
 * the first commit. `bytesFrom` gives the bytes of log from an offset on.
 */
export function thinnedOut(
  files: readonly SizedFile[],
  bytesFrom: (offset: number) => number,
  needsOldest: boolean,
): SizedFile[] {
  const oldest = files.at(-1);
  if (oldest === undefined) return [];
  const bytesOfLog = bytesFrom(needsOldest ? oldest.endOffset : 0);
  const bytesMax = Math.max(bytesOfLog, BYTES_KEPT);
  const kept = files.map((file) => ({ file, bytes: bytesFrom(file.endOffset) }));
  const removed: SizedFile[] = [];
  let total = files.reduce((sum, { size }) => sum + size, 0);
  while (total > bytesMax || kept.length > FILES_MAX) {
    const at = closest(kept, bytesOfLog, needsOldest);
    const [gone] = at === undefined ? [] : kept.splice(at, 1);
    if (gone === undefined) break;
    removed.push(gone.file);
    total -= gone.file.size;
  }
  return removed.sort((a, b) => b.endOffset - a.endOffset);
}

/** Index of the one whose neighbours have the least log between them; undefined if all have to stay. */
function closest(
  kept: readonly { readonly bytes: number }[],
  bytesOfLog: number,
  needsOldest: boolean,
): number | undefined {
  let found: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let at = NEWEST_KEPT; at < kept.length - (needsOldest ? 1 : 0); at++) {
    const newer = kept[at - 1]?.bytes ?? 0;
    const older = kept[at + 1]?.bytes ?? bytesOfLog;
    if (older - newer >= least) continue;
    least = older - newer;
    found = at;
  }
  return found;
}
