// The checkpoints of one opening: those that are asked for and those that are due by themselves, one after the other,
// and retention after each. What is due is decided by bytes of log, at commits and at opening; and where history is
// to go by age, by that, now and then: what is hardly written to would otherwise keep it for ever.

import { checkpointChannel, retentionChannel } from "../channels.js";
import { databaseError } from "../errors.js";
import type { FoldSource } from "../fold/fold.js";
import type { DatabaseReport } from "../report.js";
import type { Work } from "../work.js";
import { type CheckpointOptions, type CheckpointReport, checkpoint } from "./checkpoint.js";
import type { Retention } from "./retention.js";

/** The most that a record adds in the log to its payload: the header of a batch of its own, and its length. */
const RECORD_OVERHEAD = 52;

/** Between two looks at the age of the log: no more than one checkpoint comes of age in this time. */
const AGE_LOOK_MS = 60_000;

export interface CheckpointsParts {
  /** Of the database. */
  readonly directory: string;
  readonly source: FoldSource;
  readonly retention: Retention;
  /** End offset of the snapshot file that the state began from. */
  readonly snapshotOffset: number | undefined;
  /** Bytes of log behind the newest snapshot file at which the next one is due. */
  readonly checkpointBytes: number;
  readonly work: Work;
  /** ms since the Unix epoch. */
  readonly now: () => number;
  readonly report: (report: DatabaseReport) => void;
}

export class Checkpoints {
  readonly #parts: CheckpointsParts;
  #last: Promise<unknown> = Promise.resolve();
  /** End offset of the newest snapshot file that was read or written; undefined if none. */
  snapshotOffset: number | undefined;
  /** Count of snapshot files written. */
  written = 0;
  /** Count of checkpoints that failed, but for those that a close or a signal ended. */
  failed = 0;
  /** From this offset on, log counts towards the next one. */
  #countedFrom: number;
  /** No less than the bytes of log from there on. */
  #bytes = 0;
  /** One that is due by itself waits or is under way. */
  #begun = false;
  /** Retention waits. */
  #retaining = false;
  #stopped = false;
  #ageTimer: NodeJS.Timeout | undefined;

  constructor(parts: CheckpointsParts) {
    this.#parts = parts;
    this.snapshotOffset = parts.snapshotOffset;
    this.#countedFrom = parts.snapshotOffset ?? parts.source.log.startOffset;
  }

  /** Runs once those before it have ended, however that was: a failure is its own caller's to know of. */
  next(options: CheckpointOptions, signal: AbortSignal): Promise<CheckpointReport> {
    return this.#take(() => this.#checkpoint(options, signal, true));
  }

  /** Counts a commit that was acknowledged. */
  committed(payloadBytes: number): void {
    this.#bytes += payloadBytes + RECORD_OVERHEAD;
    if (this.#bytes >= this.#parts.checkpointBytes) this.#beginIfDue();
  }

  /** What is due right after opening, and with time. */
  opened(): void {
    this.#beginIfDue();
    this.#retainSoon();
    if (!this.#parts.retention.goesByAge) return;
    this.#ageTimer = setInterval(() => this.#beginIfDue(), AGE_LOOK_MS).unref();
  }

  /** Begins one if there is enough log behind the newest snapshot file, or old enough; what goes wrong is reported. */
  #beginIfDue(): void {
    if (this.#begun || this.#stopped) return;
    this.#begun = true;
    void this.#runIfDue();
  }

  /** None begins by itself from now on. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ageTimer);
  }

  async #runIfDue(): Promise<void> {
    const { work, source, report } = this.#parts;
    try {
      await work.run(undefined, (signal) => this.#take(() => this.#checkpointIfDue(signal)));
    } catch (cause) {
      // As much log again has to come before the next attempt.
      this.#countFrom(source.log.acknowledgedOffset, 0);
      const message = "a checkpoint failed; it is tried again after as much log again";
      if (!this.#stopped) report({ kind: "checkpoint", message, cause });
    } finally {
      this.#begun = false;
    }
  }

  async #checkpointIfDue(signal: AbortSignal): Promise<void> {
    const { source, checkpointBytes, retention } = this.#parts;
    this.#bytes = source.log.bytesFrom(this.#countedFrom);
    const isAged = retention.isAgedFrom(this.#countedFrom);
    if (!isAged && this.#bytes < checkpointBytes) return;
    const { skipped } = await this.#checkpoint({}, signal, false);
    // Once, since the next one begins from this one's file.
    for (const cause of skipped) {
      const message = `a checkpoint began from an older snapshot file: ${cause.reason}`;
      this.#parts.report({ kind: "checkpoint", message, cause });
    }
  }

  async #checkpoint(
    options: CheckpointOptions,
    signal: AbortSignal,
    requested: boolean,
  ): Promise<CheckpointReport> {
    try {
      const report = await this.#write(options, signal);
      this.#tell(requested, report, undefined);
      return report;
    } catch (error) {
      if (!signal.aborted) {
        this.failed += 1;
        this.#tell(requested, undefined, error);
      }
      throw error;
    }
  }

  async #write(options: CheckpointOptions, signal: AbortSignal): Promise<CheckpointReport> {
    const { source, now } = this.#parts;
    const report = await checkpoint(source, now(), options, signal);
    this.snapshotOffset = report.endOffset;
    this.#countFrom(report.endOffset, source.log.bytesFrom(report.endOffset));
    if (report.written) {
      this.written += 1;
      this.#retainSoon();
    }
    return report;
  }

  #tell(requested: boolean, report: CheckpointReport | undefined, error: unknown): void {
    if (!checkpointChannel.hasSubscribers) return;
    const { directory } = this.#parts;
    checkpointChannel.publish({ directory, requested, report, error: databaseError(error) });
  }

  #retainSoon(): void {
    if (this.#retaining || this.#stopped) return;
    this.#retaining = true;
    void this.#retain();
  }

  async #retain(): Promise<void> {
    const { work, report } = this.#parts;
    try {
      await work.run(undefined, (signal) =>
        this.#take(() => {
          this.#retaining = false;
          return this.#applyRetention(signal);
        }),
      );
    } catch (cause) {
      const message = "retention of history failed; it is tried again after the next checkpoint";
      if (!this.#stopped) report({ kind: "retention", message, cause });
    }
  }

  async #applyRetention(signal: AbortSignal): Promise<void> {
    const { retention, source, directory } = this.#parts;
    const { startOffset: before } = source.log;
    const startMs = performance.now();
    const snapshots = await retention.apply(signal);
    const { startOffset } = source.log;
    if (!retentionChannel.hasSubscribers || (snapshots === 0 && startOffset === before)) return;
    const durationMs = performance.now() - startMs;
    retentionChannel.publish({ directory, startOffset, snapshots, durationMs });
  }

  #countFrom(offset: number, bytes: number): void {
    this.#countedFrom = offset;
    this.#bytes = bytes;
  }

  #take<T>(task: () => Promise<T>): Promise<T> {
    const outcome = this.#last.then(task);
    this.#last = outcome.catch(() => undefined);
    return outcome;
  }
}
