// Ranges of keys as callers give them, and the one form that everything behind works with.

import type { DeleteRangeOperation } from "../formats/operations.js";
import type { KeyInterval } from "../state/ordered-map.js";
import { checkBoolean, checkInteger, checkProperties } from "./arguments.js";
import { keyAfter, keyAfterPrefix } from "./key-bounds.js";
import type { Key, KeyCodec } from "./keys.js";

/** Which keys: those that satisfy every bound. Bounds that contradict each other select nothing. */
export interface KeyBounds<K extends Key = string> {
  /** Only keys above this one. */
  readonly gt?: K | undefined;
  /** Only this key and those above. */
  readonly gte?: K | undefined;
  /** Only keys below this one. */
  readonly lt?: K | undefined;
  /** Only this key and those below. */
  readonly lte?: K | undefined;
  /** Only keys that begin with this. */
  readonly prefix?: K | undefined;
}

/** Which entries to read, and how. */
export interface Range<K extends Key = string> extends KeyBounds<K> {
  /** From the last to the first; default false. */
  readonly reverse?: boolean | undefined;
  /** Entries at most; default all. */
  readonly limit?: number | undefined;
}

export interface ResolvedRange {
  readonly interval: KeyInterval;
  readonly reverse: boolean;
  readonly limit: number;
}

/** Names of the bounds that there are. */
export const BOUNDS: readonly string[] = ["gt", "gte", "lt", "lte", "prefix"];
const KNOWN = [...BOUNDS, "reverse", "limit"];

const allKeys: KeyInterval = { gte: "", lt: undefined };
const noKeys: KeyInterval = { gte: "", lt: "" };

export const everything: ResolvedRange = {
  interval: allKeys,
  reverse: false,
  limit: Number.POSITIVE_INFINITY,
};

/** Throws `KV_INVALID_ARGUMENT` or `KV_INVALID_KEY`. */
export function resolveRange<K extends Key>(
  range: Range<K> | undefined,
  keys: KeyCodec<K>,
): ResolvedRange {
  if (range === undefined) return everything;
  checkProperties("range", range, KNOWN);
  const { reverse, limit } = range;
  return {
    interval: intervalOf(range, keys),
    reverse: reverse === undefined ? false : checkBoolean("reverse", reverse),
    limit:
      limit === undefined
        ? everything.limit
        : checkInteger("limit", limit, 0, Number.MAX_SAFE_INTEGER),
  };
}

/** The keys that a write is about; how to read them is nothing to it. Throws as `resolveRange`. */
export function resolveBounds<K extends Key>(
  bounds: KeyBounds<K> | undefined,
  keys: KeyCodec<K>,
): KeyInterval {
  if (bounds === undefined) return allKeys;
  checkProperties("range", bounds, BOUNDS);
  return intervalOf(bounds, keys);
}

/** Both ends of the interval are keys of the database. */
export function intervalOf<K extends Key>(bounds: KeyBounds<K>, keys: KeyCodec<K>): KeyInterval {
  const { gt, gte, lt, lte, prefix } = bounds;
  const { kind } = keys;
  const from: string[] = [""];
  const to: string[] = [];
  if (gt !== undefined) {
    const first = keyAfter(kind, keys.encode(gt));
    if (first === undefined) return noKeys;
    from.push(first);
  }
  if (gte !== undefined) from.push(keys.encode(gte));
  if (lt !== undefined) to.push(keys.encode(lt));
  if (lte !== undefined) pushBound(to, keyAfter(kind, keys.encode(lte)));
  if (prefix !== undefined) {
    const stored = keys.encode(prefix);
    from.push(stored);
    pushBound(to, keyAfterPrefix(kind, stored));
  }
  return { gte: from.sort().at(-1) ?? "", lt: to.sort()[0] };
}

/** The operation that deletes an interval. */
export function deletionOf({ gte, lt }: KeyInterval): DeleteRangeOperation {
  return { kind: "deleteRange", gte: gte === "" ? undefined : gte, lt };
}

function pushBound(bounds: string[], bound: string | undefined): void {
  if (bound !== undefined) bounds.push(bound);
}
