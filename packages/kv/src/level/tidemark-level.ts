// The adapter: what abstract-level asks of an implementation, over a database. Encodings, sublevels, hooks and events
// are abstract-level's.

import {
  type AbstractBatchOperation,
  type AbstractBatchOptions,
  type AbstractChainedBatch,
  type AbstractClearOptions,
  type AbstractDatabaseOptions,
  type AbstractDelOptions,
  AbstractLevel,
  type AbstractOpenOptions,
  type AbstractPutOptions,
  type AbstractSnapshot,
} from "abstract-level";
import type { Target } from "../arguments/target.js";
import type { BatchOperation, WriteOptions } from "../arguments/write.js";
import type { AtOptions } from "../past/past.js";
import type { Reading } from "../state/reading.js";
import { boundsOf, Cursor, type LevelRange, steps } from "./cursor.js";
import { LevelError, levelError } from "./errors.js";
import { EntryIterator, type IteratorOptions, KeyIterator, ValueIterator } from "./iterators.js";
import type { LevelKey } from "./keys.js";
import { type LevelDatabase, type LevelStoreOptions, openLevelDatabase } from "./open.js";
import { LevelSnapshot, type LevelView, viewOf } from "./snapshot.js";
import { type LevelFormat, type LevelValue, valueIn, valueToStore } from "./values.js";

/** Options of `open`: those of abstract-level, and of `Database.open` but for `keys`. Senseless ones fail the opening; unknown ones are for hooks. */
export interface LevelOpenOptions
  extends AbstractOpenOptions,
    Omit<LevelStoreOptions, "createIfMissing" | "errorIfExists"> {}

/** Options of a TidemarkLevel: default encodings, and what `open` is to have. */
export interface LevelDatabaseOptions<K, V>
  extends AbstractDatabaseOptions<K, V>,
    Omit<LevelOpenOptions, keyof AbstractOpenOptions> {}

/** Options of `put`: encodings, and whether to wait for stable storage. */
export interface LevelPutOptions<K, V> extends AbstractPutOptions<K, V>, WriteOptions {}
/** Options of `del`, as those of `put`. */
export interface LevelDelOptions<K> extends AbstractDelOptions<K>, WriteOptions {}
/** Options of `batch`: default encodings of its operations, and whether to wait for stable storage. */
export interface LevelBatchOptions<K, V> extends AbstractBatchOptions<K, V>, WriteOptions {}
/** Options of `clear`: which keys, and whether to wait for stable storage. */
export interface LevelClearOptions<K> extends AbstractClearOptions<K>, WriteOptions {}

const MANIFEST = {
  encodings: { utf8: true, buffer: true, view: true },
  seek: true,
  has: true,
  getSync: true,
  implicitSnapshots: true,
  explicitSnapshots: true,
  permanence: true,
  createIfMissing: true,
  errorIfExists: true,
  signals: { iterators: true },
  additionalMethods: { at: true },
};

/** What reading is told by abstract-level. */
interface ReadOptions {
  readonly valueEncoding: LevelFormat;
  readonly snapshot?: AbstractSnapshot;
}

type ClearOptions = LevelRange &
  WriteOptions & { readonly limit: number; readonly snapshot?: AbstractSnapshot };

/** An operation of a batch, as abstract-level hands it over. */
type Operation =
  | { readonly type: "put"; readonly key: LevelKey; readonly value: LevelValue }
  | { readonly type: "del"; readonly key: LevelKey };

