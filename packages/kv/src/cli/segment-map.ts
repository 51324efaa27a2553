// A map of a log's segments: for each a bar of its bytes, with where the damage lies in them.

import { basename } from "node:path";
import type { VerifiedSegment } from "@tidemark/wal";
import { showBytes, showCount } from "./amounts.js";
import type { Run } from "./run.js";

const CELLS = 32;

export async function printMap(run: Run, segments: readonly VerifiedSegment[]): Promise<void> {
  const texts = segments.map(describe);
  const width = Math.max(0, ...texts.map(({ length }) => length));
  for (const [index, segment] of segments.entries()) {
    const bar = cellsOf(segment).replace(/!+/g, (cells) => run.style("red", cells));
    const name = basename(segment.file);
    const note = noteOn(segment);
    const shown = note === "" ? "" : `  ${run.style("red", note)}`;
    await run.out.line(
      `  ${name}  [${bar}]  ${(texts[index] ?? "").padEnd(width)}${shown}`.trimEnd(),
    );
  }
}

/** `#` for whole bytes, `!` where some in a cell are damaged; blank where there are none. */
export function cellsOf({ bytes, damaged, damage }: VerifiedSegment): string {
  if (bytes === 0) return (damage.length > 0 ? "!" : " ").repeat(CELLS);
  const cells = Array.from({ length: CELLS }, () => "#");
  for (const { from, to } of damaged) {
    const first = Math.floor((from / bytes) * CELLS);
    const last = Math.ceil((to / bytes) * CELLS);
    cells.fill("!", Math.min(first, CELLS - 1), Math.max(last, first + 1));
  }
  return cells.join("");
}

function describe({ state, whole, records, bytes }: VerifiedSegment): string {
  if (state === "prepared" && records === 0) return "prepared, not in use yet";
  const runs = whole.map(({ from, to }) => (to === from + 1 ? `${from}` : `${from} to ${to - 1}`));
  const offsets = runs.length === 0 ? "no whole record" : `offsets ${runs.join(", ")}`;
  return `${offsets}; ${showBytes(bytes)}, ${state === "sealed" ? "sealed" : "in use"}`;
}

function noteOn({ bytes, damage, damaged }: VerifiedSegment): string {
  if (damage.length === 0) return "";
  if (bytes === 0) return "missing";
  const places = damaged.map(({ from }) => String(from));
  if (places.length === 0) return showCount(damage.length, "damages");
  return `damaged at byte ${places.join(", ")}`;
}
