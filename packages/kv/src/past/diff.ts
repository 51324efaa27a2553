// What differs between two points in the past, key by key.

import { checkProperties, checkSignal } from "../arguments/arguments.js";
import type { Key } from "../arguments/keys.js";
import type { ResolvedTarget } from "../arguments/target.js";
import { Pace } from "../pace.js";
import { type Entry, hasExpired } from "../state/entry.js";
import { entryRead, type KeyEntry } from "../state/reading.js";
import { sameValue } from "../values/stored-value.js";
import { compareStates, type Pair } from "./comparison.js";
import { findPast, type PastSource, pinned } from "./past.js";
import { timeOf } from "./reach.js";

/** A key that has different values at two points, or is there at one of them alone. */
export interface Difference<V = unknown, K extends Key = string> {
  readonly key: K;
  /** What it has at the first point; undefined if it is not there. */
  readonly before: KeyEntry<V> | undefined;
  /** What it has at the second point; undefined if it is not there. */
  readonly after: KeyEntry<V> | undefined;
}

/** Options of `Database.diff`. */
export interface DiffOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Throws `KV_INVALID_ARGUMENT`. */
export function checkDiffOptions(options: DiffOptions): DiffOptions {
  checkProperties("options", options, ["signal"]);
  checkSignal(options.signal);
  return options;
}

/** The two points, each with the time by which expiry is decided there, in ms. */
interface Sides {
  readonly pairs: readonly Pair[];
  readonly earlierTime: number;
  readonly laterTime: number;
  /** Whether the first point is the later one. */
  readonly backwards: boolean;
}

/** What differs between `a` and `b`, in key order. `now` is the time in ms that a time may not exceed. */
export async function* differencesBetween<V, K extends Key>(
  past: PastSource<K>,
  a: ResolvedTarget,
  b: ResolvedTarget,
  now: number,
  signal: AbortSignal,
): AsyncGenerator<Difference<V, K>, void, void> {
  const pace = new Pace(signal);
  const { pairs, earlierTime, laterTime, backwards } = await pinned(past, (held) =>
    sidesOf(held, a, b, now, pace),
  );
  const { keys } = past;
  for (const { key, earlier, later } of pairs) {
    const first = unexpired(earlier, earlierTime);
    const second = unexpired(later, laterTime);
    if (!isSame(first, second)) {
      const before = first && entryRead<V>(first, keys, key);
      const after = second && entryRead<V>(second, keys, key);
      const name = keys.decode(key);
      yield backwards ? { key: name, before: after, after: before } : { key: name, before, after };
    }
    if (pace.due) await pace.rest();
  }
}

async function sidesOf<K extends Key>(
  past: PastSource<K>,
  a: ResolvedTarget,
  b: ResolvedTarget,
  now: number,
  pace: Pace,
): Promise<Sides> {
  const first = await findPast(past, a, now);
  const second = await findPast(past, b, now);
  const backwards = first.offset > second.offset;
  const [earlier, later] = backwards ? [second, first] : [first, second];
  const { source } = past;
  const earlierTime = await timeOf(source, earlier);
  const laterTime = await timeOf(source, later);
  const times = { earlierTime, laterTime, backwards };
  if (earlier.offset === later.offset && earlierTime === laterTime) return { ...times, pairs: [] };
  // No commit has to touch a key that expires between the two.
  const expires = (entry: Entry) => hasExpired(entry, earlierTime) !== hasExpired(entry, laterTime);
  const pairs = await compareStates(source, earlier.offset, later.offset, expires, pace);
  return { ...times, pairs };
}

function unexpired(entry: Entry | undefined, time: number): Entry | undefined {
  return entry === undefined || hasExpired(entry, time) ? undefined : entry;
}

function isSame(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return sameValue(a.value, b.value);
}
