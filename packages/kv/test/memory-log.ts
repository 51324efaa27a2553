// A log in memory behind the contract of commit-log.ts: as another stream of commits may stand there. It acknowledges
// a moment after the call, rejects what waits when it is full, and forgets nothing when it is closed.

import { randomUUID } from "node:crypto";
import { LogError, type LogRecord, type LogStats, type RecoveryReport } from "@tidemark/wal";
import type { OpenedLog } from "../src/commit-log.js";

interface Waiting {
  readonly resolve: (offset: number) => void;
  readonly reject: (error: LogError) => void;
}

export class MemoryLog implements OpenedLog {
  readonly id = randomUUID();
  readonly ancestry = undefined;
  readonly truncations = 0;
  startOffset = 0;
  acknowledgedOffset = 0;
  lastTime = 0;
  /** While it is, appends are rejected, and those that wait. */
  full = false;
  #records: LogRecord[] = [];
  #waiting: Waiting[] = [];
  #closed = false;
  readonly #watchers = new Set<() => void>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Gives the log back to who opens the database again. */
  reopen(): this {
    this.#closed = false;
    return this;
  }

  get endOffset(): number {
    return this.startOffset + this.#records.length;
  }

  get durableOffset(): number {
    return this.acknowledgedOffset;
  }

  append(payload: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.full) return Promise.reject(fullError());
    const offset = this.endOffset;
    this.lastTime = Math.max(this.lastTime, this.#clock());
    this.#records.push({ offset, time: this.lastTime, payload: Uint8Array.from(payload) });
    const acknowledged = new Promise<number>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
    if (this.#waiting.length === 1) setImmediate(() => this.#settle());
    return acknowledged;
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.full) {
      this.#records.length = this.acknowledgedOffset - this.startOffset;
      for (const { reject } of waiting) reject(fullError());
      return;
    }
    for (const { resolve } of waiting) resolve(this.acknowledgedOffset++);
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }

  read(offset: number): LogRecord {
    const record = this.#records[offset - this.startOffset];
    if (record === undefined) throw new LogError("LOG_OUT_OF_RANGE", "no such record", { offset });
    return record;
  }

  *records({ from, to }: { from: number; to: number }): Generator<LogRecord> {
    for (let offset = from; offset < to; offset++) yield this.read(offset);
  }

  async *follow({ from, signal }: { from: number; signal?: AbortSignal }) {
    for (let offset = from; ; ) {
      signal?.throwIfAborted();
      if (offset < this.startOffset) throw new LogError("LOG_TRUNCATED", "gone", { offset });
      if (offset < this.acknowledgedOffset) yield this.read(offset++);
      else if (this.#closed) throw closedError();
      else await this.#change(signal);
    }
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.add(resolve);
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  offsetAt(time: number): number {
    const found = this.#records.find((record) => record.time >= time)?.offset;
    return Math.min(found ?? this.acknowledgedOffset, this.acknowledgedOffset);
  }

  refresh(): Promise<number> {
    return Promise.resolve(this.acknowledgedOffset);
  }

  bytesFrom(offset: number): number {
    const records = this.#records.slice(offset - this.startOffset);
    return records.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  async sync(): Promise<number> {
    while (this.acknowledgedOffset < this.endOffset) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.durableOffset;
  }

  async truncateBefore(offset: number): Promise<void> {
    this.#records.splice(0, Math.max(0, offset - this.startOffset));
    this.startOffset = Math.max(this.startOffset, offset);
    this.#tell();
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await this.sync();
    this.#closed = true;
    this.#tell();
  }

  get recovery(): RecoveryReport {
    const { startOffset, endOffset } = this;
    return {
      created: endOffset === 0,
      orderly: true,
      startOffset,
      endOffset,
      provedOffset: endOffset,
      rewrittenBytes: 0,
      torn: undefined,
      removed: [],
      takenOver: undefined,
      durationMs: 0,
    };
  }

  stats(): LogStats {
    const { startOffset, endOffset, durableOffset } = this;
    const none = { count: 0, meanMs: 0, maxMs: 0, p50Ms: 0, p99Ms: 0 };
    return {
      segments: 0,
      storeBytes: this.bytesFrom(startOffset),
      startOffset,
      endOffset,
      acknowledgedOffset: endOffset,
      durableOffset,
      pendingBytes: 0,
      commits: 0,
      durableCommits: 0,
      notes: 0,
      syncs: 0,
      recordsWritten: endOffset,
      recordsRejected: 0,
      bytesWritten: 0,
      zerosWritten: 0,
      groupRecords: { mean: 0, max: 0 },
      commitTimes: none,
      rotations: 0,
      rotationWaits: 0,
      segmentsDropped: 0,
    };
  }
}

function fullError(): LogError {
  return new LogError("LOG_NO_SPACE", "full");
}

function closedError(): LogError {
  return new LogError("LOG_CLOSED", "the log is closed");
}
