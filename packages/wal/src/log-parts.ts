// What a log is made of, put together at opening and taken apart at closing.

import { Background } from "./background.js";
import { closeAll } from "./closing.js";
import { CommitBuffers } from "./commit-buffers.js";
import type { Committer } from "./file-system.js";
import { GroupWriter } from "./group-writer.js";
import { LiveReader } from "./live-reader.js";
import type { Lock } from "./lock.js";
import { LogClock } from "./log-clock.js";
import type { Manifest } from "./manifest.js";
import { ManifestState } from "./manifest-state.js";
import { type OpenedLog, openForWriting } from "./opening.js";
import type { ResolvedOptions } from "./options.js";
import { Poison } from "./poison.js";
import type { RecoveryReport } from "./recovery.js";
import type { SegmentList } from "./segment-list.js";
import { keepSpare } from "./spare.js";
import { Counters } from "./stats.js";
import { Structure } from "./structure.js";
import { Writer } from "./writer.js";
import { ZeroFill } from "./zero-fill.js";

/** What only a log that was opened for writing has. */
export interface WritingSide {
  readonly writer: Writer;
  readonly structure: Structure;
  readonly background: Background;
  readonly committer: Committer;
  readonly lock: Lock;
}

export interface LogParts {
  readonly directory: string;
  readonly list: SegmentList;
  readonly counters: Counters;
  readonly poison: Poison;
  readonly recovery: RecoveryReport;
  readonly manifest: Manifest;
  readonly writing: WritingSide | undefined;
  readonly reader: LiveReader | undefined;
  readonly lastTime: () => number;
}

export async function openReading(directory: string, options: ResolvedOptions): Promise<LogParts> {
  const { reader, recovery } = await LiveReader.open(
    options.fileSystem,
    directory,
    options.durableOffset,
  );
  const { list, manifest } = reader;
  const [counters, poison] = [new Counters(), new Poison(options.onFailure)];
  const lastTime = () => newestTime(list);
  return {
    directory,
    list,
    counters,
    poison,
    recovery,
    manifest,
    writing: undefined,
    reader,
    lastTime,
  };
}

export async function openWriting(directory: string, options: ResolvedOptions): Promise<LogParts> {
  const opened = await openForWriting(directory, options);
  const { list, lock, recovery } = opened;
  const committer = options.fileSystem.openCommitter();
  try {
    const counters = new Counters();
    const poison = new Poison((failure) => {
      // Followers wait for records that will not come.
      list.wake();
      options.onFailure(failure);
    });
    const { structure, writer, clock } = join(directory, options, opened, {
      committer,
      counters,
      poison,
    });
    if (list.segments.length === 0) await structure.createFirst();
    await keepSpare({ fileSystem: options.fileSystem, directory });
    const background = new Background(options, list, structure, writer);
    writer.start((unsynced, unstated) => background.committed(unsynced, unstated));
    // What a crash left unproved is durable now, and readers beside this writer should know it.
    if (recovery.provedOffset < recovery.endOffset) background.committed(false, true);
    // A crash may have left more than one segment that is not sealed.
    structure.sealSoon();
    const writing = { writer, structure, background, committer, lock };
    const lastTime = () => clock.lastTime;
    const { manifest } = structure;
    return {
      directory,
      list,
      counters,
      poison,
      recovery,
      manifest,
      writing,
      reader: undefined,
      lastTime,
    };
  } catch (error) {
    // The reason for which opening failed is the one to be told.
    const steps = [() => list.closeSync(), () => opened.prepared?.closeSync()];
    await closeAll([...steps, () => committer.close(), () => lock.release()]).catch(
      () => undefined,
    );
    throw error;
  }
}

interface Shared {
  readonly committer: Committer;
  readonly counters: Counters;
  readonly poison: Poison;
}

function join(directory: string, options: ResolvedOptions, opened: OpenedLog, shared: Shared) {
  const { list, manifest, prepared, nextSegmentId } = opened;
  const place = { fileSystem: options.fileSystem, directory };
  const zeroFill = new ZeroFill(options, shared.committer, shared.counters);
  const state = new ManifestState(place, shared.poison, manifest, nextSegmentId);
  const structure = new Structure({ options, place, list, zeroFill, ...shared }, state, prepared);
  // A note has no place in the index, and nothing may be older than it.
  const lastTime = Math.max(newestTime(list), opened.lastTime, prepared?.createdAt ?? 0);
  const clock = new LogClock(options.clock, lastTime, options.onReport);
  const parts = { options, list, structure, zeroFill, place, ...shared };
  const groupWriter = new GroupWriter(parts, manifest.floor);
  const buffers = new CommitBuffers();
  const writer = new Writer({ groupWriter, buffers, clock, ...parts });
  structure.attach(writer);
  return { structure, writer, clock };
}

/** Time of the newest record, or of the active segment's creation if that is later. */
function newestTime({ segments }: SegmentList): number {
  let newest = segments[segments.length - 1]?.createdAt ?? 0;
  for (const segment of [...segments].reverse()) {
    newest = Math.max(newest, segment.lastTime);
    if (segment.endOffset > segment.baseOffset) return newest;
  }
  return newest;
}

/** Leaves a log that opens without recovery, or, after a failure, what is on disk as it is. */
export async function closeWriting(writing: WritingSide, poison: Poison): Promise<void> {
  const { writer, structure, background } = writing;
  await background.stop();
  await writer.drain();
  await structure.settled();
  // What stands on disk now is for the next opening to judge; the failure was told already.
  if (poison.failure !== undefined) return;
  await writer.finish();
  await structure.close();
}
