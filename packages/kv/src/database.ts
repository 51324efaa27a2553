// The public face of a database: checks arguments and state, and hands on to the present, the fold and the
// log. It decides nothing about bytes.

import { resolve } from "node:path";
import { checkPath, invalid } from "./arguments/arguments.js";
import { byteKeys, type Key, type KeyCodec, stringKeys } from "./arguments/keys.js";
import type { KeyBounds, Range } from "./arguments/range.js";
import { resolveTarget, type Target } from "./arguments/target.js";
import type { BatchOperation, DelOptions, PutOptions, WriteOptions } from "./arguments/write.js";
import type { BackupReport } from "./backup/backup-report.js";
import { type BackupOptions, backUp, checkBackupOptions } from "./backup/hot-backup.js";
import { closedError, databaseError } from "./errors.js";
import { type OpenedDatabase, openDatabase } from "./open-database.js";
import { type DatabaseOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { type Change, type ChangesOptions, followChanges, resolveChanges } from "./past/changes.js";
import {
  checkDiffOptions,
  type Difference,
  type DiffOptions,
  differencesBetween,
} from "./past/diff.js";
import { type HistoryRange, resolveHistory, type Version, versionsOf } from "./past/history.js";
import {
  type AtOptions,
  checkAtOptions,
  type PastSource,
  pastStates,
  viewOfPast,
} from "./past/past.js";
import type { RecoveryReport } from "./recovery-report.js";
import { Present } from "./state/present.js";
import {
  hasKey,
  type KeyEntry,
  type Reading,
  type ReadPoint,
  readEntries,
  readEntry,
  readKeys,
  readOnlyValues,
  readValue,
  readValues,
} from "./state/reading.js";
import { View } from "./state/view.js";
import { type DatabaseStats, databaseStats } from "./stats.js";
import {
  type CheckpointOptions,
  type CheckpointReport,
  checkCheckpointOptions,
} from "./upkeep/checkpoint.js";
import { Upkeep } from "./upkeep/upkeep.js";
import { Work } from "./work.js";
import { Commits } from "./writing/commits.js";
import { listMarks, type NamedMark } from "./writing/marks.js";
import { type Before, type RewindOptions, resolveRewind, rewindTo } from "./writing/rewind.js";
import type { Immediate, Transaction, TransactionOutcome } from "./writing/transaction.js";

/**
 * An ordered map in memory whose truth is a log on disk. `V` is the type of values, as the caller knows it; keys
 * are strings, or `Uint8Array`s where the database was opened with `keys: "bytes"`.
 *
 * Reads see every write from the call that made it; a write's promise resolves once it is acknowledged at the
 * log's durability. If the log rejects it, it is undone, and so is every write after it. Once the log is poisoned,
 * writes reject with `KV_FAILED` until the database is opened again; reads go on with what was acknowledged.
 */
export class Database<V = unknown, K extends Key = string>
  implements Reading<V, K>, AsyncDisposable
{
  /** Absolute path. */
  readonly directory: string;
  /** What opening found and did. */
  readonly recovery: RecoveryReport;
  readonly #opened: OpenedDatabase;
  readonly #options: ResolvedOptions;
  readonly #present: Present;
  readonly #commits: Commits<V, K>;
  readonly #readPoint: ReadPoint<K>;
  readonly #work = new Work();
  readonly #past: PastSource<K>;
  readonly #upkeep: Upkeep;
  #closing: Promise<void> | undefined;

  /** @internal Made by `open`. */
  constructor(opened: OpenedDatabase, options: ResolvedOptions, keys: KeyCodec<K>) {
    this.directory = opened.directory;
    this.recovery = opened.recovery;
    this.#opened = opened;
    this.#options = options;
    // A state that is replaced again and again would never have a whole one.
    if (!options.readOnly) opened.state.useIndex();
    this.#present = new Present(opened.state, opened.log, opened.endOffset, opened.marks);
    this.#readPoint = { state: opened.state, keys, clock: () => this.#now() };
    this.#commits = new Commits(this.#readPoint, this.#present);
    const { source } = opened;
    const [present, work, states] = [this.#present, this.#work, pastStates()];
    this.#past = { source, present, keys, readOnly: options.readOnly, states };
    const now = () => this.#now();
    const remove = (expired: readonly string[]) => this.#commits.remove(expired);
    this.#upkeep = new Upkeep({ opened, options, present, states, work, now, remove });
  }

  /**
   * Opens the database in a directory, by default for writing and making it where there is none. What it shows
   * is on stable storage (unless `readOnly`).
   *
   * Rejects with `KV_LOCKED`, `KV_NOT_FOUND`, `KV_EXISTS`, `KV_CORRUPT` (nothing was changed),
   * `KV_UNSUPPORTED_VERSION`, `KV_INVALID_ARGUMENT` (options, or a directory that is something else),
   * `KV_NO_SPACE` or `KV_IO`.
   */
  static open<V = unknown>(
    directory: string,
    options: DatabaseOptions & { readonly keys: "bytes" },
  ): Promise<Database<V, Uint8Array>>;
  static open<V = unknown>(
    directory: string,
    options?: DatabaseOptions & { readonly keys?: "string" | undefined },
  ): Promise<Database<V>>;
  static open<V = unknown>(
    directory: string,
    options: DatabaseOptions,
  ): Promise<Database<V> | Database<V, Uint8Array>>;
  static async open<V>(
    directory: string,
    options?: DatabaseOptions,
  ): Promise<Database<V> | Database<V, Uint8Array>> {
    try {
      const resolved = resolveOptions(options);
      const opened = await openDatabase(directory, resolved);
      return resolved.keys === "string"
        ? new Database<V>(opened, resolved, stringKeys)
        : new Database<V, Uint8Array>(opened, resolved, byteKeys);
    } catch (error) {
      throw databaseError(error);
    }
  }

  /** UUID of the log; a restored database has one of its own. */
  get logId(): string {
    return this.#opened.log.id;
  }

  /** Offset that the next commit gets. */
  get endOffset(): number {
    return this.#present.endOffset;
  }

  /** Every commit below it is on stable storage. */
  get durableOffset(): number {
    return Math.min(this.#opened.log.durableOffset, this.#present.endOffset);
  }

  /** Count of keys. Takes time in proportion to those that have expired and are not removed yet. */
  get size(): number {
    const { state, clock } = this.#point;
    return state.size(clock);
  }

  /** The value of a key, made anew; undefined if there is none. Throws `KV_INVALID_KEY`, `KV_CORRUPT` or `KV_CLOSED`. */
  get(key: K): V | undefined {
    return readValue(this.#point, key);
  }

  /** The value of a key, made anew, with its version (for `ifVersion`), time and expiry; undefined if there is none. Throws as `get`. */
  getEntry(key: K): KeyEntry<V> | undefined {
    return readEntry(this.#point, key);
  }

  /** The values of keys, in the order of the keys. Throws as `get`, and `KV_INVALID_ARGUMENT`. */
  getMany(keys: readonly K[]): (V | undefined)[] {
    return readValues(this.#point, keys);
  }

  /** Whether the key is there and has not expired. */
  has(key: K): boolean {
    return hasKey(this.#point, key);
  }

  /**
   * Keys with their values in the order of keys, as they are at the call, whatever is written meanwhile. Throws
   * `KV_INVALID_ARGUMENT`, `KV_INVALID_KEY` or `KV_CLOSED`; while running, `KV_CORRUPT`.
   */
  entries(range?: Range<K>): IterableIterator<[key: K, value: V]> {
    return readEntries(this.#point, range);
  }

  /** As `entries`, without decoding values. */
  keys(range?: Range<K>): IterableIterator<K> {
    return readKeys(this.#point, range);
  }

  /** As `entries`, the values alone. */
  values(range?: Range<K>): IterableIterator<V> {
    return readOnlyValues(this.#point, range);
  }

  /**
   * Sets a value, which is encoded at the call. With `ttl`, the key counts as gone from that many ms after the call on
   * (or after the last commit, where the clock is behind it); a later put without one keeps it for ever. It is removed in the
   * background then, by a deletion that is a commit like any other. With `ifVersion`,
   * it is written only if the key has that version now. Resolves with the commit's offset once acknowledged. Rejects with
   * `KV_CONFLICT` (its `version` is the one that the key has), `KV_INVALID_KEY`, `KV_VALUE_NOT_STORABLE`, `KV_COMMIT_TOO_LARGE`, `KV_BUSY`, `KV_NO_SPACE`, `KV_FAILED`,
   * `KV_IO`, `KV_READ_ONLY`, `KV_INVALID_ARGUMENT` or `KV_CLOSED`: then the write is not in the database.
   */
  put(key: K, value: V, options?: PutOptions): Promise<number> {
    return this.#write(() => this.#commits.put(key, value, options));
  }

  /** Deletes a key. It is a commit even if there is no such key. Resolves and rejects as `put`. */
  del(key: K, options?: DelOptions): Promise<number> {
    return this.#write(() => this.#commits.del(key, options));
  }

  /**
   * Deletes all keys within bounds, by default all, in one commit of a few bytes, whatever it deletes. It is a commit even if that
   * is nothing. Resolves and rejects as `put`.
   */
  clear(range?: KeyBounds<K>, options?: WriteOptions): Promise<number> {
    return this.#write(() => this.#commits.clear(range, options));
  }

  /**
   * Names a point: the state right before, which is also that of the mark's own commit, to be gone back to with
   * `{ mark: name }`. Resolves with the commit's offset once acknowledged. A name has 1 to 1,024 bytes in UTF-8. Rejects with
   * `KV_MARK_EXISTS` (its `offset` says where) or as `put`.
   */
  mark(name: string, options?: WriteOptions): Promise<number> {
    return this.#write(() => this.#commits.mark(name, options));
  }

  /** All marks in the order of their offsets, also those from before what can be gone back to; with those whose commit the log may yet reject. */
  marks(): NamedMark[] {
    this.#checkOpen();
    return listMarks(this.#present.marks);
  }

  /**
   * Several operations in one commit, all or nothing; the last for a key stands. Resolves and rejects as `put`. An
   * empty batch writes nothing: see `transaction`.
   */
  batch(operations: readonly BatchOperation<V, K>[], options?: WriteOptions): Promise<number> {
    return this.#write(() => this.#commits.batch(operations, options));
  }

  /**
   * Runs a function that reads and writes through what it is given, and sees its own writes; they become one
   * commit when it returns, and nothing if it throws. It runs at once and to its end: a promise or a generator from it is
   * refused with `KV_INVALID_ARGUMENT`, and so are other writes to the database meanwhile. Resolves with what it returned
   * and the commit's offset once acknowledged. If it wrote nothing it is no commit: that resolves once all that it can have
   * read is acknowledged, with the offset of the last commit before it (one below the log's first offset if there is
   * none). Rejects as `put`, or with what the function threw.
   */
  async transaction<T>(
    run: (transaction: Transaction<V, K>) => Immediate<T>,
    options?: WriteOptions,
  ): Promise<TransactionOutcome<T>> {
    const { state, keys } = this.#point;
    const now = this.#now();
    const point = { state: state.fork(), keys, clock: () => now };
    return await this.#commits.transaction<T>(point, run, options);
  }

  /** The present, kept as it is now at the cost of what changes since; with writes that the log may yet reject: `sync` first to have none. */
  snapshot(): View<V, K> {
    const { state, keys } = this.#point;
    return new View(state.fork(), keys, this.endOffset - 1, this.#now());
  }

  /**
   * The database as it was after a commit, at a time or at a mark, built in memory from the nearest snapshot file and
   * the log, in slices; what is not durable yet is waited for, and only that. At a time of which
   * more may come (this very ms), it is the state so far. Views of the same commit share one state, which takes the
   * memory of a database of its own while one of them is held and not closed; up to four of those asked for last, and
   * together about 64 MiB, are kept longer, so that asking again costs nothing. Rejects with `KV_TARGET_OUT_OF_RANGE`, which says
   * what can be reached (a time to come cannot), `KV_INVALID_ARGUMENT`, `KV_CORRUPT`, `KV_IO`, `KV_CLOSED`, the
   * signal's reason or, where what is waited for does not become durable, `KV_NO_SPACE` or `KV_FAILED`.
   */
  async at(target: Target, options: AtOptions = {}): Promise<View<V, K>> {
    this.#checkOpen();
    const { signal } = checkAtOptions(options);
    const resolved = resolveTarget(target);
    return await this.#work.run(signal, (ended) =>
      viewOfPast<V, K>(this.#past, resolved, this.#now(), ended),
    );
  }

  /**
   * One commit that makes the present what it was at a target: keys that have another value or expiry now get what they had,
   * keys that were not there are deleted, all others are left alone. A key keeps the expiry that it had, and does not come
   * back if that has passed. Marks stay. What is written while it looks for what changed is undone too: it is settled in
   * one synchronous step, whose time goes with the number of keys touched since the target. Resolves with the commit's offset
   * once acknowledged; rewinding to the offset before undoes it. If there is nothing to change it is no commit: that
   * resolves as an empty batch does, with the offset of the last commit. Memory goes with the log since the target. Rejects
   * as `at` and `put` do (`KV_COMMIT_TOO_LARGE` if what has to be written exceeds 512 MiB): then nothing was written.
   */
  async rewind(target: Target, options: RewindOptions = {}): Promise<number> {
    this.#checkOpen();
    const { sync, signal } = resolveRewind(options);
    const resolved = resolveTarget(target);
    const settle = (before: readonly Before[]) => this.#commits.rewind(before, sync);
    return await this.#work.run(signal, (ended) =>
      rewindTo(this.#past, resolved, this.#now(), ended, settle),
    );
  }

  /**
   * What a key had within the window that can be reached, oldest first: the version in force where the range begins, which
   * may have been written before, then one for each commit that put the key or took it away, whatever did (`clear` and
   * `rewind` too); several operations of one commit are one version. A version that expires has no other to say so. The
   * range's bounds are targets, both inclusive; without them the whole window, as of the first step. Time goes with the log of
   * the range, not with the size of the database; other work goes on meanwhile, and the log of the window stays until the
   * iteration ends (by `break`, if not before). Throws `KV_INVALID_KEY`, `KV_INVALID_ARGUMENT`, `KV_CLOSED`; ends as `at` rejects.
   */
  history(key: K, range: HistoryRange = {}): AsyncIterableIterator<Version<V>> {
    this.#checkOpen();
    const stored = this.#readPoint.keys.encode(key);
    const resolved = resolveHistory(range);
    const now = this.#now();
    return this.#work.iterate(resolved.signal, (ended) =>
      versionsOf<V, K>(this.#past, stored, resolved, now, ended),
    );
  }

  /**
   * What differs between two points, in key order: keys whose value is another, or that are there at one of them alone, with
   * what they have at `a` (`before`) and at `b` (`after`). Values are compared as they are encoded, so two maps of the same
   * pairs in another order are different; version and expiry alone are no difference. Expiry is decided at each point's
   * own time. Memory goes with the log between the points and with what differs, time also with the size of the snapshot
   * file before them; all of it is found before the first is given out. Throws `KV_INVALID_ARGUMENT` or `KV_CLOSED`; ends as
   * `at` rejects.
   */
  diff(a: Target, b: Target, options: DiffOptions = {}): AsyncIterableIterator<Difference<V, K>> {
    this.#checkOpen();
    const { signal } = checkDiffOptions(options);
    const [first, second] = [resolveTarget(a), resolveTarget(b)];
    const now = this.#now();
    return this.#work.iterate(signal, (ended) =>
      differencesBetween<V, K>(this.#past, first, second, now, ended),
    );
  }

  /**
   * The change feed: every commit once it is on stable storage, in order, then each further one as it comes, without
   * end; as fast as it is asked for. Any number at once. `since` is the last commit that was taken in, and can be kept
   * across restarts. Of a read-only database, what its log learns of, also beyond the state that it shows. Throws
   * `KV_INVALID_ARGUMENT`, `KV_CLOSED` or, for a commit that a restored database does not share with the log that it came from,
   * `KV_OTHER_LINEAGE`. Ends with the signal's reason, `KV_CLOSED` when the database is closed, `KV_FAILED` after the last durable
   * commit of a poisoned log, `KV_CORRUPT`, `KV_IO`, or `KV_TARGET_OUT_OF_RANGE` where the next commit has been cut from the log or
   * `since` is not there: then read the state anew. Retention leaves what comes next as long as it is not ended: by leaving the loop or, while it
   * waits, by the signal.
   */
  changes(options: ChangesOptions = {}): AsyncIterableIterator<Change<V, K>> {
    this.#checkOpen();
    const { log } = this.#opened;
    const { readOnly } = this.#options;
    const resolved = resolveChanges(options, log);
    const { pins } = this.#opened.source;
    return followChanges<V, K>({ log, pins, keys: this.#readPoint.keys, readOnly }, resolved);
  }

  /**
   * Writes a snapshot file of all that was acknowledged before the call, so that the next opening reads that instead
   * of the log. Reads and writes go on meanwhile; concurrent calls run one after the other. Durable when it resolves.
   * Rejects with `KV_READ_ONLY`, `KV_NO_SPACE`, `KV_IO`, `KV_CORRUPT`, `KV_FAILED`, `KV_CLOSED` or the signal's reason, leaving
   * no file.
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<CheckpointReport> {
    this.#checkOpen();
    const checked = checkCheckpointOptions(options);
    return await this.#work.run(checked.signal, (ended) =>
      this.#upkeep.checkpoints.next(checked, ended),
    );
  }

  /**
   * Copies the database while it is written to: all that was acknowledged before the call (of a read-only one, all that
   * `refresh` shows), with the same offsets and times, as far back as history reaches; what is pending at the end is not waited for. The copy opens as a database, with a log
   * of its own whose ancestor is this one's. The directory does not exist or is empty, is no link and lies in no database; its file system is the
   * database's. Durable and read back when it resolves. Rejects, leaving nothing, with `KV_EXISTS`, `KV_INVALID_ARGUMENT`,
   * `KV_NO_SPACE`, `KV_IO`, `KV_CORRUPT`, `KV_FAILED`, `KV_CLOSED` or the signal's reason. What a crash leaves is a directory beside the
   * destination, named for it and `.unfinished-`, to be removed: no database, but in the moment before the last step.
   */
  async backup(directory: string, options: BackupOptions = {}): Promise<BackupReport> {
    this.#checkOpen();
    const checked = checkBackupOptions(options);
    const destination = resolve(checkPath("directory", directory));
    const { source, log } = this.#opened;
    const { segmentBytes } = this.#options.log;
    const { follower } = this.#upkeep;
    const settle = () => (follower === undefined ? log.sync() : follower.refresh());
    const renew = follower && (() => log.refresh());
    const now = this.#now();
    const from = { directory: this.directory, source, settle, renew, segmentBytes, now };
    return await this.#work.run(checked.signal, (ended) =>
      backUp(from, destination, checked, ended),
    );
  }

  /** Resolves with the durable offset once everything written before the call is on stable storage. Rejects as `put`. */
  async sync(): Promise<number> {
    this.#checkOpen();
    try {
      return await this.#opened.log.sync();
    } catch (error) {
      this.#present.settle();
      throw databaseError(error);
    }
  }

  /**
   * For `readOnly`: takes in what the writer in another process has made durable. Resolves with the new end offset once it
   * is shown; commits are shown whole, some at a time where there are many. Goes on from the newest snapshot file where
   * the writer has removed what came next. Concurrent calls share one look. Rejects with `KV_INVALID_ARGUMENT` in a
   * writer, `KV_NOT_FOUND`, `KV_CORRUPT`, `KV_UNSUPPORTED_VERSION`, `KV_IO` or `KV_CLOSED`, and goes on to show what it
   * showed. The same happens by itself every `refreshMs`, with failures told to `onReport`.
   */
  async refresh(): Promise<number> {
    this.#checkOpen();
    const { follower } = this.#upkeep;
    if (follower === undefined) {
      throw invalid("refresh", "called on a database opened with readOnly", "a writer");
    }
    return await follower.refresh();
  }

  /**
   * How the database is, and counts since it was opened. All from memory but for `history`, which lists the snapshot files and reads the
   * time of one commit; where that fails, `history.failure` says why. Throws `KV_CLOSED` and nothing else.
   */
  stats(): DatabaseStats {
    const { size: entries, endOffset, durableOffset } = this;
    const own = { entries, endOffset, durableOffset, pendingCommits: this.#present.pendingCommits };
    return databaseStats(own, this.#opened, this.#upkeep);
  }

  /**
   * Ends what runs in the background, waits for what was written, syncs it whatever the durability, and lets go of the
   * lock. Views stay readable. Rejects if that fails, and has let go all the same. A second call waits for the first.
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
    this.#upkeep.stop();
    await this.#work.stop();
    this.#past.states.clear();
    try {
      await this.#opened.log.close();
    } catch (error) {
      throw databaseError(error);
    }
  }

  /** What cannot be written rejects. Not async: that would make one promise more, and a turn of the queue of promises. */
  #write(write: () => Promise<number>): Promise<number> {
    try {
      this.#checkOpen();
      return write();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  /** The present, free of what the log has rejected. */
  get #point(): ReadPoint<K> {
    this.#checkOpen();
    this.#present.settle();
    return this.#readPoint;
  }

  /** The later of clock and last commit, so that no step back of the clock brings back what had expired. */
  #now(): number {
    return Math.max(this.#options.clock(), this.#opened.log.lastTime);
  }
}