/**
 * An `AbstractLevel` whose entries are in a Tidemark database, which can be read as it was at any commit: `at` gives a
 * snapshot of then, `database` everything else. Order is that of bytes; text counts as its UTF-8. `K` and `V` are the types of
 * keys and values under the default encodings.
 *
 * A write resolves at the log's durability, by default once it is on stable storage, and with `sync: true` then whatever the
 * durability; each put, del, batch and clear is one commit. Where Level has a code for an error, that is its code
 * (`LEVEL_LOCKED`, `LEVEL_CORRUPTION`, `LEVEL_IO_ERROR`, `LEVEL_NOT_FOUND`, `LEVEL_EXISTS`, `LEVEL_INVALID_KEY`) and the
 * `DatabaseError` its cause; others are the database's own (`KV_…`). An opening fails with `LEVEL_DATABASE_NOT_OPEN` and
 * has the reason as its cause.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the base class has those methods, and the compiler holds them against its own
export class TidemarkLevel<KDefault = string, VDefault = string> extends AbstractLevel<
  string | Buffer | Uint8Array,
  KDefault,
  VDefault
> {
  readonly #location: string;
  #database: LevelDatabase | undefined;

  /** `location` is a directory, made with those above it where there is none. Opens by itself; `open` waits for that. */
  constructor(location: string, options?: LevelDatabaseOptions<KDefault, VDefault>) {
    if (typeof location !== "string" || location === "") {
      throw new TypeError("The first argument 'location' must be a non-empty string");
    }
    super(MANIFEST, options);
    this.#location = location;
  }

  /** As given. */
  get location(): string {
    return this.#location;
  }

  /**
   * The database that is open: for going back, marks, backups, the change feed. What is written through it is seen by Level,
   * without events and hooks; Level can read what is text or bytes. It is closed with this. Throws `LEVEL_DATABASE_NOT_OPEN`.
   */
  get database(): LevelDatabase {
    if (this.#database !== undefined) return this.#database;
    throw new LevelError("LEVEL_DATABASE_NOT_OPEN", "Database is not open");
  }

  /**
   * A snapshot of the database as it was after a commit, at a time or at a mark, for the `snapshot` option of every way to
   * read, also of sublevels. To be closed, as any snapshot; closed with this. What it costs and how it rejects is said at `Database.at`.
   */
  async at(target: Target, options?: AtOptions): Promise<LevelSnapshot> {
    if (this.status === "opening") return await this.deferAsync(() => this.at(target, options));
    try {
      return new LevelSnapshot(await this.database.at(target, options), { owner: this });
    } catch (error) {
      throw levelError(error);
    }
  }

  protected async _open(options: LevelOpenOptions): Promise<void> {
    this.#database = await openLevelDatabase(this.#location, options);
  }

  /** What fails has let go of the directory all the same. */
  protected async _close(): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    try {
      await database?.close();
    } catch (error) {
      throw levelError(error);
    }
  }

  protected _getSync(
    key: LevelKey,
    { snapshot, valueEncoding }: ReadOptions,
  ): LevelValue | undefined {
    try {
      const value = this.#reading(snapshot).get(key);
      return value === undefined ? undefined : valueIn(valueEncoding, value);
    } catch (error) {
      throw levelError(error);
    }
  }

  protected _get(key: LevelKey, options: ReadOptions): Promise<LevelValue | undefined> {
    return Promise.resolve(this._getSync(key, options));
  }

  protected _getMany(
    keys: readonly LevelKey[],
    options: ReadOptions,
  ): Promise<(LevelValue | undefined)[]> {
    return Promise.resolve(keys.map((key) => this._getSync(key, options)));
  }

  protected _has(key: LevelKey, { snapshot }: ReadOptions): Promise<boolean> {
    try {
      return Promise.resolve(this.#reading(snapshot).has(key));
    } catch (error) {
      throw levelError(error);
    }
  }

  protected async _hasMany(keys: readonly LevelKey[], options: ReadOptions): Promise<boolean[]> {
    return await Promise.all(keys.map((key) => this._has(key, options)));
  }

  protected async _put(key: LevelKey, value: LevelValue, options: WriteOptions): Promise<void> {
    try {
      await this.database.put(key, valueToStore(value), writeOptions(options));
    } catch (error) {
      throw levelError(error);
    }
  }

  protected async _del(key: LevelKey, options: WriteOptions): Promise<void> {
    try {
      await this.database.del(key, writeOptions(options));
    } catch (error) {
      throw levelError(error);
    }
  }

  protected async _batch(operations: readonly Operation[], options: WriteOptions): Promise<void> {
    try {
      await this.database.batch(operations.map(operationToStore), writeOptions(options));
    } catch (error) {
      throw levelError(error);
    }
  }

  /** One commit: of a few bytes for all keys of a range, of as many deletions as there are keys for some of them. */
  protected async _clear(options: ClearOptions): Promise<void> {
    const { limit, snapshot } = options;
    try {
      if (snapshot || limit !== -1) await this.#deleteFound(options);
      else await this.database.clear(boundsOf(options), writeOptions(options));
    } catch (error) {
      throw levelError(error);
    }
  }

  async #deleteFound(options: ClearOptions): Promise<void> {
    const view = this.#view(options);
    const found = new Cursor(options, (range) => steps(view.keys(range), (key) => key), undefined);
    const keys = await found.take(options.limit === -1 ? Number.POSITIVE_INFINITY : options.limit);
    const { database } = this;
    const deletions = keys
      .filter((key) => database.has(key))
      .map((key) => ({ type: "del" as const, key }));
    if (deletions.length > 0) await database.batch(deletions, writeOptions(options));
  }

  protected _iterator(options: IteratorOptions): EntryIterator {
    return new EntryIterator(this, this.#view(options), options);
  }

  protected _keys(options: IteratorOptions): KeyIterator {
    return new KeyIterator(this, this.#view(options), options);
  }

  protected _values(options: IteratorOptions): ValueIterator {
    return new ValueIterator(this, this.#view(options), options);
  }

  protected _snapshot(options: object): LevelSnapshot {
    return new LevelSnapshot(this.database.snapshot(), options);
  }

  #view({ snapshot }: { readonly snapshot?: AbstractSnapshot }): LevelView {
    return snapshot ? viewOf(snapshot) : this.database.snapshot();
  }

  #reading(snapshot: AbstractSnapshot | undefined): Reading<LevelValue, LevelKey> {
    return snapshot ? viewOf(snapshot) : this.database;
  }
}

