// Long work in slices, so that whatever else the process does is not held up for long.

const SLICE_MS = 5;

export class Pace {
  readonly #signal: AbortSignal | undefined;
  #restedAt = performance.now();

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
    await new Promise((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#restedAt = performance.now();
  }
}
