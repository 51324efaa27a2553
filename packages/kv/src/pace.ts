// Long work in slices, so that whatever else the process does is not held up for long.

/** The step during which it ends comes on top of it. */
const SLICE_MS = 3;
/** Of an opening, which whoever asked for it waits for. */
export const OPENING_SLICE_MS = 5;

/** Who rests, in order. One goes on in each turn of the event loop, so that several together hold it no longer. */
const resting: (() => void)[] = [];

function wakeNext(): void {
  resting.shift()?.();
  if (resting.length > 0) setImmediate(wakeNext);
}

export class Pace {
  readonly #signal: AbortSignal | undefined;
  readonly #sliceMs: number;
  /** The first slice begins with a rest: many may begin at once. */
  #restedAt = Number.NEGATIVE_INFINITY;

  /** `signal` ends the work at the next rest, with its reason. */
  constructor(signal?: AbortSignal, sliceMs = SLICE_MS) {
    signal?.throwIfAborted();
    this.#signal = signal;
    this.#sliceMs = sliceMs;
  }

  /** Whether a slice is used up: time to `rest`. */
  get due(): boolean {
    return performance.now() - this.#restedAt >= this.#sliceMs;
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
