// A database as the storage of Keyv (docs/keyv.md). It decides nothing about values: they are what Keyv makes of them. Expiry is the
// database's own, so what has expired is gone for every reader and in time from the log.

import { EventEmitter } from "node:events";
import { invalid, show } from "../arguments/arguments.js";
import { TTL_MAX } from "../arguments/write.js";
import { Database } from "../database.js";
import { DatabaseError } from "../errors.js";
import type { DatabaseOptions } from "../options.js";
import type { Reading } from "../state/reading.js";
import { View } from "../state/view.js";
import { Namespaces, prefixOf } from "./namespaces.js";

/** Options of the database, as `Database.open` takes them: `log.durability` and `readOnly` among them. Its keys are strings. */
export type TidemarkKeyvOptions = Omit<DatabaseOptions, "keys">;

/** One entry of `setMany`. */
export interface TidemarkKeyvEntry {
  readonly key: string;
  readonly value: unknown;
  /** In ms; see `set`. */
  readonly ttl?: number | undefined;
}

/** What Keyv 5 asks of a store before it iterates over one. */
export interface KeyvStoreOpts {
  /** Path of the database; empty for a view. */
  readonly url: string;
  /** Keyv 5 gives an iterator to stores of certain names alone, which this is one of; it asks nothing else of the name. */
  readonly dialect: string;
  [name: string]: unknown;
}

/**
 * A storage adapter for Keyv 5: `new Keyv({ store: new TidemarkKeyv("./cache"), namespace: "users" })`. Any number of them can
 * be made over one database, one for each Keyv and namespace. Calls may be concurrent; a write resolves once it is acknowledged at the
 * database's durability. All reject with a `DatabaseError`, as the database's own calls do; Keyv makes of that its event
 * `error` and `false` or undefined, unless it is told to `throwOnErrors`.
 *
 * Event `error`, if someone listens (every Keyv does): the database could not be opened.
 */
export class TidemarkKeyv extends EventEmitter implements AsyncDisposable {
  /** For Keyv, which reads `dialect` and `url` from it. */
  readonly opts: KeyvStoreOpts;
  readonly #namespaces = new Namespaces();
  /** What is read: a database, or one as it was. */
  #reading: Reading<unknown, string> | undefined;
  readonly #opening: Promise<Reading<unknown, string>>;
  readonly #owned: boolean;

  /**
   * Over the database in a directory, which is opened in the background and closed by `disconnect`; calls wait for it. `open` is the same
   * for those who want to wait themselves. Or over an open database, or a view of one, to be read only: those stay open. Throws
   * `KV_INVALID_ARGUMENT`.
   */
  constructor(source: string | Database | View, options?: TidemarkKeyvOptions) {
    super();
    this.#owned = typeof source === "string";
    if (typeof source === "string") {
      this.#opening = this.#open(source, options);
      // Told by the event and by every call.
      this.#opening.catch(() => undefined);
    } else {
      if (!(source instanceof Database || source instanceof View)) {
        throw invalid("source", "a path, a Database or a View", source);
      }
      if (options !== undefined)
        throw invalid("options", "left out with an open database", options);
      this.#reading = source;
      this.#opening = Promise.resolve(source);
    }
    const url = typeof source === "string" ? source : directoryOf(source);
    this.opts = { url, dialect: "sqlite" };
  }

  /** As the constructor with a path, and waits for the database. Rejects as `Database.open`. */
  static async open(location: string, options?: TidemarkKeyvOptions): Promise<TidemarkKeyv> {
    const store = new TidemarkKeyv(location, options);
    await store.#opening;
    return store;
  }

