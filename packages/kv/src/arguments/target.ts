// Where to go back to, as callers give it.

import { isMarkName } from "../formats/mark-name.js";
import { checkInteger, checkProperties, invalid, invalidArgument } from "./arguments.js";

/** A point in the past; exactly one of the three, and inclusive. */
export type Target =
  /** The state after the commit with this offset. */
  | { readonly offset: number }
  /** The state after the last commit at or before this time, in ms since the Unix epoch or as a Date. */
  | { readonly time: number | Date }
  /** The state of everything before the mark of this name. */
  | { readonly mark: string };

export type ResolvedTarget =
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "time"; readonly time: number }
  | { readonly kind: "mark"; readonly name: string };

/** Throws `KV_INVALID_ARGUMENT`. */
export function resolveTarget(target: Target): ResolvedTarget {
  checkProperties("target", target, ["offset", "time", "mark"]);
  const { offset, time, mark } = target as { offset?: unknown; time?: unknown; mark?: unknown };
  const given = [offset, time, mark].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw invalidArgument(`a target has exactly one of offset, time and mark, not ${given}`);
  }
  if (offset !== undefined) {
    const checked = checkInteger("target.offset", offset, 0, Number.MAX_SAFE_INTEGER);
    return { kind: "offset", offset: checked };
  }
  if (time !== undefined) return { kind: "time", time: resolveTime(time) };
  if (!isMarkName(mark)) throw invalid("target.mark", "the name of a mark", mark);
  return { kind: "mark", name: mark };
}

function resolveTime(time: unknown): number {
  const ms = time instanceof Date ? time.getTime() : time;
  if (typeof ms === "number" && Number.isFinite(ms)) return Math.floor(ms);
  throw invalid("target.time", "a finite number of ms or a valid Date", time);
}
