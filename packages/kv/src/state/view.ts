// A view: the database as it was at one offset, in memory, for as long as someone holds it.

import type { Key, KeyCodec } from "../arguments/keys.js";
import type { Range } from "../arguments/range.js";
import { DatabaseError } from "../errors.js";
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
} from "./reading.js";
import type { State } from "./state.js";

/**
 * A state that does not change. It is let go of by `close`, or by not being referred to; closing the database does not
 * end it.
 */
export class View<V = unknown, K extends Key = string> implements Reading<V, K>, Disposable {
  /** Offset of the last commit included; one below the first offset of the log if there is none. */
  readonly offset: number;
  /** Time in ms as of which it is: keys whose expiry had come by then are gone. */
  readonly time: number;
  #held: ReadPoint<K> | undefined;

  /** Made by `Database.snapshot` and `Database.at`. */
  constructor(state: State, keys: KeyCodec<K>, offset: number, time: number) {
    this.offset = offset;
    this.time = time;
    this.#held = { state, keys, clock: () => time };
  }

  get size(): number {
    return this.#point.state.size(this.#point.clock);
  }

  get(key: K): V | undefined {
    return readValue(this.#point, key);
  }

  getEntry(key: K): KeyEntry<V> | undefined {
    return readEntry(this.#point, key);
  }

  getMany(keys: readonly K[]): (V | undefined)[] {
    return readValues(this.#point, keys);
  }

  /** Whether the key is there and had not expired then. */
  has(key: K): boolean {
    return hasKey(this.#point, key);
  }

  entries(range?: Range<K>): IterableIterator<[key: K, value: V]> {
    return readEntries(this.#point, range);
  }

  keys(range?: Range<K>): IterableIterator<K> {
    return readKeys(this.#point, range);
  }

  /** As `entries`, the values alone. */
  values(range?: Range<K>): IterableIterator<V> {
    return readOnlyValues(this.#point, range);
  }

  /** Lets go of the state: from now on reading throws `KV_CLOSED`. Iterators that were begun go on. */
  close(): void {
    this.#held = undefined;
  }

  /** As `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #point(): ReadPoint<K> {
    if (this.#held !== undefined) return this.#held;
    throw new DatabaseError("KV_CLOSED", "this view is closed");
  }
}
