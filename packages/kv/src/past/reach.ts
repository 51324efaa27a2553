// Which commits can be gone back to, and which of them a target means.

import { show } from "../arguments/arguments.js";
import type { ResolvedTarget } from "../arguments/target.js";
import { assert, DatabaseError, type ReachableRange } from "../errors.js";
import { type FoldSource, firstOffset, openBase, withBase } from "../fold/fold.js";
import { listSnapshots, type SnapshotFile } from "../formats/layout.js";
import type { Mark } from "../state/entry.js";

/** A point in the past that exists. */
export interface Destination {
  /** The last commit of the state. */
  readonly offset: number;
  /** For expiry; undefined for the time of that commit. */
  readonly time: number | undefined;
}

/** Where a target is looked for. */
export interface Reach {
  readonly source: FoldSource;
  /** Acknowledged commits below it can be meant. */
  readonly endOffset: number;
  /** Time in ms that a target may not exceed. */
  readonly now: number;
  readonly marks: () => Promise<ReadonlyMap<string, Mark>>;
}

/** Finds what a target means. Rejects with `KV_TARGET_OUT_OF_RANGE`. */
export async function findDestination(target: ResolvedTarget, reach: Reach): Promise<Destination> {
  const { source, endOffset, now, marks } = reach;
  const reachable = await reachableRange(source, endOffset);
  if (target.kind === "offset") return within(reachable, target.offset, undefined, target);
  if (target.kind === "mark") {
    const mark = (await marks()).get(target.name);
    if (mark === undefined) throw outOfRange(reachable, target);
    return within(reachable, mark.offset, undefined, target);
  }
  if (target.time > now) throw outOfRange(reachable, target);
  const offset = await offsetAtOrBefore(source, endOffset, target.time);
  return within(reachable, offset, target.time, target);
}

function within(
  reachable: ReachableRange | undefined,
  offset: number | undefined,
  time: number | undefined,
  target: ResolvedTarget,
): Destination {
  if (offset !== undefined && reachable !== undefined) {
    if (offset >= reachable.first && offset <= reachable.last) return { offset, time };
  }
  throw outOfRange(reachable, target);
}

/** The last commit at or before a time; undefined if there is none. */
async function offsetAtOrBefore(
  source: FoldSource,
  endOffset: number,
  time: number,
): Promise<number | undefined> {
  const { log } = source;
  const offset = Math.min(log.offsetAt(time + 1), endOffset) - 1;
  if (offset >= log.startOffset) return offset;
  if (log.startOffset === 0) return undefined;
  // Before the log's first record there is only what the oldest snapshot file holds.
  const oldest = await oldestBase(source);
  if (oldest === undefined) return undefined;
  const reader = await openBase(source, oldest);
  reader.close();
  return reader.header.time <= time ? oldest.endOffset - 1 : undefined;
}

/** The time in ms by which expiry is decided there. */
export async function timeOf(source: FoldSource, { offset, time }: Destination): Promise<number> {
  if (time !== undefined) return time;
  if (offset >= source.log.startOffset) return source.log.read(offset).time;
  // The log no longer has that commit, so there is a snapshot file that ends with it.
  const { result } = await withBase(source, offset + 1, async (file) => {
    assert(
      file?.endOffset === offset + 1,
      "the first state in reach is a snapshot file's or the log's",
    );
    const reader = await openBase(source, file);
    reader.close();
    return reader.header.time;
  });
  return result;
}

/** The oldest snapshot file that the log goes on from. */
async function oldestBase(source: FoldSource): Promise<SnapshotFile | undefined> {
  return oldestOf(await listSnapshots(source.fileSystem, source.snapshots), source);
}

function oldestOf(files: readonly SnapshotFile[], source: FoldSource): SnapshotFile | undefined {
  return files.findLast(({ endOffset }) => endOffset >= firstOffset(source));
}

/** The first commit whose state can be rebuilt, with these snapshot files, newest first; undefined if there is none. */
export function firstReachable(
  source: FoldSource,
  files: readonly SnapshotFile[],
): number | undefined {
  if (firstOffset(source) === 0) return 0;
  const oldest = oldestOf(files, source);
  return oldest && oldest.endOffset - 1;
}

/** The commits whose state can be rebuilt; undefined if there is none. */
export async function reachableRange(
  source: FoldSource,
  endOffset: number,
): Promise<ReachableRange | undefined> {
  const last = endOffset - 1;
  const first = firstReachable(source, await listSnapshots(source.fileSystem, source.snapshots));
  return first === undefined || first > last ? undefined : { first, last };
}

/** For a target that no commit can be, not even one that waits. */
export async function outOfReach(
  source: FoldSource,
  endOffset: number,
  target: ResolvedTarget,
): Promise<DatabaseError> {
  return outOfRange(await reachableRange(source, endOffset), target);
}

function outOfRange(reachable: ReachableRange | undefined, target: ResolvedTarget): DatabaseError {
  const range =
    reachable === undefined
      ? "there is none that can be reached"
      : `commits ${reachable.first} to ${reachable.last} can be reached`;
  return new DatabaseError("KV_TARGET_OUT_OF_RANGE", `no state ${describe(target)}: ${range}`, {
    reachable,
  });
}

function describe(target: ResolvedTarget): string {
  if (target.kind === "offset") return `at offset ${target.offset}`;
  if (target.kind === "mark") return `at mark ${show(target.name)}`;
  const date = new Date(target.time);
  // Whole numbers reach further than dates do.
  const shown = Number.isNaN(date.getTime()) ? "" : ` (${date.toISOString()})`;
  return `at time ${target.time}${shown}`;
}
