// What the database needs of a log. `Log` of @tidemark/wal is one; a replicated stream can stand behind it too.

import type { Ancestry, LogOptions, LogRecord, LogStats, RecoveryReport } from "@tidemark/wal";

export interface CommitLog {
  /** UUID. */
  readonly id: string;
  /** The log that this one goes on from, if it was restored. */
  readonly ancestry: Ancestry | undefined;
  /** Where its files are, for a thread that reads them; undefined if it has none. */
  readonly directory?: string;
  /** Offset of the first record that can be read. */
  readonly startOffset: number;
  /**
   * Offset that the next record gets. Goes up at the call of `append`, and falls back, before any rejection
   * is delivered, to the end of what is acknowledged when appends are rejected.
   */
  readonly endOffset: number;
  /** Offset after the last record that can be read. */
  readonly acknowledgedOffset: number;
  /** Every record below it is on stable storage. */
  readonly durableOffset: number;
  /** Time in ms that the newest record was given; 0 if there is none. */
  readonly lastTime: number;
  /** Copies the payload and takes the offset at the call; resolves with the offset once acknowledged, in the order of offsets. */
  append(payload: Uint8Array, options?: { sync?: boolean }): Promise<number>;
  /** Acknowledged records in [from, to), in order. */
  records(range: { from: number; to: number }): Iterable<LogRecord>;
  /**
   * Durable records from an offset on, then each further one once it is durable, until the signal's reason, or an
   * error says why no more will come (`LOG_CLOSED`, `LOG_FAILED`, `LOG_TRUNCATED`).
   */
  follow(options: { from: number; signal?: AbortSignal }): AsyncIterable<LogRecord>;
  /** One acknowledged record. */
  read(offset: number): LogRecord;
  /** Offset of the first acknowledged record at or after a time in ms, `acknowledgedOffset` if there is none. */
  offsetAt(time: number): number;
  /** Bytes that the log takes from the record at an offset on, from `startOffset` to `acknowledgedOffset`. */
  bytesFrom(offset: number): number;
  /** Resolves with the durable offset once everything appended before is on stable storage. */
  sync(): Promise<number>;
  /** Removes records below an offset, as far as that can be had; readers that want them get an error. Durable when it resolves. */
  truncateBefore(offset: number): Promise<void>;
  close(): Promise<void>;
}

/** A log as opening gives it: with its own account of what it found there, and of how it is. */
export interface OpenedLog extends CommitLog {
  readonly recovery: RecoveryReport;
  /** Number of times that acknowledged records were cut from the end, which only a repair does. */
  readonly truncations: number;
  stats(): LogStats;
  /** Of a log that is read only: takes in what its writer has made durable since; resolves with the new end. */
  refresh(): Promise<number>;
}

/** Opens the log of a database, or makes it unless it `mustExist`: where a database is complete, a log has been lost. */
export type OpenLog<L extends OpenedLog> = (
  path: string,
  mustExist: boolean,
  options: LogOptions,
) => Promise<L>;
