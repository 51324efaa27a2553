// Offsets of the log that someone reads: a view that is being built, a backup, a feed of changes. Retention removes
// nothing at or above the lowest of them, neither records nor the snapshot files that end there.

export class Pins {
  readonly #held = new Set<{ readonly offset: number }>();
  #floor = 0;

  /** Keeps everything from this offset on, at once, until what it returns is called. */
  hold(offset: number): () => void {
    const pin = { offset };
    this.#held.add(pin);
    return () => {
      this.#held.delete(pin);
    };
  }

  /** The lowest offset that is held; infinite if none is. */
  get lowest(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { offset } of this.#held) if (offset < lowest) lowest = offset;
    return lowest;
  }

  /** Nobody is to begin to read below this offset: what is there goes, once those are done who read it already. */
  get floor(): number {
    return this.#floor;
  }

  /** Raises the floor, also above what is held: those who always come before the last has left must not keep it for ever. */
  closeBelow(offset: number): void {
    this.#floor = Math.max(this.#floor, offset);
  }
}
