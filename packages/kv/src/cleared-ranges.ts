// Ranges of keys that were deleted, each with the number of the operation that did it. Later ones replace
// what earlier ones say of the keys that they share, so the ranges never overlap.

import { type KeyInterval, OrderedMap } from "./ordered-map.js";

interface Cleared {
  readonly lt: string | undefined;
  /** Operations with lower numbers on keys of the range are undone by it. */
  readonly sequence: number;
}

export class ClearedRanges {
  /** By the lower bound. */
  readonly #ranges = new OrderedMap<Cleared>();

  /** `sequence` is above that of every range before. */
  clear({ gte, lt }: KeyInterval, sequence: number): void {
    if (lt !== undefined && lt <= gte) return;
    for (const [start, range] of this.#overlapping(gte, lt)) {
      this.#ranges.delete(start);
      if (start < gte) this.#ranges.set(start, { ...range, lt: gte });
      if (lt !== undefined && (range.lt === undefined || range.lt > lt)) {
        this.#ranges.set(lt, range);
      }
    }
    this.#ranges.set(gte, { lt, sequence });
  }

  #overlapping(gte: string, lt: string | undefined): [string, Cleared][] {
    const overlapping = [...this.#ranges.ascending({ gte, lt })];
    const [before] = this.#ranges.descending({ gte: "", lt: gte });
    if (before !== undefined && (before[1].lt === undefined || before[1].lt > gte)) {
      overlapping.push(before);
    }
    return overlapping;
  }

  /** A look-up for keys that are asked for in ascending order. */
  sweep(): ClearedSweep {
    return new ClearedSweep([...this.#ranges.ascending({ gte: "", lt: undefined })]);
  }
}

export class ClearedSweep {
  readonly #ranges: readonly (readonly [start: string, range: Cleared])[];
  #at = 0;

  constructor(ranges: readonly (readonly [start: string, range: Cleared])[]) {
    this.#ranges = ranges;
  }

  /** Number of the last operation that cleared a range with this key; -1 if none did. */
  sequenceAt(key: string): number {
    let range = this.#ranges[this.#at];
    while (range !== undefined && range[1].lt !== undefined && range[1].lt <= key) {
      this.#at += 1;
      range = this.#ranges[this.#at];
    }
    return range !== undefined && range[0] <= key ? range[1].sequence : -1;
  }
}
