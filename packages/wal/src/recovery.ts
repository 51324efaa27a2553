// What opening found and did, for the user to see.

import type { TrimmedBytes } from "./trim.js";

/** Batches at the end of the log that did not arrive whole and were never proved acknowledged. */
export interface TornTail {
  /** Offset that the first of them would have had. */
  readonly offset: number;
  /** Path of the store and position in it. */
  readonly file: string;
  readonly position: number;
  readonly reason: string;
  /**
   * Nothing on disk says whether these had been acknowledged: a write that a crash tore looks the same as
   * damage to the very last acknowledged batches (docs/durability.md).
   */
  readonly ambiguous: true;
  /** What was cut off, and where its bytes were set aside; empty for a read-only log, which cuts nothing. */
  readonly trimmed: readonly TrimmedBytes[];
}

/** What opening found, and what it did about it. */
export interface RecoveryReport {
  /** There was no log before. */
  readonly created: boolean;
  /** The last writer closed in order, or the log is new. */
  readonly orderly: boolean;
  readonly startOffset: number;
  readonly endOffset: number;
  /** Everything below was proved durable by what is on disk; what is above was written again and synced. */
  readonly provedOffset: number;
  readonly rewrittenBytes: number;
  readonly torn: TornTail | undefined;
  /** Names of files that a crash had left over and that were removed. */
  readonly removed: readonly string[];
  /** The text of the lock's holder that died, if there was one. */
  readonly takenOver: string | undefined;
  readonly durationMs: number;
}
