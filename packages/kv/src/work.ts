// Long work of a database that goes on beside reads and writes: ended when the database is closed, and closing
// waits for it.

import { DatabaseError, databaseError } from "./errors.js";

export class Work {
  /** What runs, and what ends it. A signal that lived as long as the database would remember every one derived from it. */
  readonly #running = new Map<AbortController, Promise<unknown>>();

  /** Runs something that ends with the signal's reason when the caller's signal is aborted or `stop` is called. */
  async run<T>(
    signal: AbortSignal | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { ending, forget } = endingWith(signal);
    try {
      return await this.#track(ending, task(ending.signal));
    } finally {
      forget();
    }
  }

  /** As `run`, for what is done step by step as a consumer asks for it: only a step that is under way is work. */
  async *iterate<T>(
    signal: AbortSignal | undefined,
    task: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
  ): AsyncGenerator<T, void, void> {
    signal?.throwIfAborted();
    const { ending, forget } = endingWith(signal);
    const steps = task(ending.signal);
    try {
      for (;;) {
        const step = await this.#track(ending, steps.next());
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      forget();
      await steps.return();
    }
  }

  async #track<T>(ending: AbortController, running: Promise<T>): Promise<T> {
    this.#running.set(ending, running);
    try {
      return await running;
    } catch (error) {
      throw databaseError(error);
    } finally {
      this.#running.delete(ending);
    }
  }

  /** Ends everything, and resolves when it has ended. Nothing is to be run from then on. */
  async stop(): Promise<void> {
    const reason = new DatabaseError("KV_CLOSED", "the database was closed meanwhile");
    for (const ending of this.#running.keys()) ending.abort(reason);
    await Promise.allSettled(this.#running.values());
  }
}

/** A controller that ends with a caller's signal, until it is told to forget that. */
function endingWith(signal: AbortSignal | undefined) {
  const ending = new AbortController();
  const end = () => ending.abort(signal?.reason);
  signal?.addEventListener("abort", end);
  return { ending, forget: () => signal?.removeEventListener("abort", end) };
}
