// Which segments retention by size and age lets go of: whole sealed segments, the oldest first.

import type { Retention } from "./options.js";
import type { SegmentList } from "./segment-list.js";

/** The offset below which everything may go; the start offset if nothing may. */
export function retainedFrom(
  list: SegmentList,
  { maxBytes, maxAgeMs }: Retention,
  now: number,
): number {
  let bytes = 0;
  for (const { size } of list.segments) bytes += size;
  let retained = list.startOffset;
  for (const segment of list.segments) {
    if (!segment.sealed) break;
    const tooMuch = maxBytes !== undefined && bytes > maxBytes;
    const tooOld = maxAgeMs !== undefined && now - segment.lastTime > maxAgeMs;
    if (!tooMuch && !tooOld) break;
    bytes -= segment.size;
    retained = segment.endOffset;
  }
  return retained;
}
