// Numbers that look random and follow from a seed alone, so that whatever they decided can be done again.

/** Numbers that follow from a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // A seed of few bits must not give a stream that begins with few bits.
    this.#state = mix(seed | 0, 0x9e3779b9);
  }

  /** An integer in [0, 2^32). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return mix(this.#state, 0x85ebca6b) >>> 0;
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return bound <= 1 ? 0 : this.next() % bound;
  }

  /** True about once in `n`. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }
}

/** Mixes two 32-bit numbers (the finalizer of MurmurHash3). */
export function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
