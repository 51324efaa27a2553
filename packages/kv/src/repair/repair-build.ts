// The parts that a repair makes anew, under names of their own: a log with the records that stay, at their offsets
// and times, and the snapshot files that go with it. All of it is on stable storage, and has been read back, before
// anything that is there is touched.

import { type Ancestry, Log, type LogRecord, type OffsetRange, verifyLog } from "@tidemark/wal";
import { assert, corrupt } from "../errors.js";
import { openBase, type SnapshotOwner } from "../fold/fold.js";
import {
  makeDirectoryIfMissing,
  type Parts,
  partsOf,
  removeTree,
  repairedName,
  type SnapshotFile,
} from "../formats/layout.js";
import { COMMIT_BYTES_MAX } from "../formats/operations.js";
import { SnapshotWriter } from "../formats/snapshot-writer.js";
import { Pace } from "../pace.js";
import { type Inspection, type InspectionOptions, inspect } from "./inspection.js";
import type { RepairPlan } from "./repair-plan.js";

/** Bytes of records that may wait to be written. */
const PENDING_BYTES = 8 * 1024 * 1024;

export function repairedPartsOf(directory: string): Parts {
  const { log, snapshots } = partsOf(directory);
  return { log: repairedName(log), snapshots: repairedName(snapshots) };
}

/** Makes both parts. What a build that was cut off left is removed first. */
export async function build(
  directory: string,
  inspection: Inspection,
  plan: RepairPlan,
  options: InspectionOptions,
): Promise<void> {
  const { fileSystem, signal } = options;
  const built = repairedPartsOf(directory);
  const pace = new Pace(signal);
  for (const path of [built.log, built.snapshots]) {
    if (await makeDirectoryIfMissing(fileSystem, path)) continue;
    await removeTree(fileSystem, path);
    await fileSystem.makeDirectory(path);
  }
  const logId = await buildLog(partsOf(directory).log, built.log, inspection, plan, options);
  const keys = inspection.keys ?? "bytes";
  const owner = { fileSystem, keys, log: { id: inspection.logId ?? "" } };
  for (const file of plan.snapshots) await copySnapshot(owner, file, built, logId, pace);
  await readBack(directory, built, plan, options);
}

/** Returns the new log's id. */
async function buildLog(
  from: string,
  to: string,
  inspection: Inspection,
  plan: RepairPlan,
  { fileSystem, signal }: InspectionOptions,
): Promise<string> {
  const { records } = plan;
  // Each record keeps its time. A log without any begins where its snapshot file ends, and is no earlier.
  const base = plan.snapshots.find(({ endOffset }) => endOffset === records.from);
  let now = base === undefined ? 0 : timeOf(inspection, base);
  const ancestry: Ancestry = { logId: inspection.logId ?? "", offset: records.to };
  const log = await Log.open(to, {
    fileSystem,
    ancestry,
    startOffset: records.from,
    clock: () => now,
    maxRecordBytes: COMMIT_BYTES_MAX,
    durability: "os",
    noteAfterMs: 0,
  });
  try {
    const copying = new Copying(log, records, (time) => {
      now = time;
    });
    const visit = () => (record: LogRecord) => copying.copy(record);
    const watched = { fileSystem, ...(signal && { signal }), visit };
    if (records.to > records.from) await verifyLog(from, watched);
    await copying.end();
  } finally {
    await log.close();
  }
  return log.id;
}

/** Appends the records of a range to a log, each at its own offset and time. */
class Copying {
  readonly #log: Log;
  readonly #range: OffsetRange;
  readonly #setTime: (time: number) => void;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  constructor(log: Log, range: OffsetRange, setTime: (time: number) => void) {
    this.#log = log;
    this.#range = range;
    this.#setTime = setTime;
  }

  async copy({ offset, time, payload }: LogRecord): Promise<void> {
    const { from, to } = this.#range;
    if (offset < from || offset >= to) return;
    // An end that has fallen back shows that appends were rejected, the last of them too.
    if (this.#log.endOffset !== offset) await this.#last;
    assert(this.#log.endOffset === offset, "records are copied to their own offsets");
    this.#setTime(time);
    this.#last = this.#log.append(payload);
    this.#last.catch(() => undefined);
    this.#pending += payload.length;
    if (this.#pending < PENDING_BYTES) return;
    this.#pending = 0;
    await this.#last;
  }

  /** Durable when it resolves. */
  async end(): Promise<void> {
    await this.#last;
    await this.#log.sync();
  }
}

function timeOf({ snapshots }: Inspection, { path }: SnapshotFile): number {
  return snapshots.find((file) => file.path === path)?.header?.time ?? 0;
}

/** Writes a snapshot file's entries and marks anew, as those of another log. */
async function copySnapshot(
  owner: SnapshotOwner,
  file: SnapshotFile,
  { snapshots }: Parts,
  logId: string,
  pace: Pace,
): Promise<void> {
  const reader = await openBase(owner, file);
  try {
    const origin = { ...reader.header, logId };
    const writer = await SnapshotWriter.create(owner.fileSystem, snapshots, origin);
    try {
      for (const entries of reader.blocks()) {
        for (const entry of entries) {
          writer.append(entry);
          await writer.drain();
          if (pace.due) await pace.rest();
        }
      }
      await writer.finish(reader.marks);
    } catch (error) {
      await writer.abandon().catch(() => undefined);
      throw error;
    }
  } finally {
    reader.close();
  }
}

/** Nothing is put in place that does not read back as what it is to be. */
async function readBack(
  directory: string,
  built: Parts,
  { records, snapshots }: RepairPlan,
  options: InspectionOptions,
): Promise<void> {
  const found = await inspect(directory, options, built);
  const { log, commits } = found;
  const [run, ...others] = commits.runs;
  const isWhole =
    log?.ok === true &&
    log.startOffset === records.from &&
    log.endOffset === records.to &&
    others.length === 0 &&
    (run === undefined ? records.from === records.to : run.from === records.from) &&
    commits.differing.size === 0 &&
    found.snapshots.length === snapshots.length &&
    found.snapshots.every(({ fault }) => fault === undefined);
  if (!isWhole) throw corrupt("what was written reads back as something else", built.log);
}
