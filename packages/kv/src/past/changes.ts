// The change feed: each commit once it is on stable storage, in order, then each further one. A consumer's place
// is an offset of its own keeping: between two runs of it the feed holds nothing, and the log may be cut there.

import type { Ancestry, LogRecord } from "@tidemark/wal";
import { checkInteger, checkProperties, checkSignal, invalid } from "../arguments/arguments.js";
import type { Key, KeyCodec } from "../arguments/keys.js";
import type { CommitLog } from "../commit-log.js";
import { DatabaseError, databaseError, hasCode } from "../errors.js";
import type { Operation } from "../formats/operations.js";
import { RecordedCommit } from "../formats/recorded-commit.js";
import { Pace } from "../pace.js";
import { readBack } from "../state/reading.js";
import type { Pins } from "../upkeep/pins.js";

/** What a commit did, all of it or nothing, in this order. */
export interface Change<V = unknown, K extends Key = string> {
  /** UUID of the log. */
  readonly logId: string;
  /** Of the commit. */
  readonly offset: number;
  /** When it was written, in ms since the Unix epoch; never lower than that of the commit before. */
  readonly time: number;
  readonly operations: readonly ChangeOperation<V, K>[];
}

/** One operation of a commit, as it was written, whether it changed anything or not. */
export type ChangeOperation<V = unknown, K extends Key = string> =
  | {
      readonly type: "put";
      readonly key: K;
      /** Made anew, the consumer's own. */
      readonly value: V;
      /** ms since the Unix epoch from which on the key counts as gone; undefined for never. */
      readonly expiry: number | undefined;
    }
  | { readonly type: "del"; readonly key: K }
  /** Deletes the keys from `gte` (inclusive) to `lt` (exclusive); undefined for no bound. */
  | { readonly type: "clear"; readonly gte: K | undefined; readonly lt: K | undefined }
  | { readonly type: "mark"; readonly name: string };

/**
 * The last commit that a consumer has taken in: its offset in this database's log (−1 for none), or with the id of
 * the log that it is of. A `Change` fits as it is.
 */
export type Since = number | { readonly logId: string; readonly offset: number };

