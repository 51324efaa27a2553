// Which of the crash states at one moment are looked at: all of them where they are few. Where they are many:
// none of what was on its way, all of it, each prefix and suffix in time, each one missing, each one alone,
// all pairs, and samples. Each is made from its number alone, so that a choice of some costs no more than those.

import type { Unit } from "./crash-space.js";
import { Random } from "./random.js";

export class CrashChoices {
  readonly count: number;
  /** All that there are. */
  readonly complete: boolean;
  readonly #units: readonly Unit[];
  readonly #sections: readonly { readonly count: number; at(index: number): number[] }[];

  constructor(units: readonly Unit[], limit: number, samples: number, seed: number) {
    this.#units = units;
    const product = units.reduce((total, { count }) => Math.min(total * count, limit + 1), 1);
    this.complete = product <= limit;
    this.#sections = this.complete
      ? [{ count: product, at: (index) => this.#enumerated(index) }]
      : this.#selected(samples, seed);
    this.count = this.#sections.reduce((total, { count }) => total + count, 0);
  }

  at(index: number): number[] {
    let rest = index;
    for (const section of this.#sections) {
      if (rest < section.count) return section.at(rest);
      rest -= section.count;
    }
    throw new RangeError(`no choice ${index} of ${this.count}`);
  }

  /** As numbers are counted, but that all of it comes second, right after none: both are always looked at. */
  #enumerated(index: number): number[] {
    const whole = this.#whole();
    let rest = index === 1 ? whole : index === whole ? 1 : index;
    return this.#units.map(({ count }) => {
      const state = rest % count;
      rest = Math.floor(rest / count);
      return state;
    });
  }

  /** Number of the choice in which everything arrived. */
  #whole(): number {
    let number = 0;
    let weight = 1;
    for (const { steps, count } of this.#units) {
      number += steps.length * weight;
      weight *= count;
    }
    return number;
  }

  #selected(samples: number, seed: number) {
    const units = this.#units;
    const none = () => units.map(() => 0);
    const all = () => units.map(({ steps }) => steps.length);
    const times = [...new Set(units.flatMap(({ steps }) => steps))].sort((a, b) => a - b);
    const single = units.flatMap(({ count }, unit) =>
      Array.from({ length: count }, (_, state) => ({ unit, state })),
    );
    const pairs = (units.length * (units.length - 1)) / 2;
    const withState = (base: number[], { unit, state }: { unit: number; state: number }) => {
      base[unit] = state;
      return base;
    };
    const one = (index: number) => single[index] ?? { unit: 0, state: 0 };
    return [
      { count: 1, at: none },
      { count: 1, at: all },
      { count: times.length, at: (index: number) => this.#prefix(times[index] ?? 0) },
      { count: times.length, at: (index: number) => this.#suffix(times[index] ?? 0) },
      { count: single.length, at: (index: number) => withState(all(), one(index)) },
      { count: single.length, at: (index: number) => withState(none(), one(index)) },
      { count: pairs, at: (index: number) => this.#pair(index, none(), all()) },
      { count: pairs, at: (index: number) => this.#pair(index, all(), none()) },
      { count: samples, at: (index: number) => this.#sample(new Random(seed * 7919 + index)) },
    ];
  }

  /** What came up to a step. */
  #prefix(last: number): number[] {
    return this.#units.map(({ steps }) => steps.filter((step) => step <= last).length);
  }

  /** What came from a step on, and of everything else nothing. */
  #suffix(first: number): number[] {
    return this.#units.map(({ steps }) =>
      (steps[steps.length - 1] ?? 0) >= first ? steps.length : 0,
    );
  }

  /** `base` with two units as they are in `other`. */
  #pair(index: number, base: number[], other: readonly number[]): number[] {
    // Row by row of the triangle below the diagonal.
    const row = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2);
    const column = index - (row * (row - 1)) / 2;
    for (const unit of [row, column]) base[unit] = other[unit] ?? 0;
    return base;
  }

  /** Each unit by chance: in some samples nearly all that came is there, in others nearly nothing. */
  #sample(random: Random): number[] {
    const share = random.below(5);
    return this.#units.map(({ count, steps }) => {
      const roll = random.below(4);
      if (roll < share) return share === 4 && random.oneIn(8) ? 0 : steps.length;
      return random.below(share === 0 ? (random.oneIn(8) ? count : 1) : count);
    });
  }
}

/** One character for each unit. */
export function encodeChoice(choice: readonly number[]): string {
  return choice.map((state) => (state < 36 ? state.toString(36) : `(${state})`)).join("");
}

export function decodeChoice(text: string): number[] {
  return [...text.matchAll(/\((\d+)\)|([0-9a-z])/gu)].map(([, long, short]) =>
    long === undefined ? Number.parseInt(short ?? "0", 36) : Number(long),
  );
}
