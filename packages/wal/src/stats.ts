// Counters of a log since it was opened, cheap enough to be always on.

import type { SegmentList } from "./segment-list.js";

/** Durations in ms, of `count` measurements. */
export interface DurationStats {
  readonly count: number;
  readonly meanMs: number;
  readonly maxMs: number;
  /** Upper bounds, within a factor of 1.2. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What `Log.stats` tells. Counters begin at opening; bytes and counts of segments are as of now. */
export interface LogStats {
  readonly segments: number;
  /** Bytes of batches in the stores, headers included. */
  readonly storeBytes: number;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly durableOffset: number;
  /** Bytes of appends that wait. */
  readonly pendingBytes: number;
  /** Groups written. */
  readonly commits: number;
  /** Of these, groups that were synced. */
  readonly durableCommits: number;
  readonly recordsWritten: number;
  /** Bytes of batches written, headers included. */
  readonly bytesWritten: number;
  /** Bytes of zeros written ahead. */
  readonly zerosWritten: number;
  /** Records per group. */
  readonly groupRecords: { readonly mean: number; readonly max: number };
  /** Write and sync of durable groups. */
  readonly commitTimes: DurationStats;
  readonly rotations: number;
  /** Groups that had to wait for a segment to be prepared. */
  readonly rotationWaits: number;
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
  recordsWritten = 0;
  bytesWritten = 0;
  zerosWritten = 0;
  groupRecordsMax = 0;
  rotations = 0;
  rotationWaits = 0;
  segmentsDropped = 0;
  readonly commitTimes = new Durations();

  wrote(records: number, bytes: number): void {
    this.commits += 1;
    this.recordsWritten += records;
    this.bytesWritten += bytes;
    if (records > this.groupRecordsMax) this.groupRecordsMax = records;
  }

  synced(ms: number): void {
    this.durableCommits += 1;
    this.commitTimes.add(ms);
  }
}

export function statsOf(counters: Counters, list: SegmentList, pendingBytes: number): LogStats {
  const { segments, startOffset, endOffset, durableOffset } = list;
  const { commits, recordsWritten, commitTimes, groupRecordsMax, ...counted } = counters;
  return {
    ...counted,
    segments: segments.length,
    storeBytes: segments.reduce((bytes, { size }) => bytes + size, 0),
    startOffset,
    endOffset,
    durableOffset,
    pendingBytes,
    commits,
    recordsWritten,
    groupRecords: { mean: commits === 0 ? 0 : recordsWritten / commits, max: groupRecordsMax },
    commitTimes: commitTimes.summary(),
  };
}
