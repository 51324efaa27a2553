// Backups: a database made of another's files while that is written to. It has the same commits with the same offsets
// and times, as far back as history reaches, in a log of its own whose ancestor is the source's.
// Invariant: at the destination there is nothing, or the whole (destination.ts); the source is only read.

import { Log } from "@tidemark/wal";
import { assert, corrupt } from "../errors.js";
import { type FoldSource, firstOffset, openBase } from "../fold/fold.js";
import { type FoldProgress, foldToFile, isSound, verifySnapshot } from "../fold/fold-to-file.js";
import {
  listSnapshots,
  logDirectory,
  type SnapshotFile,
  snapshotName,
  snapshotsDirectory,
} from "../formats/layout.js";
import { COMMIT_BYTES_MAX } from "../formats/operations.js";
import type { Pace } from "../pace.js";
import { build } from "../past/destination.js";
import type { MadeBackup } from "./backup-report.js";
import { type CopiedLog, checksumOfRecords, copyLog } from "./log-copy.js";

/** What a backup is to be made of, and where; plain but for the source. */
export interface BackupJob {
  readonly source: FoldSource;
  /** Commits below it are copied, all of them on stable storage. */
  readonly endOffset: number;
  readonly destination: string;
  /** What the destination is called until it is whole. */
  readonly temporary: string;
  readonly segmentBytes: number | undefined;
  /** ms since the Unix epoch. */
  readonly createdAt: number;
}

export interface BackupRun {
  readonly pace: Pace;
  readonly onProgress: ((progress: FoldProgress) => void) | undefined;
}

/** Makes a backup; durable when it resolves. Leaves nothing when it rejects. */
export async function makeBackup(job: BackupJob, run: BackupRun): Promise<MadeBackup> {
  const { source, temporary, destination, createdAt } = job;
  const start = await findStart(job, run.pace);
  const place = { fileSystem: source.fileSystem, temporary, destination };
  const identity = { keys: source.keys, createdAt };
  return await build(place, identity, (directory) => fill(job, run, start, directory));
}

/** Where a backup's log begins. */
interface BackupStart {
  readonly offset: number;
  /** Not above that of the first commit. */
  readonly time: number;
  /** The snapshot file that ends there; undefined where the log has every commit. */
  readonly base: SnapshotFile | undefined;
}

/** As far back as there is a sound snapshot file, or the whole log. */
async function findStart({ source, endOffset }: BackupJob, pace: Pace): Promise<BackupStart> {
  const { fileSystem, snapshots, log } = source;
  const first = firstOffset(source);
  const timeAt = (offset: number) => (offset < endOffset ? log.read(offset).time : 0);
  if (first === 0) return { offset: 0, time: timeAt(0), base: undefined };
  for (const base of (await listSnapshots(fileSystem, snapshots)).reverse()) {
    const offset = base.endOffset;
    if (offset < first || offset > endOffset || !(await isSound(source, base, pace))) continue;
    const reader = await openBase(source, base);
    reader.close();
    return { offset, time: reader.header.time, base };
  }
  throw corrupt(
    `the log begins at offset ${log.startOffset}, and no snapshot file is sound`,
    snapshots,
  );
}

async function fill(
  job: BackupJob,
  run: BackupRun,
  start: BackupStart,
  directory: string,
): Promise<MadeBackup> {
  const { source, endOffset, segmentBytes, destination, createdAt } = job;
  const { fileSystem } = source;
  const { offset: from, time } = start;
  const into = { fileSystem, directory: logDirectory(directory), segmentBytes, time };
  const told = (commits: number) => ({ commits, commitsTotal: endOffset - from });
  const copied = await copyLog(source.log, { from, to: endOffset }, into, run.pace, (commits) =>
    run.onProgress?.({ ...told(commits), entries: 0 }),
  );
  const snapshots = snapshotsDirectory(directory);
  await fileSystem.makeDirectory(snapshots);
  const place = { fileSystem, directory: snapshots, logId: copied.logId };
  const onProgress = ({ entries }: FoldProgress) =>
    run.onProgress?.({ ...told(endOffset - from), entries });
  const options = { pace: run.pace, createdAt, onProgress };
  const ends = new Set([start.base?.endOffset ?? endOffset, endOffset]);
  const written = [];
  for (const end of ends) written.push(await foldToFile(source, end, place, options));
  await readBack(job, run, copied, directory, [...ends]);
  const last = written.at(-1);
  assert(last !== undefined, "a backup has a snapshot file that ends where it does");
  const first = start.base === undefined ? 0 : start.offset - 1;
  return {
    destination,
    logId: copied.logId,
    ancestry: { logId: source.log.id, offset: endOffset },
    first: first < endOffset ? first : undefined,
    offset: endOffset - 1,
    time: last.time,
    commits: endOffset - start.offset,
    entries: last.result.header.entryCount,
    skipped: last.skipped,
  };
}

/** Opens what was made as a database would, and reads all of it. */
async function readBack(
  { source, endOffset }: BackupJob,
  { pace }: BackupRun,
  copied: CopiedLog,
  directory: string,
  ends: readonly number[],
): Promise<void> {
  const { fileSystem, keys } = source;
  const options = { fileSystem, readOnly: true, maxRecordBytes: COMMIT_BYTES_MAX };
  const log = await Log.open(logDirectory(directory), options);
  try {
    const checksum = await checksumOfRecords(log.records(), pace);
    for (const end of ends) {
      const path = snapshotName(snapshotsDirectory(directory), end);
      await verifySnapshot({ fileSystem, keys, log }, { path, endOffset: end }, pace);
    }
    const same =
      log.id === copied.logId &&
      log.startOffset === copied.startOffset &&
      log.endOffset === endOffset &&
      checksum === copied.checksum;
    if (!same) throw corrupt("what was copied reads back as something else", directory);
  } finally {
    await log.close();
  }
}
