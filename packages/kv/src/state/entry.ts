// What is kept of a key: in memory, and in snapshot files.

import type { StoredValue } from "../values/stored-value.js";

/** What memory holds under a key. */
export interface Entry {
  readonly value: StoredValue;
  /** Offset of the commit that wrote it. */
  readonly offset: number;
  /** Time of that commit, in ms since the Unix epoch. */
  readonly time: number;
  /** ms since the Unix epoch from which on the key counts as gone; undefined for never. */
  readonly expiry: number | undefined;
}

/** Whether an entry counts as gone at a time (ms). */
export function hasExpired({ expiry }: Pick<Entry, "expiry">, time: number): boolean {
  return expiry !== undefined && expiry <= time;
}

/** What a snapshot file holds under a key. */
export interface SnapshotEntry extends Entry {
  readonly key: string;
}

/** A named point: the commit that set it, and when. */
export interface Mark {
  readonly offset: number;
  readonly time: number;
}
