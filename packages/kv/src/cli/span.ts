// From one target to another, of a log or of a database: the offsets that are meant.

import type { Log } from "@tidemark/wal";
import { resolveTarget, type Target } from "../arguments/target.js";
import { DatabaseError } from "../errors.js";
import type { FoldSource } from "../fold/fold.js";
import { fold } from "../fold/fold.js";
import { Pace } from "../pace.js";
import { findDestination } from "../past/reach.js";
import { UsageError } from "./failure.js";
import type { Run } from "./run.js";

/** Offsets [from, to). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The commit that a target means in a database. Rejects with `KV_TARGET_OUT_OF_RANGE`. */
export async function commitAt(source: FoldSource, target: Target, run: Run): Promise<number> {
  const { acknowledgedOffset: endOffset, lastTime } = source.log;
  const marks = async () => {
    const { result } = await fold(
      source,
      endOffset,
      { pace: new Pace(run.signal) },
      async (folding) => {
        for await (const _ of folding.batches()) void _;
        return folding.marks();
      },
    );
    return result;
  };
  const now = Math.max(Date.now(), lastTime);
  const { offset } = await findDestination(resolveTarget(target), {
    source,
    endOffset,
    now,
    marks,
  });
  return offset;
}

/** The record that a target means in a log alone. Throws `KV_TARGET_OUT_OF_RANGE` or UsageError. */
export function recordAt(log: Log, target: Target): number {
  if ("mark" in target) throw new UsageError("a log alone has no marks: use --offset or --time");
  const { startOffset, acknowledgedOffset: end } = log;
  const offset = "offset" in target ? target.offset : log.offsetAt(Number(target.time) + 1) - 1;
  if (offset >= startOffset && offset < end) return offset;
  const has = end > startOffset ? `it has ${startOffset} to ${end - 1}` : "it is empty";
  const message = `the log has no such record: ${has}`;
  throw new DatabaseError("KV_TARGET_OUT_OF_RANGE", message, {});
}

/** The offsets from the first target to the second, both inclusive; by default all that there is. */
export async function spanBetween(
  { startOffset: from, acknowledgedOffset: to }: Pick<Log, "startOffset" | "acknowledgedOffset">,
  [first, last]: readonly [Target | undefined, Target | undefined],
  find: (target: Target) => number | Promise<number>,
): Promise<Span> {
  const span = {
    from: first === undefined ? from : Math.max(from, await find(first)),
    to: last === undefined ? to : (await find(last)) + 1,
  };
  if (span.from < span.to || span.from === to) return span;
  throw new UsageError("the second target lies before the first");
}
