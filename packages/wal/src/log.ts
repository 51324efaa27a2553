// The public face of a log: checks arguments and state, and hands on to the writer, the structure and the
// readers. It decides nothing about bytes.

import {
  type AppendOptions,
  checkAppendOptions,
  checkDirectory,
  checkPayload,
  checkPayloads,
  checkSignal,
  checkTime,
  type RecordRange,
  readOnlyError,
} from "./arguments.js";
import { tellRecovery, withChannels } from "./channels.js";
import { closeAll } from "./closing.js";
import { ioError, LogError } from "./errors.js";
import { type FollowOptions, followRecords } from "./follow.js";
import type { LiveReader } from "./live-reader.js";
import {
  closeWriting,
  type LogParts,
  openReading,
  openWriting,
  type WritingSide,
} from "./log-parts.js";
import type { Manifest } from "./manifest.js";
import {
  type Ancestry,
  checkKeys,
  invalid,
  type LogOptions,
  or,
  resolveOptions,
  whole,
} from "./options.js";
import type { Poison } from "./poison.js";
import { findTime, type LogRecord, readRecord, readRecords } from "./records.js";
import type { RecoveryReport } from "./recovery.js";
import { closedError, type SegmentList } from "./segment-list.js";
import { type Counters, type LogStats, statsOf } from "./stats.js";

/**
 * A log of records in a directory: what is appended is acknowledged once it is as durable as asked, and has an offset for ever.
 *
 * One process opens it for writing, any number beside it `readOnly`. Methods may be called concurrently; what is appended takes its offset at the call.
 */
export class Log implements AsyncDisposable {
  /** Absolute path. */
  readonly directory: string;
  /** What opening found and did. */
  readonly recovery: RecoveryReport;
  readonly #list: SegmentList;
  readonly #counters: Counters;
  readonly #poison: Poison;
  readonly #writing: WritingSide | undefined;
  readonly #reader: LiveReader | undefined;
  readonly #identity: Manifest;
  #lastTime: () => number;
  #closing: Promise<void> | undefined;

  private constructor(parts: LogParts) {
    this.directory = parts.directory;
    this.recovery = parts.recovery;
    this.#list = parts.list;
    this.#counters = parts.counters;
    this.#poison = parts.poison;
    this.#writing = parts.writing;
    this.#reader = parts.reader;
    this.#identity = parts.manifest;
    this.#lastTime = parts.lastTime;
  }

  /**
   * Opens the log in a directory, by default for writing and creating it where there is none.
   *
   * Everything that the log shows when this resolves is on stable storage (unless `readOnly`). Rejects with
   * `LOG_LOCKED`, `LOG_NOT_FOUND`, `LOG_EXISTS`, `LOG_CORRUPT` (nothing was changed), `LOG_UNSUPPORTED_VERSION`,
   * `LOG_INVALID_ARGUMENT` (options, or a directory that is something else), `LOG_NO_SPACE` or `LOG_IO`.
   */
  static async open(directory: string, options?: LogOptions): Promise<Log> {
    const absolute = checkDirectory(directory);
    const resolved = withChannels(resolveOptions(options), absolute);
    const parts = resolved.readOnly
      ? await openReading(absolute, resolved)
      : await openWriting(absolute, resolved);
    tellRecovery(absolute, resolved.readOnly, parts.recovery);
    return new Log(parts);
  }

  /** UUID of this log, in lower case. */
  get id(): string {
    return this.#identity.logId;
  }

  /** Where a restored log comes from. */
  get ancestry(): Ancestry | undefined {
    return this.#identity.ancestry;
  }

  /** Offset of the first record that can be read; goes up with retention and `truncateBefore`. */
  get startOffset(): number {
    return this.#list.startOffset;
  }

  /** Offset that the next record gets; falls back when appends are rejected. */
  get endOffset(): number {
    return this.#writing?.writer.endOffset ?? this.#list.endOffset;
  }

  /** Offset after the last record that can be read: those appended but not acknowledged lie above. */
  get acknowledgedOffset(): number {
    return this.#list.endOffset;
  }

  /** Every record below it is on stable storage. */
  get durableOffset(): number {
    return this.#list.durableOffset;
  }

  /** Number of truncations of the end in the life of this log: whoever has kept what was read has to look again. */
  get truncations(): number {
    return this.#list.truncationGeneration;
  }

  /** Time in ms that the newest record was given, also while it waits; 0 if there never was one. */
  get lastTime(): number {
    return this.#lastTime();
  }

