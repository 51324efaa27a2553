// Going back: from a target to the state that it means.

import { checkProperties, checkSignal } from "./arguments.js";
import type { Mark } from "./entry.js";
import { type FoldSource, fold, loadState } from "./fold.js";
import type { Key, KeyCodec } from "./keys.js";
import { Pace } from "./pace.js";
import type { Present } from "./present.js";
import { findDestination, outOfReach } from "./reach.js";
import type { ResolvedTarget } from "./target.js";
import { View } from "./view.js";

/** Options of `Database.at`. */
export interface AtOptions {
  readonly signal?: AbortSignal;
}

export function checkAtOptions(options: AtOptions): AtOptions {
  checkProperties("options", options, ["signal"]);
  checkSignal(options.signal);
  return options;
}

/** What there is to go back in. */
export interface PastSource<K extends Key> {
  readonly source: FoldSource;
  readonly present: Present;
  readonly keys: KeyCodec<K>;
  readonly marks: ReadonlyMap<string, Mark>;
  readonly readOnly: boolean;
}

/** The state that a target means, once it is durable. `now` is the time in ms that a time may not exceed. */
export async function viewOfPast<V, K extends Key>(
  past: PastSource<K>,
  target: ResolvedTarget,
  now: number,
  signal: AbortSignal,
): Promise<View<V, K>> {
  const { source, present, keys, marks } = past;
  const { log } = source;
  if (target.kind === "offset" && target.offset >= log.endOffset) {
    throw await outOfReach(source, target);
  }
  // What is asked for may be waiting still, or have been acknowledged at less than stable storage.
  if (!past.readOnly && log.durableOffset < log.endOffset) await log.sync();
  const { offset, time } = await findDestination(source, target, now, () => Promise.resolve(marks));
  present.settle();
  if (offset + 1 === log.endOffset && offset >= log.startOffset) {
    const { time: commitTime } = log.read(offset);
    return new View(present.state.fork(), keys, offset, time ?? commitTime);
  }
  const pace = new Pace(signal);
  const folded = await fold(source, offset + 1, { pace }, loadState);
  return new View(folded.result.state, keys, offset, time ?? folded.time);
}
