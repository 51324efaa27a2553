// Ranges of keys as callers give them, and the one form that everything behind works with.

import { checkBoolean, checkInteger, checkProperties } from "./arguments.js";
import type { Key, KeyCodec } from "./keys.js";
import type { KeyInterval } from "./ordered-map.js";

/** Which entries to read, and how. Bounds that contradict each other select nothing. */
export interface Range<K extends Key = string> {
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

const KNOWN = ["gt", "gte", "lt", "lte", "prefix", "reverse", "limit"];

const everything: ResolvedRange = {
  interval: { gte: "", lt: undefined },
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
    interval: resolveInterval(range, keys),
    reverse: reverse === undefined ? false : checkBoolean("reverse", reverse),
    limit:
      limit === undefined
        ? everything.limit
        : checkInteger("limit", limit, 0, Number.MAX_SAFE_INTEGER),
  };
}

function resolveInterval<K extends Key>(range: Range<K>, keys: KeyCodec<K>): KeyInterval {
  const from: string[] = [""];
  const to: string[] = [];
  // No key lies between k and k followed by the lowest character.
  if (range.gt !== undefined) from.push(`${keys.encode(range.gt)}\0`);
  if (range.gte !== undefined) from.push(keys.encode(range.gte));
  if (range.lt !== undefined) to.push(keys.encode(range.lt));
  if (range.lte !== undefined) to.push(`${keys.encode(range.lte)}\0`);
  if (range.prefix !== undefined) {
    const prefix = keys.encode(range.prefix);
    const end = prefixEnd(prefix);
    from.push(prefix);
    if (end !== undefined) to.push(end);
  }
  return {
    gte: from.sort().at(-1) ?? "",
    lt: to.sort()[0],
  };
}

/** The lowest string above all that begin with `prefix`; undefined if there is none. */
function prefixEnd(prefix: string): string | undefined {
  let length = prefix.length;
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length -= 1;
  if (length === 0) return undefined;
  const last = prefix.charCodeAt(length - 1);
  return prefix.slice(0, length - 1) + String.fromCharCode(last + 1);
}
