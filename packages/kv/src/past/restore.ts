// Restoring: a new database with the state that another had at some point. The source is only read.
// Invariant: at the destination there is nothing, or the whole (destination.ts).

import { resolve } from "node:path";
import { type Ancestry, type FileSystem, Log } from "@tidemark/wal";
import {
  checkBoolean,
  checkCallable,
  checkPath,
  checkProperties,
  checkSignal,
} from "../arguments/arguments.js";
import { type ResolvedTarget, resolveTarget, type Target } from "../arguments/target.js";
import { resolveClock, resolveFileSystem } from "../environment.js";
import { corrupt, databaseError } from "../errors.js";
import { type Folded, type FoldSource, fold, type SkippedSnapshot } from "../fold/fold.js";
import { type FoldProgress, foldToFile, verifySnapshot } from "../fold/fold-to-file.js";
import { logDirectory, snapshotName, snapshotsDirectory } from "../formats/layout.js";
import { Pace } from "../pace.js";
import { build, checkDestination, temporaryName } from "./destination.js";
import { readExisting } from "./existing.js";

/** How to restore, or only to say what there would be. */
export interface RestoreOptions {
  /** Only says what would be done, down to the count of entries; writes nothing. Default false. */
  readonly dryRun?: boolean | undefined;
  /** Told now and then how far it is. */
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly fileSystem?: FileSystem | undefined;
  /** ms since the Unix epoch; default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/** What a restore did, or would do. */
export interface RestoreReport {
  readonly dryRun: boolean;
  /** Absolute paths. */
  readonly source: string;
  readonly destination: string;
  /** The last commit of the state. The new database goes on with the offset after it. */
  readonly offset: number;
  /** Time of that commit, in ms since the Unix epoch. */
  readonly time: number;
  /** Path of the source's snapshot file that it began from; undefined if from the log alone. */
  readonly snapshot: string | undefined;
  /** Snapshot files of the source that could not be used. */
  readonly skipped: readonly SkippedSnapshot[];
  /** Commits of the source's log that were read: from `from` to `offset`, both inclusive. */
  readonly commits: number;
  readonly from: number;
  /** Count of entries, keys whose expiry has passed among them. */
  readonly entries: number;
  /** Where the new log comes from: the source's id and the first offset that they do not share. */
  readonly ancestry: Ancestry;
  /** UUID of the new log; undefined in a dry run. */
  readonly logId: string | undefined;
  readonly durationMs: number;
}

interface Restoring {
  readonly fileSystem: FileSystem;
  readonly clock: () => number;
  readonly pace: Pace;
  readonly onProgress: ((progress: FoldProgress) => void) | undefined;
  readonly source: FoldSource;
  /** The last commit to be restored. */
  readonly offset: number;
}

/**
 * Makes a new database with the state that `source` had at `target`, in a directory that does not exist or is
 * empty, is no link and lies in no database. The source may be open, here or in another process, or have crashed: it is opened read-only, and of one that is being
 * written, what its log states as durable can be reached (a moment after it is acknowledged). Durable when it resolves. Rejects, leaving nothing, with `KV_NOT_FOUND` (no source), `KV_EXISTS`, `KV_INVALID_ARGUMENT`,
 * `KV_TARGET_OUT_OF_RANGE`, `KV_CORRUPT`, `KV_UNSUPPORTED_VERSION`, `KV_NO_SPACE`, `KV_IO` or the signal's reason.
 * What a crash leaves is a directory beside the destination, named for it and `.unfinished-`, to be removed: no database, but in the
 * moment before the last step. Of a live source whose log makes no notes (`noteAfterMs: 0`), the newest commits are out of reach.
 */
export async function restore(
  source: string,
  destination: string,
  target: Target,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  try {
    const startMs = performance.now();
    checkOptions(options);
    const resolved = resolveTarget(target);
    const from = resolve(checkPath("source", source));
    const to = resolve(checkPath("destination", destination));
    const report = await restoreChecked(from, to, resolved, options);
    return { ...report, durationMs: performance.now() - startMs };
  } catch (error) {
    throw databaseError(error);
  }
}

type TimelessReport = Omit<RestoreReport, "durationMs">;

function checkOptions(options: RestoreOptions): void {
  checkProperties("options", options, ["dryRun", "onProgress", "signal", "fileSystem", "clock"]);
  if (options.dryRun !== undefined) checkBoolean("dryRun", options.dryRun);
  if (options.onProgress !== undefined) checkCallable("onProgress", options.onProgress);
  checkSignal(options.signal);
}

async function restoreChecked(
  from: string,
  to: string,
  target: ResolvedTarget,
  options: RestoreOptions,
): Promise<TimelessReport> {
  const { onProgress, signal } = options;
  const fileSystem = resolveFileSystem(options.fileSystem);
  const clock = resolveClock(options.clock);
  const pace = new Pace(signal);
  await checkDestination(fileSystem, from, to);
  return await readExisting(
    from,
    target,
    { fileSystem, clock, pace },
    async (source, { offset }) => {
      const restoring = { fileSystem, clock, pace, onProgress, source, offset };
      const made = await (options.dryRun === true ? plan(restoring) : make(restoring, to));
      return { source: from, destination: to, ...made };
    },
  );
}

/** What both kinds of run report of the fold. */
function reportOf<T>({ source, offset }: Restoring, { base, skipped, commits, time }: Folded<T>) {
  const ancestry = { logId: source.log.id, offset: offset + 1 };
  const from = base?.endOffset ?? source.log.startOffset;
  return { offset, time, snapshot: base?.path, skipped, commits, from, ancestry };
}

async function plan(restoring: Restoring) {
  const { source, offset, pace } = restoring;
  const folded = await fold(source, offset + 1, { pace }, async (folding) => {
    let entries = 0;
    for await (const batch of folding.batches()) entries += batch.length;
    return entries;
  });
  const entries = folded.result;
  return { ...reportOf(restoring, folded), dryRun: true, entries, logId: undefined };
}

async function make(restoring: Restoring, destination: string) {
  const { fileSystem, offset, source, clock, pace, onProgress } = restoring;
  const building = { fileSystem, temporary: temporaryName(destination), destination };
  const identity = { keys: source.keys, createdAt: clock() };
  return await build(building, identity, async (made) => {
    const logId = await makeLog(restoring, made);
    const directory = snapshotsDirectory(made);
    await fileSystem.makeDirectory(directory);
    const options = { pace, createdAt: clock(), onProgress };
    const place = { fileSystem, directory, logId };
    const folded = await foldToFile(source, offset + 1, place, options);
    const entries = folded.result.header.entryCount;
    await readBack(restoring, made, logId, entries);
    return { ...reportOf(restoring, folded), dryRun: false, entries, logId };
  });
}

/** An empty log that goes on after the target. */
async function makeLog(restoring: Restoring, directory: string): Promise<string> {
  const { fileSystem, clock, source, offset } = restoring;
  const startOffset = offset + 1;
  const ancestry = { logId: source.log.id, offset: startOffset };
  // No commit of the new log is older than what it goes on from.
  const { lastTime } = source.log;
  const notBefore = () => Math.max(clock(), lastTime);
  const options = { fileSystem, startOffset, ancestry, clock: notBefore, errorIfExists: true };
  const log = await Log.open(logDirectory(directory), options);
  await log.close();
  return log.id;
}

/** Opens what was made as a database would, and reads it to its end. */
async function readBack(
  { fileSystem, clock, offset, source, pace }: Restoring,
  directory: string,
  logId: string,
  entries: number,
): Promise<void> {
  const log = await Log.open(logDirectory(directory), { fileSystem, clock, readOnly: true });
  try {
    const snapshots = snapshotsDirectory(directory);
    const made = { fileSystem, log, keys: source.keys };
    const file = { path: snapshotName(snapshots, offset + 1), endOffset: offset + 1 };
    const { header } = await verifySnapshot(made, file, pace);
    const same =
      log.id === logId &&
      log.startOffset === offset + 1 &&
      log.endOffset === offset + 1 &&
      header.entryCount === entries;
    if (!same) throw corrupt("what was written reads back as something else", directory);
  } finally {
    await log.close();
  }
}
