// What one key had, version by version: the entry that it has where the window begins, then each commit that
// touches it. Only the log is read, and of it nothing is copied but this key's values.

import type { LogRecord } from "@tidemark/wal";
import { checkProperties, checkSignal } from "../arguments/arguments.js";
import type { Key } from "../arguments/keys.js";
import { type ResolvedTarget, resolveTarget, type Target } from "../arguments/target.js";
import { type FoldSource, hold, openBase, withBase } from "../fold/fold.js";
import type { SnapshotFile } from "../formats/layout.js";
import type { Operation } from "../formats/operations.js";
import { RecordedCommit } from "../formats/recorded-commit.js";
import { Pace } from "../pace.js";
import { type Entry, hasExpired } from "../state/entry.js";
import { readBack } from "../state/reading.js";
import { eachUnlessCut } from "../upkeep/moving-window.js";
import { findPast, type PastSource, shownEnd } from "./past.js";
import { type Destination, reachableRange, timeOf } from "./reach.js";

/** What a key had from one commit on: a value, until the next version or its expiry, or nothing. */
export type Version<V = unknown> = ValueVersion<V> | DeletedVersion;

/** A commit in which the key got a value. */
export interface ValueVersion<V = unknown> {
  /** Of the commit that put it. */
  readonly offset: number;
  /** When that was, in ms since the Unix epoch. */
  readonly time: number;
  readonly deleted: false;
  /** Made anew, the caller's own. */
  readonly value: V;
  /** ms since the Unix epoch from which on it counts as gone; undefined for never. */
  readonly expiry: number | undefined;
}

/** A commit in which the key went. */
export interface DeletedVersion {
  /** Of the commit that deleted it. */
  readonly offset: number;
  readonly time: number;
  readonly deleted: true;
}

