// A transaction: reads its own writes on a fork of the present, and is one commit or none.

import type { Key } from "../arguments/keys.js";
import { deletionOf, type KeyBounds, type Range, resolveBounds } from "../arguments/range.js";
import { type ExpiryOptions, resolveTtl } from "../arguments/write.js";
import { DatabaseError } from "../errors.js";
import { ByteWriter } from "../formats/byte-writer.js";
import { COMMIT_BYTES_MAX, type StateOperation } from "../formats/operations.js";
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
} from "../state/reading.js";
import { type StoredValue, storeValue } from "../values/stored-value.js";
import { ValueEncoder } from "../values/value-encoder.js";
import type { TransactionWrites } from "./transaction-writes.js";

/** What a transaction's function returned, and the offset of its commit. */
export interface TransactionOutcome<T> {
  readonly offset: number;
  readonly result: T;
}

/**
 * What a transaction's function may return: no promise, and nothing that may be one, since the transaction ends when
 * it returns. `any` passes: what it is shows when it runs.
 */
export type Immediate<T> = 0 extends 1 & T
  ? T
  : [Extract<T, PromiseLike<unknown>>] extends [never]
    ? T
    : never;

/** What a transaction works on, and what it has written; the database's side of it. */
export interface TransactionScope<K extends Key> {
  /** Its state is the transaction's own. */
  readonly point: ReadPoint<K>;
  /** Offset of the commit that it would become. */
  readonly offset: number;
  readonly writes: TransactionWrites;
  ended: boolean;
}

/** What the function given to `Database.transaction` gets; of no use after it has returned. */
export class Transaction<V = unknown, K extends Key = string> implements Reading<V, K> {
  readonly #scope: TransactionScope<K>;

  constructor(scope: TransactionScope<K>) {
    this.#scope = scope;
  }

  /**
   * Sets a value, which is encoded at the call. A ttl counts from the transaction's beginning. Throws `KV_INVALID_KEY`,
   * `KV_VALUE_NOT_STORABLE` or `KV_INVALID_ARGUMENT`.
   */
  put(key: K, value: V, options?: ExpiryOptions): void {
    const { keys, clock } = this.#open;
    const ttl = resolveTtl(options);
    const stored = keys.encode(key);
    const expiry = ttl === undefined ? undefined : clock() + ttl;
    this.#write({ kind: "put", key: stored, value: encodeAlone(value), expiry });
  }

  /** Deletes a key, whether it is there or not. */
  del(key: K): void {
    this.#write({ kind: "delete", key: this.#open.keys.encode(key) });
  }

  /** Deletes all keys within bounds, by default all. Throws `KV_INVALID_KEY` or `KV_INVALID_ARGUMENT`. */
  clear(range?: KeyBounds<K>): void {
    this.#write(deletionOf(resolveBounds(range, this.#open.keys)));
  }

  #write(operation: StateOperation): void {
    const { point, offset, writes } = this.#scope;
    point.state.apply(operation, offset, point.clock());
    writes.add(operation);
  }

  get size(): number {
    const { state, clock } = this.#open;
    return state.size(clock);
  }

  get(key: K): V | undefined {
    return readValue(this.#open, key);
  }

  /** Of what the transaction wrote itself, the version is that of the commit that it would become, the time that of its beginning. */
  getEntry(key: K): KeyEntry<V> | undefined {
    return readEntry(this.#open, key);
  }

  getMany(keys: readonly K[]): (V | undefined)[] {
    return readValues(this.#open, keys);
  }

  /** Whether the key is there and has not expired. */
  has(key: K): boolean {
    return hasKey(this.#open, key);
  }

  entries(range?: Range<K>): IterableIterator<[key: K, value: V]> {
    return readEntries(this.#open, range);
  }

  keys(range?: Range<K>): IterableIterator<K> {
    return readKeys(this.#open, range);
  }

  /** As `entries`, the values alone. */
  values(range?: Range<K>): IterableIterator<V> {
    return readOnlyValues(this.#open, range);
  }

  get #open(): ReadPoint<K> {
    if (!this.#scope.ended) return this.#scope.point;
    throw new DatabaseError("KV_CLOSED", "this transaction has ended");
  }
}

function encodeAlone(value: unknown): StoredValue {
  const out = new ByteWriter(COMMIT_BYTES_MAX);
  new ValueEncoder(out).encode(value);
  return storeValue(out.bytes, 0, out.length);
}
