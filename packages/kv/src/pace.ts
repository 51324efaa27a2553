// Long work in slices, so that whatever else the process does is not held up for long.

const SLICE_MS = 5;

/** Who rests, in order. One goes on in each turn of the event loop, so that several together hold it no longer. */
const resting: (() => void)[] = [];

function wakeNext(): void {
  resting.shift()?.();
  if (resting.length > 0) setImmediate(wakeNext);
}

export class Pace {
  readonly #signal: AbortSignal | undefined;
  /** The first slice begins with a rest: many may begin at once. */
  #restedAt = Number.NEGATIVE_INFINITY;

  /** `signal` ends the work at the next rest, with its reason. */
  constructor(signal?: AbortSignal) {
    signal?.throwIfAborted();
    this.#signal = signal;
  }

  /** Whether a slice is used up: time to `rest`. */
  get due(): boolean {
    return performance.now() - this.#restedAt >= SLICE_MS;
  }

  /** Lets everything else that is ready run first. Throws the signal's reason once it is aborted. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      resting.push(resolve);
      if (resting.length === 1) setImmediate(wakeNext);
    });
    this.#signal?.throwIfAborted();
    this.#restedAt = performance.now();
  }
}
