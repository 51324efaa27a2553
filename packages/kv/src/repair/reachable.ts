// Which states the files of a database still make, sound or not: a snapshot file, or nothing before the first
// commit, and the whole commits that follow it without a gap.

import type { OffsetRange } from "@tidemark/wal";
import type { ReachableRange } from "../errors.js";
import type { Inspection } from "./inspection.js";

/** States that follow from one base: a snapshot file, or nothing. */
export interface Stretch {
  /** End offset of the base; 0 may be nothing at all. */
  readonly from: number;
  /** Offset after the last commit that can be replayed from there. */
  readonly to: number;
}

/** End offsets of the snapshot files that can be used, and 0 where the log begins with the first commit; ascending. */
export function basesOf({ snapshots, commits, log }: Inspection): number[] {
  const whole = snapshots.filter(({ path, fault }) => {
    return fault === undefined && !commits.differing.has(path);
  });
  const ends = whole.map(({ endOffset }) => endOffset);
  // An empty log that begins with the first commit is a whole one.
  if (log?.logId !== undefined && log.startOffset === 0) ends.push(0);
  return [...new Set(ends)].sort((a, b) => a - b);
}

/** The stretches of states, ascending; they do not overlap. */
export function stretchesOf(inspection: Inspection): Stretch[] {
  const stretches: { from: number; to: number }[] = [];
  for (const base of basesOf(inspection)) {
    const to = endOfRun(inspection.commits.runs, base);
    const last = stretches.at(-1);
    // Of the bases in one run, the first reaches as far as the others.
    if (last === undefined || last.to < base) stretches.push({ from: base, to });
  }
  return stretches;
}

/** Offset up to which commits follow a base without a gap. */
function endOfRun(runs: readonly OffsetRange[], base: number): number {
  return runs.find(({ from, to }) => from <= base && base <= to)?.to ?? base;
}

/** The commits whose state can be made, in ranges of which both ends are inclusive. */
export function reachableRanges(inspection: Inspection): ReachableRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const { from, to } of stretchesOf(inspection)) {
    const [first, last] = [Math.max(0, from - 1), to - 1];
    if (last < first) continue;
    const before = ranges.at(-1);
    if (before !== undefined && before.last + 1 >= first) before.last = last;
    else ranges.push({ first, last });
  }
  return ranges;
}

/** Offsets of [from, to) that none of the runs has. */
export function gapsIn(runs: readonly OffsetRange[], from: number, to: number): OffsetRange[] {
  const gaps: OffsetRange[] = [];
  let at = from;
  for (const run of runs) {
    if (run.from > at) gaps.push({ from: at, to: Math.min(run.from, to) });
    at = Math.max(at, run.to);
  }
  if (at < to) gaps.push({ from: at, to });
  return gaps;
}

/** A range of commits in words. */
export function nameCommits({ from, to }: OffsetRange): string {
  return to - from === 1 ? `commit ${from}` : `commits ${from} to ${to - 1}`;
}
