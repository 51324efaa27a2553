// Going back: from a target to the state that it means.

import { checkProperties, checkSignal } from "../arguments/arguments.js";
import type { Key, KeyCodec } from "../arguments/keys.js";
import type { ResolvedTarget } from "../arguments/target.js";
import { type FoldSource, holding } from "../fold/fold.js";
import { foldToState } from "../fold/fold-to-state.js";
import { Pace } from "../pace.js";
import type { Present } from "../state/present.js";
import type { State } from "../state/state.js";
import { View } from "../state/view.js";
import { unlessCut } from "../upkeep/moving-window.js";
import { PastStates } from "./past-states.js";
import { type Destination, findDestination, outOfReach } from "./reach.js";

/** Options of `Database.at`. */
export interface AtOptions {
  readonly signal?: AbortSignal | undefined;
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
  readonly readOnly: boolean;
  /** States that were built. */
  readonly states: PastStates<FoldSource>;
}

/** The state that a target means, once it is durable. `now` is the time in ms that a time may not exceed. */
export async function viewOfPast<V, K extends Key>(
  past: PastSource<K>,
  target: ResolvedTarget,
  now: number,
  signal: AbortSignal,
): Promise<View<V, K>> {
  return await pinned(past, async (held) =>
    viewAt(held, await findPast(held, target, now), signal),
  );
}

/**
 * Runs something during which what was found in reach stays there. Of another process's database it may not stay; then
 * it is run again.
 */
export async function pinned<K extends Key, T>(
  past: PastSource<K>,
  run: (held: PastSource<K>) => Promise<T>,
): Promise<T> {
  const { source, readOnly } = past;
  if (readOnly) return await unlessCut(source, () => run(past));
  return await holding(source, (held) => run({ ...past, source: held }));
}

/** Finds what a target means, once that is durable. Rejects as `Database.at` says. */
export async function findPast<K extends Key>(
  past: PastSource<K>,
  target: ResolvedTarget,
  now: number,
): Promise<Destination> {
  const { source, present } = past;
  const { log } = source;
  if (target.kind === "offset" && target.offset >= present.endOffset) {
    throw await outOfReach(source, shownEnd(past), target);
  }
  if (!past.readOnly && isAwaited(past, target)) await log.sync();
  const marks = () => Promise.resolve(present.marks);
  const reach = { source, endOffset: shownEnd(past), now, marks };
  return await findDestination(target, reach);
}

async function viewAt<V, K extends Key>(
  { source, present, keys, states }: PastSource<K>,
  { offset, time }: Destination,
  signal: AbortSignal,
): Promise<View<V, K>> {
  const { log } = source;
  if (offset + 1 === present.endOffset && offset >= log.startOffset) {
    const { time: commitTime } = log.read(offset);
    return new View(present.state.fork(), keys, offset, time ?? commitTime);
  }
  const built = await states.get(offset, signal, source);
  return new View(built.state, keys, offset, time ?? built.time);
}

/** The states of the past that are shared. Who asks for one holds what it is built from. */
export function pastStates(): PastStates<FoldSource> {
  return new PastStates(async (offset, signal, source) => {
    const pace = new Pace(signal);
    const { result, time } = await foldToState(source, offset + 1, { pace });
    return { state: result.state, bytes: await bytesOf(result.state, pace), time };
  });
}

/** About what a state takes of memory, in bytes. */
async function bytesOf(state: State, pace: Pace): Promise<number> {
  let bytes = 0;
  for (const taken of state.bytesTaken()) {
    bytes += taken;
    if (pace.due) await pace.rest();
  }
  return bytes;
}

/** The end of what is acknowledged and shown: pending commits lie above, and those that a reader's log learned of since. */
export function shownEnd<K extends Key>({ source, present }: PastSource<K>): number {
  return Math.min(source.log.acknowledgedOffset, present.endOffset);
}

/** Whether what a target means may not be on stable storage yet: waiting still, or acknowledged at less than that. */
function isAwaited<K extends Key>(
  { source, present }: PastSource<K>,
  target: ResolvedTarget,
): boolean {
  const { log } = source;
  if (log.durableOffset === log.endOffset) return false;
  if (target.kind === "offset") return target.offset >= log.durableOffset;
  if (target.kind === "mark") {
    const mark = present.marks.get(target.name);
    return mark !== undefined && mark.offset >= log.durableOffset;
  }
  // The first commit after that time, of those that are acknowledged.
  const after = log.offsetAt(target.time + 1);
  return after > log.durableOffset || present.pendingSince <= target.time;
}