/** Options of `Database.history`. */
export interface HistoryRange {
  /** Begins with the version that the key had then; default the earliest that can be reached. */
  readonly from?: Target | undefined;
  /** The last commit that is looked at; default the last that is acknowledged. */
  readonly to?: Target | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedHistory {
  readonly from: ResolvedTarget | undefined;
  readonly to: ResolvedTarget | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Throws `KV_INVALID_ARGUMENT`. */
export function resolveHistory(range: HistoryRange): ResolvedHistory {
  checkProperties("range", range, ["from", "to", "signal"]);
  const { from, to, signal } = range;
  return {
    from: from === undefined ? undefined : resolveTarget(from),
    to: to === undefined ? undefined : resolveTarget(to),
    signal: checkSignal(signal),
  };
}

/** The versions of a key in its form in memory, oldest first. `now` is the time in ms that a time may not exceed. */
export async function* versionsOf<V, K extends Key>(
  past: PastSource<K>,
  key: string,
  range: ResolvedHistory,
  now: number,
  signal: AbortSignal,
): AsyncGenerator<Version<V>, void, void> {
  const { source, keys, readOnly } = past;
  const pace = new Pace(signal);
  const changes = () => changesInRange(past, key, range, now, pace);
  const steps = readOnly ? eachUnlessCut(source, changes) : changes();
  for await (const { offset, time, entry } of steps) {
    if (entry === undefined) yield { offset, time, deleted: true };
    else {
      const value = readBack<V>(entry, keys, { key });
      yield { offset, time, deleted: false, value, expiry: entry.expiry };
    }
  }
}

async function* changesInRange<K extends Key>(
  past: PastSource<K>,
  key: string,
  { from, to }: ResolvedHistory,
  now: number,
  pace: Pace,
): AsyncGenerator<KeyChange, void, void> {
  const { held: source, release } = hold(past.source);
  const held = { ...past, source };
  try {
    const first = from === undefined ? await earliest(held) : await findPast(held, from, now);
    const last = to === undefined ? shownEnd(held) - 1 : (await findPast(held, to, now)).offset;
    if (first === undefined || first.offset > last) return;
    yield* changesOfKey(held, key, first, last, pace);
  } finally {
    release();
  }
}

async function earliest<K extends Key>(past: PastSource<K>): Promise<Destination | undefined> {
  const reachable = await reachableRange(past.source, shownEnd(past));
  return reachable && { offset: reachable.first, time: undefined };
}

/** What a commit left under a key; undefined is nothing. */
interface KeyChange {
  readonly offset: number;
  readonly time: number;
  readonly entry: Entry | undefined;
}

/** What the key had at `first`, if anything, then each change up to the commit `last`. */
async function* changesOfKey<K extends Key>(
  past: PastSource<K>,
  key: string,
  first: Destination,
  last: number,
  pace: Pace,
): AsyncGenerator<KeyChange, void, void> {
  const { source, present } = past;
  present.settle();
  // No commit after the one that wrote the entry of the present has touched the key.
  const newest = present.state.get(key, () => Number.NEGATIVE_INFINITY);
  const before =
    newest !== undefined && newest.offset <= first.offset
      ? newest
      : await entryAt(source, key, first.offset, pace);
  let shown = before?.expiry === undefined ? before : await unexpired(source, before, first);
  if (shown !== undefined) yield { offset: shown.offset, time: shown.time, entry: shown };
  const end = Math.min(last, newest?.offset ?? last) + 1;
  for await (const change of touches(source, key, first.offset + 1, end, pace)) {
    const { entry, time } = change;
    // Deleting what is not there, or no longer, changes nothing.
    if (entry !== undefined || (shown !== undefined && !hasExpired(shown, time))) yield change;
    shown = entry;
  }
}

async function unexpired(
  source: FoldSource,
  entry: Entry,
  at: Destination,
): Promise<Entry | undefined> {
  return hasExpired(entry, await timeOf(source, at)) ? undefined : entry;
}

/** What the key has after the commit at an offset, expired or not. */
async function entryAt(
  source: FoldSource,
  key: string,
  offset: number,
  pace: Pace,
): Promise<Entry | undefined> {
  const { result } = await withBase(source, offset + 1, async (file) => {
    let entry = file && (await entryIn(source, file, key, pace));
    const from = file?.endOffset ?? source.log.startOffset;
    for await (const change of touches(source, key, from, offset + 1, pace)) entry = change.entry;
    return entry;
  });
  return result;
}

/** What a snapshot file has of a key. Reads it whole: what lies behind proves that nothing is missing before. */
async function entryIn(
  source: FoldSource,
  file: SnapshotFile,
  key: string,
  pace: Pace,
): Promise<Entry | undefined> {
  const reader = await openBase(source, file);
  try {
    let found: Entry | undefined;
    for (const block of reader.blocks()) {
      found ??= block.find((entry) => entry.key === key);
      if (pace.due) await pace.rest();
    }
    return found;
  } finally {
    reader.close();
  }
}

/** What commits in [from, to) do to a key, where they do anything to it. */
async function* touches(
  { log, keys }: FoldSource,
  key: string,
  from: number,
  to: number,
  pace: Pace,
): AsyncGenerator<KeyChange, void, void> {
  for (const record of log.records({ from, to })) {
    const commit = new RecordedCommit(record, keys, key);
    let change: KeyChange | undefined;
    for (let complete = false; !complete; ) {
      const step = commit.next();
      for (const operation of step.operations) change = changeOf(operation, key, record) ?? change;
      complete = step.complete;
      if (pace.due) await pace.rest();
    }
    if (change !== undefined) yield change;
  }
}

function changeOf(
  operation: Operation,
  key: string,
  { offset, time }: LogRecord,
): KeyChange | undefined {
  if (operation.kind === "mark") return undefined;
  if (operation.kind === "put") {
    const { value, expiry } = operation;
    return { offset, time, entry: { value, offset, time, expiry } };
  }
  if (operation.kind === "deleteRange") {
    const { gte = "", lt } = operation;
    if (key < gte || (lt !== undefined && key >= lt)) return undefined;
  }
  return { offset, time, entry: undefined };
}