/**
 * What is more than in abstract-level, in types alone: at run time these are its methods, which hand options on to those
 * above.
 */
export interface TidemarkLevel<KDefault, VDefault> {
  /** Opens, with these options over those of the constructor; waits for an opening that is under way. */
  open(options?: LevelOpenOptions): Promise<void>;

  /** Sets a value. Resolves once acknowledged at the log's durability, or on stable storage with `sync`. */
  put(key: KDefault, value: VDefault): Promise<void>;
  /** As above, with encodings of its own, and `sync`. */
  put<K = KDefault, V = VDefault>(key: K, value: V, options: LevelPutOptions<K, V>): Promise<void>;

  /** Deletes a key, whether it is there or not. Resolves as `put`. */
  del(key: KDefault): Promise<void>;
  /** As above, with an encoding of its own, and `sync`. */
  del<K = KDefault>(key: K, options: LevelDelOptions<K>): Promise<void>;

  /** Several operations in one commit, all or nothing. Resolves as `put`. */
  batch(operations: AbstractBatchOperation<this, KDefault, VDefault>[]): Promise<void>;
  /** As above, with encodings of its own, and `sync`. */
  batch<K = KDefault, V = VDefault>(
    operations: AbstractBatchOperation<this, K, V>[],
    options: LevelBatchOptions<K, V>,
  ): Promise<void>;
  /** A chained batch: one commit at its `write`, which takes `sync` too. */
  batch(): AbstractChainedBatch<this, KDefault, VDefault>;

  /** Deletes all entries in one commit. Resolves as `put`. */
  clear(): Promise<void>;
  /** As above, of a range: with a limit or a snapshot by deleting what is found, otherwise by one operation. */
  clear<K = KDefault>(options: LevelClearOptions<K>): Promise<void>;

  /** The present, kept as it is now until it is closed, for the `snapshot` option of reads. */
  snapshot(): LevelSnapshot;
}

/** Of all that abstract-level hands on, what the database takes. */
function writeOptions({ sync }: WriteOptions): WriteOptions | undefined {
  return sync === undefined ? undefined : { sync };
}

function operationToStore(operation: Operation): BatchOperation<LevelValue, LevelKey> {
  const { type, key } = operation;
  return type === "put" ? { type, key, value: valueToStore(operation.value) } : { type, key };
}
