// What of a log is whole, as its examination has it, and what it is known to have had.

import type { LogExamination, OffsetRange, SegmentExamination } from "./examine.js";
import type { Manifest } from "./manifest.js";

/** Runs of whole records, in order. */
export function wholeRuns(segments: readonly SegmentExamination[]): OffsetRange[] {
  const runs: OffsetRange[] = [];
  for (const { begin, whole, intact } of segments) {
    for (const { from, to } of [{ from: begin, to: whole.offset }, ...intact]) {
      const last = runs[runs.length - 1];
      if (last?.to === from) runs[runs.length - 1] = { from: last.from, to };
      else if (to > from) runs.push({ from, to });
    }
  }
  return runs;
}

/** Offset up to which the log is known to have had records. */
export function knownEnd(manifest: Manifest, segments: readonly SegmentExamination[]): number {
  const known = segments.flatMap(({ segment, whole, intact }) => [
    segment.endOffset,
    whole.offset,
    ...intact.map(({ to }) => to),
  ]);
  return Math.max(manifest.floor.offset, ...known);
}

/** Offset up to which everything is whole from the start on. */
export function wholeEnd(manifest: Manifest, { segments }: LogExamination): number {
  let end = manifest.startOffset;
  for (const { damage, whole } of segments) {
    end = Math.max(end, whole.offset);
    if (damage.length > 0) return end;
  }
  return end;
}