/** Options of `Database.changes`. */
export interface ChangesOptions {
  /** Exclusive: begins with the commit after it. By default with the oldest that the log has. */
  readonly since?: Since | undefined;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Where the commits come from. */
export interface Feed<K extends Key> {
  readonly log: CommitLog;
  /** What the next change is read from stays, however long it is not asked for. */
  readonly pins: Pins;
  readonly keys: KeyCodec<K>;
  readonly readOnly: boolean;
}

export interface ResolvedChanges {
  /** Offset of the first commit wanted; undefined for the oldest that the log has. */
  readonly from: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Throws `KV_INVALID_ARGUMENT` or `KV_OTHER_LINEAGE`. */
export function resolveChanges(options: ChangesOptions, log: CommitLog): ResolvedChanges {
  checkProperties("options", options, ["since", "signal"]);
  const { since } = options;
  const from = since === undefined ? undefined : resolveSince(since, log) + 1;
  return { from, signal: checkSignal(options.signal) };
}

function resolveSince(since: unknown, { id, ancestry }: CommitLog): number {
  if (typeof since === "number") return checkOffset("since", since);
  if (typeof since !== "object" || since === null) {
    throw invalid("since", "an offset, or one with the id of its log", since);
  }
  // Other properties are those of a change, which is taken as it is.
  const { logId, offset } = since as { logId?: unknown; offset?: unknown };
  if (typeof logId !== "string") throw invalid("since.logId", "the id of a log", logId);
  const checked = checkOffset("since.offset", offset);
  if (logId === id) return checked;
  if (ancestry !== undefined && logId === ancestry.logId && checked < ancestry.offset) {
    return checked;
  }
  throw otherLineage(logId, checked, ancestry);
}

function checkOffset(name: string, offset: unknown): number {
  return checkInteger(name, offset, -1, Number.MAX_SAFE_INTEGER - 1);
}

function otherLineage(
  logId: string,
  offset: number,
  ancestry: Ancestry | undefined,
): DatabaseError {
  const common =
    ancestry === undefined
      ? "this database comes from no other"
      : `this database shares with log ${ancestry.logId} the commits below ${ancestry.offset}`;
  return new DatabaseError(
    "KV_OTHER_LINEAGE",
    `commit ${offset} of log ${logId} is none of this database: ${common}; read the state anew and go on from there`,
    { offset },
  );
}

/** Commits from an offset on, without end. Ends as `Database.changes` says. */
export async function* followChanges<V, K extends Key>(
  feed: Feed<K>,
  { from: given, signal }: ResolvedChanges,
): AsyncGenerator<Change<V, K>, void, void> {
  const { log, keys, pins } = feed;
  const from = given ?? log.startOffset;
  // What lies below is about to go: it is read for as long as it is there.
  const { floor } = pins;
  let release = pins.hold(Math.max(from, floor));
  let next = from;
  try {
    const pace = new Pace(signal);
    await settlePlace(feed, from);
    for await (const record of log.follow(signal === undefined ? { from } : { from, signal })) {
      const operations = await operationsOf<V, K>(record, keys, pace);
      const { offset, time } = record;
      next = offset + 1;
      const releaseNext = pins.hold(Math.max(next, floor));
      release();
      release = releaseNext;
      yield { logId: log.id, offset, time, operations };
    }
  } catch (error) {
    const wrapped = databaseError(error);
    throw hasCode(wrapped, "KV_TARGET_OUT_OF_RANGE") ? placeLost(log, next, wrapped) : wrapped;
  } finally {
    release();
  }
}

/**
 * Who has seen a commit that the log may yet reject would miss the one that gets its offset instead: so it is
 * waited for, and the rejection passed on.
 */
async function settlePlace<K extends Key>(feed: Feed<K>, from: number): Promise<void> {
  const { log, readOnly } = feed;
  if (from > log.durableOffset && from <= log.endOffset && !readOnly) await log.sync();
}

function placeLost(log: CommitLog, from: number, cause: DatabaseError): DatabaseError {
  const { startOffset, acknowledgedOffset } = log;
  const reachable =
    acknowledgedOffset > startOffset
      ? { first: startOffset, last: acknowledgedOffset - 1 }
      : undefined;
  const range = reachable ? `it has ${reachable.first} to ${reachable.last}` : "it has none";
  return new DatabaseError(
    "KV_TARGET_OUT_OF_RANGE",
    `the log does not have all commits from ${from} on (${range}): read the state anew and go on from its offset`,
    { reachable, cause },
  );
}

/** What a record did, as callers see it. Throws `KV_CORRUPT` for one that is no commit. */
export async function operationsOf<V, K extends Key>(
  record: LogRecord,
  keys: KeyCodec<K>,
  pace: Pace,
): Promise<ChangeOperation<V, K>[]> {
  const commit = new RecordedCommit(record, keys.kind);
  const changes: ChangeOperation<V, K>[] = [];
  for (let complete = false; !complete; ) {
    const step = commit.next();
    for (const operation of step.operations) {
      changes.push(changeOf<V, K>(operation, keys, record.offset));
      if (pace.due) await pace.rest();
    }
    complete = step.complete;
  }
  return changes;
}

function changeOf<V, K extends Key>(
  operation: Operation,
  keys: KeyCodec<K>,
  offset: number,
): ChangeOperation<V, K> {
  switch (operation.kind) {
    case "put": {
      const { key, value, expiry } = operation;
      const read = readBack<V>({ value, offset }, keys, operation);
      return { type: "put", key: keys.decode(key), value: read, expiry };
    }
    case "delete":
      return { type: "del", key: keys.decode(operation.key) };
    case "deleteRange": {
      const { gte, lt } = operation;
      const bound = (key: string | undefined) => (key === undefined ? undefined : keys.decode(key));
      return { type: "clear", gte: bound(gte), lt: bound(lt) };
    }
    case "mark":
      return { type: "mark", name: operation.name };
  }
}
