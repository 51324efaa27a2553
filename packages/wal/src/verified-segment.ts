// A segment as verifying found it, for whoever wants to see where the damage lies.

import type { Damage, OffsetRange, SegmentExamination } from "./examine.js";
import type { Manifest, ManifestSegment } from "./manifest.js";
import type { ByteRange } from "./scan.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import { wholeRuns } from "./whole-records.js";

/** One segment of a log that was verified. */
export interface VerifiedSegment {
  /** Path of its store. */
  readonly file: string;
  readonly state: ManifestSegment["state"];
  /** Offset of its first record. */
  readonly from: number;
  /** Its records that are whole, in runs. */
  readonly whole: readonly OffsetRange[];
  readonly batches: number;
  readonly records: number;
  /** Bytes that were read and checked: without the zeros behind an unsealed segment's records, 0 where it is missing. */
  readonly bytes: number;
  readonly damage: readonly Damage[];
  /** Where in those bytes there is nothing whole, in order: from a damaged place to the next whole batch. */
  readonly damaged: readonly ByteRange[];
}

export function verifiedSegment(
  { segments }: Manifest,
  examination: SegmentExamination,
): VerifiedSegment {
  const { segment, begin, batches, records, bytes, damage } = examination;
  const state = segments.find(({ id }) => id === segment.id)?.state ?? "unsealed";
  const whole = wholeRuns([examination]);
  const damaged = damagedRanges(examination);
  return {
    file: segment.path,
    state,
    from: begin,
    whole,
    batches,
    records,
    bytes,
    damage,
    damaged,
  };
}

/** The gaps, and what is damaged without being one: the header, and an end that is missing. */
function damagedRanges({ damage, gaps, bytes }: SegmentExamination): ByteRange[] {
  const ranges = [...gaps];
  for (const { position } of damage) {
    if (position === undefined || position >= bytes) continue;
    if (gaps.some(({ from, to }) => from <= position && position < to)) continue;
    const to = position < SEGMENT_HEADER_LENGTH ? SEGMENT_HEADER_LENGTH : bytes;
    ranges.push({ from: position, to: Math.min(to, bytes) });
  }
  return ranges.sort((a, b) => a.from - b.from);
}
