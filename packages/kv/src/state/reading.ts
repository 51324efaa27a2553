// Reading, the same for the present, a view of the past and the inside of a transaction: keys in the caller's
// form go in, values made anew come out.

import { invalid } from "../arguments/arguments.js";
import type { Key, KeyCodec } from "../arguments/keys.js";
import { type Range, resolveRange } from "../arguments/range.js";
import { DatabaseError } from "../errors.js";
import { decodeValueOf } from "../values/values.js";
import type { Entry } from "./entry.js";
import type { Item } from "./item.js";
import type { Clock, State } from "./state.js";

/** What a key has, with the commit that gave it that. */
export interface KeyEntry<V> {
  /** The caller's own. */
  readonly value: V;
  /** Offset of the commit: for `ifVersion`. */
  readonly version: number;
  /** Time of that commit, in ms since the Unix epoch. */
  readonly time: number;
  /** Time from which on the key counts as gone, in ms since the Unix epoch; undefined for never. */
  readonly expiry: number | undefined;
}

/** What can be read. Keys have the order of their UTF-8 or of their bytes. */
export interface Reading<V, K extends Key> {
  /** Count of keys. */
  readonly size: number;
  /** The value of a key, the caller's own; undefined if there is no such key (or if that is its value: see `has`). */
  get(key: K): V | undefined;
  /** The value of a key with its version, time and expiry; undefined if there is no such key. */
  getEntry(key: K): KeyEntry<V> | undefined;
  /** The values of keys, in the order of the keys. */
  getMany(keys: readonly K[]): (V | undefined)[];
  /** Whether the key is there and has not expired. */
  has(key: K): boolean;
  /** Keys with their values, as of the call, whatever is written while it runs. */
  entries(range?: Range<K>): IterableIterator<[key: K, value: V]>;
  /** As `entries`, without decoding values. */
  keys(range?: Range<K>): IterableIterator<K>;
  /** As `entries`, the values alone. */
  values(range?: Range<K>): IterableIterator<V>;
}

/** A state to read, and the clock by which expiry is judged. */
export interface ReadPoint<K extends Key> {
  readonly state: State;
  readonly keys: KeyCodec<K>;
  readonly clock: Clock;
}

export function readValue<V, K extends Key>(point: ReadPoint<K>, key: K): V | undefined {
  const item = point.state.get(point.keys.encode(key), point.clock);
  return item === undefined ? undefined : readBack<V>(item, point.keys, item);
}

export function readEntry<V, K extends Key>(point: ReadPoint<K>, key: K): KeyEntry<V> | undefined {
  const stored = point.keys.encode(key);
  const entry = point.state.get(stored, point.clock);
  return entry && entryRead<V>(entry, point.keys, stored);
}

/** An entry as callers get it. */
export function entryRead<V>(entry: Entry, keys: KeyCodec<Key>, stored: string): KeyEntry<V> {
  const { offset: version, time, expiry } = entry;
  return { value: readBack<V>(entry, keys, { key: stored }), version, time, expiry };
}

export function readValues<V, K extends Key>(
  point: ReadPoint<K>,
  keys: readonly K[],
): (V | undefined)[] {
  if (!Array.isArray(keys)) throw invalid("keys", "an array of keys", keys);
  return keys.map((key: K) => readValue<V, K>(point, key));
}

export function hasKey<K extends Key>(point: ReadPoint<K>, key: K): boolean {
  return point.state.get(point.keys.encode(key), point.clock) !== undefined;
}

/** Checks the range and takes the state as it is at the call. */
export function readEntries<V, K extends Key>(
  point: ReadPoint<K>,
  range: Range<K> | undefined,
): IterableIterator<[key: K, value: V]> {
  const { keys } = point;
  return select(point, range, (item) => [keys.decode(item.key), readBack<V>(item, keys, item)]);
}

export function readKeys<K extends Key>(
  point: ReadPoint<K>,
  range: Range<K> | undefined,
): IterableIterator<K> {
  return select(point, range, ({ key }) => point.keys.decode(key));
}

export function readOnlyValues<V, K extends Key>(
  point: ReadPoint<K>,
  range: Range<K> | undefined,
): IterableIterator<V> {
  return select(point, range, (item) => readBack<V>(item, point.keys, item));
}

function select<K extends Key, T>(
  { state, keys, clock }: ReadPoint<K>,
  range: Range<K> | undefined,
  pick: (item: Item) => T,
): IterableIterator<T> {
  const resolved = resolveRange(range, keys);
  return state.fork().read(resolved, clock(), pick);
}

/** What `keyed`, a key in its form in memory, had been given. The type is the caller's word: the log has no types. */
export function readBack<V>(
  entry: Pick<Entry, "value" | "offset">,
  keys: KeyCodec<Key>,
  keyed: { readonly key: string },
): V {
  try {
    return decodeValueOf(entry) as V;
  } catch (cause) {
    if (!(cause instanceof DatabaseError)) throw cause;
    const key = keys.decode(keyed.key);
    const shown =
      typeof key === "string" ? JSON.stringify(key.slice(0, 80)) : `of ${key.length} bytes`;
    throw new DatabaseError(
      cause.code,
      `the value of key ${shown} cannot be read: ${cause.message}`,
      {
        offset: entry.offset,
        cause,
      },
    );
  }
}