  /** Why the log is poisoned: nothing more is written until it is opened again. */
  get failure(): LogError | undefined {
    return this.#poison.failure;
  }

  /**
   * Appends one record, whose payload is copied and whose offset is taken at the call. Resolves with the offset
   * once the record is acknowledged: at the log's durability, or on stable storage with `sync`. Concurrent calls
   * are what it is made for. Rejects with `LOG_RECORD_TOO_LARGE`, `LOG_BUSY`, `LOG_NO_SPACE`, `LOG_FAILED`,
   * `LOG_IO`, `LOG_CLOSED`, `LOG_READ_ONLY` or `LOG_INVALID_ARGUMENT`: then the record is not in the log.
   */
  append(payload: Uint8Array, options?: AppendOptions): Promise<number> {
    const refusal =
      this.#writeRefusal() ?? checkPayload("payload", payload) ?? checkAppendOptions(options);
    if (refusal !== undefined) return Promise.reject(refusal);
    try {
      return this.#side.writer.append(payload, options?.sync === true);
    } catch (error) {
      // Memory that runs out, a clock that throws.
      return Promise.reject(error);
    }
  }

  /**
   * Appends records with consecutive offsets, all or none of them, also through a crash; resolves with the first
   * offset. Takes at least one payload, and 2 GiB at the most. Otherwise as `append`.
   */
  appendBatch(payloads: readonly Uint8Array[], options?: AppendOptions): Promise<number> {
    const refusal = this.#writeRefusal() ?? checkPayloads(payloads) ?? checkAppendOptions(options);
    if (refusal !== undefined) return Promise.reject(refusal);
    try {
      return this.#side.writer.appendBatch(payloads, options?.sync === true);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * The record at an offset, verified; its payload is the caller's own. Throws `LOG_OUT_OF_RANGE` outside
   * [startOffset, acknowledgedOffset), `LOG_CORRUPT` where it is damaged, `LOG_IO`, `LOG_CLOSED`.
   */
  read(offset: number): LogRecord {
    this.#checkOpen();
    this.#checkOffset(offset, this.#list.endOffset - 1);
    return readRecord(this.#list, offset);
  }

  /**
   * Records with offsets in [from, to), in order and verified; by default from the start to what is acknowledged
   * at the call. Throws `LOG_OUT_OF_RANGE` for bounds beyond that end, `LOG_TRUNCATED` where records are gone or
   * go while it runs, `LOG_CORRUPT`, `LOG_IO`, `LOG_CLOSED`. Appending and truncating meanwhile is allowed.
   */
  records(range: RecordRange = {}): IterableIterator<LogRecord> {
    this.#checkOpen();
    checkKeys("range", range, ["from", "to"]);
    const { startOffset, endOffset } = this.#list;
    const from = whole("from", or(range.from, startOffset), 0, Number.MAX_SAFE_INTEGER);
    const to = whole("to", or(range.to, endOffset), 0, Number.MAX_SAFE_INTEGER);
    if (from > endOffset) throw this.#outOfRange(from, endOffset);
    if (to > endOffset) throw this.#outOfRange(to, endOffset);
    return readRecords(this.#list, from, to);
  }

  /**
   * Durable records from an offset on, then each further one once it is durable, without end. Any number of
   * followers at any pace. Ends with the signal's reason, `LOG_TRUNCATED` when its place is gone, `LOG_CLOSED`
   * when the log is closed, `LOG_FAILED` after the last durable record of a poisoned log, `LOG_CORRUPT` or `LOG_IO`.
   */
  follow(options: FollowOptions = {}): AsyncIterableIterator<LogRecord> {
    this.#checkOpen();
    checkKeys("options of follow", options, ["from", "signal"]);
    checkSignal(options.signal);
    const { startOffset } = this.#list;
    const from = whole("from", or(options.from, startOffset), 0, Number.MAX_SAFE_INTEGER);
    if (from > this.endOffset) throw this.#outOfRange(from, this.endOffset);
    const followed = {
      list: this.#list,
      ended: () => this.#closedError() ?? this.failure ?? this.#reader?.failure,
      watch: () => this.#reader?.watch(),
    };
    return followRecords(followed, from, options.signal);
  }

  /**
   * Offset of the first record at or after a time (ms since the Unix epoch, or a Date), `acknowledgedOffset` if
   * all are earlier. Throws `LOG_INVALID_ARGUMENT`, `LOG_CORRUPT`, `LOG_IO`, `LOG_CLOSED`.
   */
  offsetAt(time: number | Date): number {
    this.#checkOpen();
    return findTime(this.#list, checkTime(time));
  }

  /**
   * Bytes that the log takes from the record at `offset` on, to within its batch. Throws `LOG_OUT_OF_RANGE` outside
   * [startOffset, acknowledgedOffset], `LOG_CORRUPT`, `LOG_IO`, `LOG_CLOSED`.
   */
  bytesFrom(offset: number): number {
    this.#checkOpen();
    this.#checkOffset(offset, this.#list.endOffset);
    return this.#list.bytesFrom(offset);
  }

  /** Resolves with the durable offset once everything appended before the call is on stable storage. */
  sync(): Promise<number> {
    const refusal = this.#writeRefusal();
    return refusal === undefined ? this.#side.writer.sync() : Promise.reject(refusal);
  }

  /**
   * Drops whole segments whose records are all below `offset`, at the most all but the active one. Durable when
   * it resolves. Readers that have not got past get `LOG_TRUNCATED`. Rejects with `LOG_OUT_OF_RANGE` above the end.
   */
  async truncateBefore(offset: number): Promise<void> {
    const refusal = this.#writeRefusal();
    if (refusal !== undefined) throw refusal;
    whole("offset", offset, 0, Number.MAX_SAFE_INTEGER);
    if (offset > this.#list.endOffset) throw this.#outOfRange(offset, this.#list.endOffset);
    await this.#settle(() => this.#side.structure.truncateBefore(offset), "dropping segments");
  }

  /**
   * Drops the record at `offset` and all above it; what was dropped never comes back. Takes its turn among the
   * appends: those before it are written first, those after it get offsets from `offset` on. Durable when it
   * resolves. Rejects with `LOG_OUT_OF_RANGE` outside [startOffset, endOffset]; when it fails otherwise, appends
   * behind it are rejected with it.
   */
  async truncateFrom(offset: number): Promise<void> {
    const refusal = this.#writeRefusal();
    if (refusal !== undefined) throw refusal;
    this.#checkOffset(offset, this.endOffset);
    await this.#side.writer.truncateFrom(offset);
  }

  /** Takes in what the writer in another process has made durable since; resolves with the new end. For `readOnly`. */
  async refresh(): Promise<number> {
    this.#checkOpen();
    if (this.#reader === undefined)
      throw invalid("refresh", "a log opened with readOnly", "a writer's");
    await this.#settle(() => Promise.resolve(this.#reader?.refresh()), "looking for new records");
    return this.#list.endOffset;
  }

  /** How the log is, and counts since it was opened; from memory alone, and never throws. */
  stats(): LogStats {
    return statsOf(this.#counters, this.#list, this.#writing?.writer);
  }

  /**
   * Waits for what was appended, syncs it whatever the durability, and lets go of the lock. Rejects if that
   * fails, and has let go all the same. A second call waits for the first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#reader?.stop();
    const writing = this.#writing;
    const closeList = () => this.#list.closeSync();
    if (writing === undefined) return closeAll([closeList]);
    await closeAll([
      () => closeWriting(writing, this.#poison),
      closeList,
      () => writing.structure.releaseSync(),
      () => writing.committer.close(),
      () => writing.lock.release(),
    ]);
  }

  get #side(): WritingSide {
    if (this.#writing === undefined) throw readOnlyError();
    return this.#writing;
  }

  #closedError(): LogError | undefined {
    return this.#closing === undefined ? undefined : closedError();
  }

  #checkOpen(): void {
    const closed = this.#closedError();
    if (closed !== undefined) throw closed;
  }

  #writeRefusal(): LogError | undefined {
    const closed = this.#closedError();
    if (closed !== undefined) return closed;
    return this.#writing === undefined ? readOnlyError() : this.#poison.failure;
  }

  #checkOffset(offset: number, last: number): void {
    whole("offset", offset, 0, Number.MAX_SAFE_INTEGER);
    if (offset < this.startOffset || offset > last) throw this.#outOfRange(offset, last);
  }

  #outOfRange(offset: number, last: number): LogError {
    return new LogError("LOG_OUT_OF_RANGE", "there is no such offset in the log", {
      offset,
      expected:
        last < this.startOffset ? "nothing: the log is empty" : `${this.startOffset} to ${last}`,
    });
  }

  async #settle(run: () => Promise<unknown>, doing: string): Promise<void> {
    try {
      await run();
    } catch (cause) {
      throw cause instanceof LogError ? cause : ioError(doing, cause);
    }
  }
}
