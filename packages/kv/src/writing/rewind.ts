// Rewinding: one commit that makes the present what it was at some point. What changed since is found in slices,
// while others write; what they write meanwhile is noted, and one synchronous step at the end settles all of it
// against the present of that moment. Its time goes with the keys that were touched since the target.

import { checkBoolean, checkProperties, checkSignal } from "../arguments/arguments.js";
import type { Key } from "../arguments/keys.js";
import { everything } from "../arguments/range.js";
import type { ResolvedTarget } from "../arguments/target.js";
import type { WriteOptions } from "../arguments/write.js";
import { DatabaseError } from "../errors.js";
import type {
  DeleteRangeOperation,
  KeyOperation,
  WrittenOperation,
} from "../formats/operations.js";
import { Pace } from "../pace.js";
import { compareStates } from "../past/comparison.js";
import { findPast, type PastSource, pinned } from "../past/past.js";
import { type Entry, hasExpired } from "../state/entry.js";
import type { Item } from "../state/item.js";
import type { Present } from "../state/present.js";
import type { State } from "../state/state.js";
import { sameValue } from "../values/stored-value.js";

/** Options of `Database.rewind`. */
export interface RewindOptions extends WriteOptions {
  /** Ends it with its reason, unless the commit is written already. */
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedRewind {
  readonly sync: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Throws `KV_INVALID_ARGUMENT`. */
export function resolveRewind(options: RewindOptions): ResolvedRewind {
  checkProperties("options", options, ["sync", "signal"]);
  const { sync = false, signal } = options;
  return { sync: checkBoolean("sync", sync), signal: checkSignal(signal) };
}

/** What a key had at the target; undefined is nothing. Expired or not. */
export interface Before {
  readonly key: string;
  readonly entry: Entry | undefined;
}

/**
 * Finds what the target means and what was touched since, and has it settled, in the same turn of the event loop as
 * the last look at the present. `now` is the time in ms that a time may not exceed.
 */
export async function rewindTo<K extends Key>(
  past: PastSource<K>,
  target: ResolvedTarget,
  now: number,
  signal: AbortSignal,
  settle: (before: readonly Before[]) => Promise<number>,
): Promise<number> {
  if (past.readOnly) {
    throw new DatabaseError("KV_READ_ONLY", "the database was opened with readOnly");
  }
  const notes = new Notes(past.present);
  try {
    const before = await pinned(past, (held) =>
      beforeOf(held, target, now, notes, new Pace(signal)),
    );
    signal.throwIfAborted();
    return await settle(before.concat(notes.besides(before)));
  } finally {
    notes.end();
  }
}

async function beforeOf<K extends Key>(
  past: PastSource<K>,
  target: ResolvedTarget,
  now: number,
  notes: Notes,
  pace: Pace,
): Promise<Before[]> {
  const { source, present } = past;
  const { offset } = await findPast(past, target, now);
  const last = notes.begin();
  // What the notes begin with is only what it seems to be if none of it is rejected.
  await present.acknowledged();
  const before: Before[] = [];
  for (const { key, earlier, later } of await compareStates(source, offset, last, nothing, pace)) {
    // What came back to what it was is left alone, unless the notes have more of it.
    if (!isSameEntry(earlier, later)) before.push({ key, entry: earlier });
    if (pace.due) await pace.rest();
  }
  return before;
}

const nothing = () => false;

/** Which keys commits touch from a moment on, and what they had then. */
class Notes {
  readonly #present: Present;
  readonly #touched = new Set<string>();
  /** Keys of the state that it began with are touched by it, and are looked for only in the end. */
  readonly #cleared: DeleteRangeOperation[] = [];
  #then: State | undefined;

  constructor(present: Present) {
    this.#present = present;
  }

  /** Returns the offset of the last commit before. */
  begin(): number {
    const last = this.#present.endOffset - 1;
    this.#then = this.#present.state.fork();
    this.#present.watch(this.#watcher);
    return last;
  }

  readonly #watcher = (operations: readonly WrittenOperation[]): void => {
    for (const operation of operations) {
      if (operation.kind === "deleteRange") this.#cleared.push(operation);
      else if (operation.kind !== "mark") this.#touched.add(operation.key);
    }
  };

  /** What touched keys had when it began, but for those that are among `others`, which are in key order. */
  besides(others: readonly Before[]): Before[] {
    for (const { gte = "", lt } of this.#cleared) {
      const cleared = { ...everything, interval: { gte, lt } };
      for (const key of this.#then?.read(cleared, always(), keyOf) ?? []) this.#touched.add(key);
    }
    const found: Before[] = [];
    for (const key of this.#touched) {
      if (!includes(others, key)) found.push({ key, entry: this.#then?.get(key, always) });
    }
    return found;
  }

  end(): void {
    this.#present.unwatch(this.#watcher);
  }
}

function keyOf({ key }: Item): string {
  return key;
}

function includes(sorted: readonly Before[], key: string): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as Before).key < key) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.key === key;
}

/** A clock by which nothing has expired. */
const always = () => Number.NEGATIVE_INFINITY;

/** What has to be done to a state so that keys have again what they had before, but for what has expired by `now` (ms). */
export function undoing(state: State, before: readonly Before[], now: number): KeyOperation[] {
  const operations: KeyOperation[] = [];
  const clock = () => now;
  for (const { key, entry } of before) {
    const current = state.get(key, clock);
    if (entry === undefined || hasExpired(entry, now)) {
      if (current !== undefined) operations.push({ kind: "delete", key });
    } else if (!isSameEntry(current, entry)) {
      const { value, expiry } = entry;
      operations.push({ kind: "put", key, value, expiry });
    }
  }
  return operations;
}

/** Whether nothing that a rewind gives back is different. */
export function isSameEntry(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.expiry === b.expiry && sameValue(a.value, b.value);
}
