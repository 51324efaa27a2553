// Ranges of keys that were deleted, each with the number of the operation that did it. Later ones replace
// what earlier ones say of the keys that they share, so the ranges never overlap.

import { assert } from "../errors.js";
import { prefixOf, prefixOfText } from "../state/item.js";
import { type KeyInterval, OrderedMap } from "../state/ordered-map.js";

interface Cleared {
  /** Prefix of the upper bound (exclusive); undefined for none. */
  readonly lt: string | undefined;
  /** Operations with lower numbers on keys of the range are undone by it. */
  readonly sequence: number;
}

/** A cleared range with the prefix of its lower bound (inclusive). */
interface ClearedRange extends Cleared {
  readonly gte: string;
}

export class ClearedRanges {
  /** By the prefix of the lower bound. */
  readonly #ranges = new OrderedMap<Cleared>();

  /** `sequence` is above that of every range before. */
  clear(interval: KeyInterval, sequence: number): void {
    const gte = prefixOf(interval.gte);
    const lt = interval.lt === undefined ? undefined : prefixOf(interval.lt);
    if (lt !== undefined && lt <= gte) return;
    for (const range of this.#overlapping(gte, lt)) {
      this.#ranges.delete(range.gte);
      if (range.gte < gte) this.#set({ ...range, lt: gte });
      if (lt !== undefined && (range.lt === undefined || range.lt > lt)) {
        this.#set({ ...range, gte: lt });
      }
    }
    this.#set({ gte, lt, sequence });
  }

  #set({ gte, lt, sequence }: ClearedRange): void {
    this.#ranges.set(gte, `${gte}\0`, { lt, sequence });
  }

  #overlapping(gte: string, lt: string | undefined): ClearedRange[] {
    const overlapping = [...this.#ranges.ascending({ gte, lt }, rangeOf)];
    const [range] = this.#ranges.descending({ gte: "", lt: gte }, rangeOf);
    if (range !== undefined && (range.lt === undefined || range.lt > gte)) overlapping.push(range);
    return overlapping;
  }

  /** A look-up for keys that are asked for in ascending order. */
  sweep(): ClearedSweep {
    return new ClearedSweep([...this.#ranges.ascending({ gte: "", lt: undefined }, rangeOf)]);
  }
}

function rangeOf(text: string, beside: Cleared | undefined): ClearedRange {
  assert(beside !== undefined, "each cleared range has its number beside it");
  return { gte: prefixOfText(text), ...beside };
}

export class ClearedSweep {
  readonly #ranges: readonly ClearedRange[];
  #at = 0;

  constructor(ranges: readonly ClearedRange[]) {
    this.#ranges = ranges;
  }

  /** Number of the last operation that cleared a range with this key; -1 if none did. */
  sequenceAt(key: string): number {
    let range = this.#ranges[this.#at];
    if (range === undefined) return -1;
    const prefix = prefixOf(key);
    while (range !== undefined && range.lt !== undefined && range.lt <= prefix) {
      this.#at += 1;
      range = this.#ranges[this.#at];
    }
    return range !== undefined && range.gte <= prefix ? range.sequence : -1;
  }
}
