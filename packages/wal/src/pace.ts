// Long synchronous work in slices, so that it never holds the event loop for long.

const SLICE_MS = 5;

export class Pace {
  #sliceStart = performance.now();
  readonly #signal: AbortSignal | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time to `rest`. Cheap enough to ask after each batch. */
  get due(): boolean {
    return performance.now() - this.#sliceStart > SLICE_MS;
  }

  /** Lets everything else that waits have its turn; throws the signal's reason once it is aborted. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#sliceStart = performance.now();
  }
}