  async #open(location: string, options: TidemarkKeyvOptions = {}): Promise<Database> {
    try {
      const database: Database = await Database.open(location, refuseKeys(options));
      this.#reading = database;
      return database;
    } catch (error) {
      if (this.listenerCount("error") > 0) this.emit("error", error);
      throw error;
    }
  }

  /**
   * The database behind it, for `at`, `rewind`, `backup` and all else that Keyv has no word for. A view that it gives is a store
   * too, so a Keyv can read the past. Throws `KV_CLOSED` until it is open, `KV_READ_ONLY` where this is a view.
   */
  get database(): Database {
    if (this.#reading instanceof Database) return this.#reading;
    if (this.#reading === undefined) {
      throw new DatabaseError("KV_CLOSED", "the database is not open yet: await TidemarkKeyv.open");
    }
    throw viewError();
  }

  /** The namespace of the keys to come; Keyv sets it. Throws `KV_INVALID_ARGUMENT` where its keys could be another's. */
  get namespace(): string | undefined {
    return this.#namespaces.current;
  }

  /** Of the keys from now on; undefined for those without one. */
  set namespace(namespace: string | undefined) {
    this.#namespaces.use(namespace);
  }

  /** The key in the database for a key as Keyv gives it to a store: by default `namespace:key`. */
  storedKey(key: string): string {
    return this.#namespaces.stored(checkKey(key));
  }

  /** The value of a key of the namespace; undefined where there is none, or none any more. */
  async get<Value>(key: string): Promise<Value | undefined> {
    const stored = this.storedKey(key);
    const reading = this.#reading ?? (await this.#opening);
    return reading.get(stored) as Value | undefined;
  }

  /** In the order of the keys. */
  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const stored = this.#storedKeys(keys);
    const reading = this.#reading ?? (await this.#opening);
    return reading.getMany(stored) as (Value | undefined)[];
  }

  /** Whether the namespace has the key, and it has not expired. */
  async has(key: string): Promise<boolean> {
    const stored = this.storedKey(key);
    const reading = this.#reading ?? (await this.#opening);
    return reading.has(stored);
  }

  /** In the order of the keys. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    const stored = this.#storedKeys(keys);
    const reading = this.#reading ?? (await this.#opening);
    return stored.map((key) => reading.has(key));
  }

  /**
   * Sets a value, in one commit. `ttl` is in ms, from the call on, or from the opening if the call waits for that: one that is no
   * whole number is rounded up, one below 1 but for 0 is 1; without one, with 0, and above 2^52 (`Infinity` too), it is kept for
   * ever. Resolves with true.
   */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    const stored = this.storedKey(key);
    const options = { ttl: ttlOf(ttl) };
    const database = await this.#writable();
    await database.put(stored, value, options);
    return true;
  }

  /** Sets all of them in one commit, or none. Resolves with true for each. */
  setMany(entries: readonly TidemarkKeyvEntry[]): Promise<boolean[]>;
  /** As Keyv declares it. */
  setMany(entries: readonly TidemarkKeyvEntry[]): Promise<void>;
  async setMany(entries: readonly TidemarkKeyvEntry[]): Promise<unknown> {
    if (!Array.isArray(entries)) throw invalid("entries", "an array", entries);
    const puts = entries.map((entry: TidemarkKeyvEntry) => {
      const { key, value, ttl } = checkEntry(entry);
      return { type: "put", key: this.storedKey(key), value, ttl: ttlOf(ttl) } as const;
    });
    const database = await this.#writable();
    await database.batch(puts);
    return entries.map(() => true);
  }

  /** Resolves with whether there was such a key; where there was none, it is no commit. */
  delete(key: string): Promise<boolean> {
    return this.deleteMany([key]);
  }

  /** Deletes those of the keys that there are, in one commit. Resolves with whether there was any. */
  async deleteMany(keys: string[]): Promise<boolean> {
    const stored = this.#storedKeys(keys);
    const database = await this.#writable();
    const there = stored.filter((key) => database.has(key));
    if (there.length === 0) return false;
    await database.batch(there.map((key) => ({ type: "del", key }) as const));
    return true;
  }

  /**
   * Deletes all keys of the namespace and no other, in one commit of a few bytes. Rejects with `KV_INVALID_ARGUMENT` if this store
   * has been given several namespaces, as by several Keyvs that share it: it cannot know whose keys are meant.
   */
  async clear(): Promise<void> {
    const prefix = prefixOf(this.#namespaces.only());
    const database = await this.#writable();
    await database.clear({ prefix });
  }

  /** Keys, as Keyv gave them, with their values, in the order of keys, as they are at the first step; by default those of `namespace`. */
  async *iterator<Value>(
    namespace: string | undefined = this.namespace,
  ): AsyncGenerator<[key: string, value: Awaited<Value>], void> {
    const prefix = prefixOf(namespace);
    const reading = this.#reading ?? (await this.#opening);
    for (const [key, value] of reading.entries({ prefix })) {
      yield [key.slice(prefix.length), value as Awaited<Value>];
    }
  }

  /** Closes the database if this store opened it. A second call waits for the first. Rejects as `Database.close`. */
  async disconnect(): Promise<void> {
    if (!this.#owned) return;
    // Where it could not be opened there is nothing to close.
    const reading = await this.#opening.catch(() => undefined);
    if (reading instanceof Database) await reading.close();
  }

  /** As `disconnect`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  #storedKeys(keys: readonly string[]): string[] {
    if (!Array.isArray(keys)) throw invalid("keys", "an array of keys", keys);
    return keys.map((key: string) => this.storedKey(key));
  }

  async #writable(): Promise<Database> {
    const reading = this.#reading ?? (await this.#opening);
    if (reading instanceof Database) return reading;
    throw viewError();
  }
}

/** What other options there are is for the database to say. */
function refuseKeys(options: TidemarkKeyvOptions): TidemarkKeyvOptions {
  if (typeof options !== "object" || options === null || !("keys" in options)) return options;
  throw invalid("options.keys", "left out: the keys of Keyv are strings", options.keys);
}

function directoryOf(source: Database | View): string {
  return source instanceof Database ? source.directory : "";
}

function ttlOf(ttl: number | null | undefined): number | undefined {
  if (ttl === undefined || ttl === null || ttl === 0) return undefined;
  if (typeof ttl !== "number" || Number.isNaN(ttl)) {
    throw invalid("ttl", "a number of ms", ttl);
  }
  return ttl > TTL_MAX ? undefined : Math.max(1, Math.ceil(ttl));
}

/** Joined to a prefix, anything would become a string. */
function checkKey(key: unknown): string {
  if (typeof key === "string") return key;
  throw new DatabaseError("KV_INVALID_KEY", `a key is a string here, not ${show(key)}`);
}

function checkEntry(entry: TidemarkKeyvEntry): TidemarkKeyvEntry {
  if (typeof entry === "object" && entry !== null) return entry;
  throw invalid("an entry", "an object", entry);
}

function viewError(): DatabaseError {
  return new DatabaseError(
    "KV_READ_ONLY",
    "this store shows a view of a database, which is only read",
  );
}
