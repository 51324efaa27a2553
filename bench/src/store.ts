// What every key-value system is to the scenarios. Adapters add nothing of their own: one call is one call.

import type { Value } from "./material.js";

export type Later<T> = T | Promise<T>;

export interface Store {
  /** Over when it is durable, if the store was opened so. */
  put(key: string, value: Value): Later<unknown>;
  /** All or nothing, otherwise as `put`. */
  batch(entries: readonly (readonly [string, Value])[]): Later<unknown>;
  get(key: string): Later<Value | undefined>;
  /** How many keys there are. */
  count(): Later<number>;
  close(): Later<void>;
}

/** A store that can be read without waiting. */
export interface ReadableStore extends Store {
  get(key: string): Value | undefined;
  /** Decodes up to `limit` values in the order of keys, from a key on or from the first; returns how many there were. */
  scan(from: string | undefined, limit: number): Later<number>;
}

/** What an `AbstractLevel` of text is to its users, as far as it is measured. */
export interface TextLevel {
  put(key: string, value: string): Promise<void>;
  batch(operations: { type: "put"; key: string; value: string }[]): Promise<void>;
  get(key: string): Promise<string | undefined>;
  getSync(key: string): string | undefined;
  close(): Promise<void>;
}

export type OpenStore<S extends Store = Store> = (
  directory: string,
  durable: boolean,
) => Promise<S>;
