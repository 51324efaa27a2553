// Counters of a log since it was opened, cheap enough to be always on (docs/observability.md).

import type { SegmentList } from "./segment-list.js";

/** Durations since the log was opened. */
export interface DurationStats {
  /** Measurements. */
  readonly count: number;
  readonly meanMs: number;
  readonly maxMs: number;
  /** Half of them took no longer than this; never too low, and too high by a fifth at most. */
  readonly p50Ms: number;
  /** As `p50Ms`, for 99 of 100. */
  readonly p99Ms: number;
}

/**
 * What `Log.stats` tells, as of the call. Offsets, segments and bytes are of the log as it is; all else is counted since it was opened,
 * and stays 0 where it is read only. Each counts at the moment that it is so, and is never set back.
 */
export interface LogStats {
  /** Segments that hold records or take them; not the one that is prepared. */
  readonly segments: number;
  /** Bytes of their stores: headers of segments and batches, and records; not the zeros ahead. */
  readonly storeBytes: number;
  /** Offset of the first record. */
  readonly startOffset: number;
  /** Offset that the next record gets. */
  readonly endOffset: number;
  /** Offset after the last record that is acknowledged. */
  readonly acknowledgedOffset: number;
  /** Every record below it is on stable storage. */
  readonly durableOffset: number;
  /** Bytes of appends that wait, headers of batches included. */
  readonly pendingBytes: number;
  /** Groups written; one that is larger than 4 MiB, or goes on in the next segment, is several. */
  readonly commits: number;
  /** Of these, groups that were synced. */
  readonly durableCommits: number;
  /** Of these, notes: batches without records, which state for readers what is durable. */
  readonly notes: number;
  /** Syncs apart from commits: by time with `"interval"`, on `sync`, before a truncation of the end and at a close. */
  readonly syncs: number;
  readonly recordsWritten: number;
  /** Records that were rejected after they had been taken, because a write or a sync failed. */
  readonly recordsRejected: number;
  /** Bytes of batches written, headers included. */
  readonly bytesWritten: number;
  /** Bytes of zeros written ahead. */
  readonly zerosWritten: number;
  /** Records in a group that has any. */
  readonly groupRecords: { readonly mean: number; readonly max: number };
  /** Write and sync of durable groups. */
  readonly commitTimes: DurationStats;
  /** Times that the next segment came into use. */
  readonly rotations: number;
  /** Of these, times that appends had to wait for it to be prepared. */
  readonly rotationWaits: number;
  /** Segments dropped from the front. */
  readonly segmentsDropped: number;
}

/** Buckets that grow by a fifth from a microsecond; the last holds all above 100 s. */
const BUCKETS = 102;
const GROWTH = Math.log(1.2);

class Durations {
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;
  readonly #buckets = new Uint32Array(BUCKETS);

  add(ms: number): void {
    this.#count += 1;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log(ms * 1000) / GROWTH)));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  summary(): DurationStats {
    const meanMs = this.#count === 0 ? 0 : this.#sumMs / this.#count;
    const [p50Ms, p99Ms] = [this.#quantileMs(0.5), this.#quantileMs(0.99)];
    return { count: this.#count, meanMs, maxMs: this.#maxMs, p50Ms, p99Ms };
  }

  #quantileMs(quantile: number): number {
    let left = this.#count * quantile;
    if (left === 0) return 0;
    for (const [bucket, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.min(this.#maxMs, Math.exp(bucket * GROWTH) / 1000);
    }
    return this.#maxMs;
  }
}

export class Counters {
  commits = 0;
  durableCommits = 0;
  notes = 0;
  syncs = 0;
  recordsWritten = 0;
  recordsRejected = 0;
  bytesWritten = 0;
  zerosWritten = 0;
  groupRecordsMax = 0;
  rotations = 0;
  rotationWaits = 0;
  segmentsDropped = 0;
  readonly commitTimes = new Durations();

  wrote(records: number, bytes: number): void {
    this.commits += 1;
    if (records === 0) this.notes += 1;
    this.recordsWritten += records;
    this.bytesWritten += bytes;
    if (records > this.groupRecordsMax) this.groupRecordsMax = records;
  }

  synced(ms: number): void {
    this.durableCommits += 1;
    this.commitTimes.add(ms);
  }
}

/** What waits in a log that is written to. */
interface Waiting {
  readonly endOffset: number;
  readonly pendingBytes: number;
}

export function statsOf(
  counters: Counters,
  list: SegmentList,
  waiting: Waiting | undefined,
): LogStats {
  const { segments, startOffset, endOffset: acknowledgedOffset, durableOffset } = list;
  const { commits, notes, recordsWritten, commitTimes, groupRecordsMax, ...counted } = counters;
  const groups = commits - notes;
  return {
    ...counted,
    segments: segments.length,
    storeBytes: segments.reduce((bytes, { size }) => bytes + size, 0),
    startOffset,
    endOffset: waiting?.endOffset ?? acknowledgedOffset,
    acknowledgedOffset,
    durableOffset,
    pendingBytes: waiting?.pendingBytes ?? 0,
    commits,
    notes,
    recordsWritten,
    groupRecords: { mean: groups === 0 ? 0 : recordsWritten / groups, max: groupRecordsMax },
    commitTimes: commitTimes.summary(),
  };
}
