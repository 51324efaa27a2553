// What a repair keeps and what it leaves out, decided before anything is changed.

import { LogError } from "./errors.js";
import type { Damage, SegmentExamination } from "./examine.js";
import type { Manifest } from "./manifest.js";

export interface RepairPlan {
  readonly manifest: Manifest;
  /** The manifest was lost or damaged, and this one has been made anew. */
  readonly manifestRebuilt: boolean;
  /** Segments that stay, in order. */
  readonly kept: readonly SegmentExamination[];
  /** Of those, the ones whose header is written anew. */
  readonly mended: readonly SegmentExamination[];
  /** The damaged segment whose whole front stays as a new segment, if it has one. */
  readonly front: SegmentExamination | undefined;
  readonly dropped: readonly SegmentExamination[];
  readonly startOffset: number;
}

/**
 * Throws `LOG_CORRUPT` if nothing would be kept where only what is behind the damage was to be, and
 * `LOG_INVALID_ARGUMENT` if nobody said what to keep and nothing is before the damage.
 */
export function planRepair(
  manifest: Manifest,
  manifestRebuilt: boolean,
  segments: readonly SegmentExamination[],
  faults: readonly Damage[],
  keep: "before" | "after" | undefined,
): RepairPlan {
  const damaged = segments.map((segment) => isLost(segment, faults));
  const shared = { manifest, manifestRebuilt };
  if (keep === "after") {
    const from = damaged.lastIndexOf(true) + 1;
    const kept = segments.slice(from);
    const states = new Map(manifest.segments.map(({ id, state }) => [id, state]));
    const first = kept.find(({ segment }) => states.get(segment.id) !== "prepared");
    if (first === undefined) {
      const message = "no whole segment follows the damage; keep what is before it instead";
      throw new LogError("LOG_CORRUPT", message);
    }
    const startOffset = from === 0 ? manifest.startOffset : first.segment.baseOffset;
    const dropped = segments.slice(0, from);
    return { ...shared, kept, mended: mendedOf(kept), front: undefined, dropped, startOffset };
  }
  const first = damaged.indexOf(true);
  const at = first === -1 ? segments.length : first;
  const [kept, candidate] = [segments.slice(0, at), segments[at]];
  const hasFront = candidate !== undefined && candidate.whole.offset > candidate.segment.baseOffset;
  const { startOffset } = manifest;
  const front = hasFront ? candidate : undefined;
  if (keep === undefined && at === 0 && candidate !== undefined && front === undefined) {
    const message = `nothing is whole before the damage; to keep what is behind it, pass keep: "after", to start over from offset ${startOffset}, keep: "before"`;
    throw new LogError("LOG_INVALID_ARGUMENT", message, { file: candidate.segment.path });
  }
  return {
    ...shared,
    kept,
    mended: mendedOf(kept),
    front,
    dropped: segments.slice(at),
    startOffset,
  };
}

/** Damage that takes records with it: a header alone can be written anew. */
function isLost(
  { damage, headerOnly, segment }: SegmentExamination,
  faults: readonly Damage[],
): boolean {
  return (damage.length > 0 && !headerOnly) || faults.some(({ file }) => file === segment.path);
}

function mendedOf(kept: readonly SegmentExamination[]): SegmentExamination[] {
  return kept.filter(({ headerOnly }) => headerOnly);
}
