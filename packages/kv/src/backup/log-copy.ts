// Copies records of a log into a new one, which begins where they do: the same offsets, payloads and times.

import { crc32, type FileSystem, Log, type LogRecord } from "@tidemark/wal";
import type { CommitLog } from "../commit-log.js";
import { COMMIT_BYTES_MAX } from "../formats/operations.js";
import type { Pace } from "../pace.js";

/** Bytes that are appended before it is waited for them. */
const GROUP_BYTES = 8 * 1024 * 1024;

/** Where a copy goes. */
export interface LogPlace {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly segmentBytes: number | undefined;
  /** Not above that of the first record, in ms. */
  readonly time: number;
}

export interface CopiedLog {
  readonly logId: string;
  readonly startOffset: number;
  /** Of all records, as `checksumOfRecords` gives it. */
  readonly checksum: number;
}

/** Copies [from, to) of a log; `to` is all that the two share. Durable when it resolves. */
export async function copyLog(
  source: CommitLog,
  range: { readonly from: number; readonly to: number },
  { fileSystem, directory, segmentBytes, time: startTime }: LogPlace,
  pace: Pace,
  onCommits: (commits: number) => void,
): Promise<CopiedLog> {
  let time = startTime;
  const ancestry = { logId: source.id, offset: range.to };
  const log = await Log.open(directory, {
    ...(segmentBytes !== undefined && { segmentBytes }),
    // Its clock tells the time of each record.
    ...{ fileSystem, ancestry, startOffset: range.from, clock: () => time, errorIfExists: true },
    // Nobody waits for a single record, and nobody reads it yet.
    ...{ durability: "os", noteAfterMs: 0 },
    ...{ maxRecordBytes: COMMIT_BYTES_MAX, maxPendingBytes: COMMIT_BYTES_MAX + 2 * GROUP_BYTES },
  });
  const group = new AppendGroup(log);
  let [commits, checksum] = [0, 0];
  try {
    for (const record of source.records(range)) {
      time = record.time;
      group.append(record.payload);
      checksum = checksumOf(record, checksum);
      commits += 1;
      if (group.isFull) await group.settle();
      if (!pace.due) continue;
      onCommits(commits);
      await pace.rest();
    }
    await group.settle();
  } finally {
    await log.close();
  }
  onCommits(commits);
  return { logId: log.id, startOffset: log.startOffset, checksum };
}

/** Appends that are waited for together. */
class AppendGroup {
  readonly #log: Log;
  #bytes = 0;
  #failure: { readonly cause: unknown } | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  get isFull(): boolean {
    return this.#bytes >= GROUP_BYTES;
  }

  append(payload: Uint8Array): void {
    this.#bytes += payload.length;
    this.#log.append(payload).catch((cause: unknown) => {
      this.#failure ??= { cause };
    });
  }

  /** Resolves once all are on stable storage. */
  async settle(): Promise<void> {
    await this.#log.sync();
    if (this.#failure !== undefined) throw this.#failure.cause;
    this.#bytes = 0;
  }
}

/** Tells whether records read back as they were: their times and payloads, in order. */
export async function checksumOfRecords(records: Iterable<LogRecord>, pace: Pace): Promise<number> {
  let checksum = 0;
  for (const record of records) {
    checksum = checksumOf(record, checksum);
    if (pace.due) await pace.rest();
  }
  return checksum;
}

const TIME_BYTES = new Uint8Array(8);
const timeView = new DataView(TIME_BYTES.buffer);

/** Goes on from the checksum of the records before. */
function checksumOf({ time, payload }: LogRecord, before: number): number {
  timeView.setFloat64(0, time);
  return crc32(payload, crc32(TIME_BYTES, before));
}
