// Long work of a database that goes on beside reads and writes: ended when the database is closed, and closing
// waits for it.

import { DatabaseError, databaseError } from "./errors.js";

export class Work {
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /** Runs something that ends with the signal's reason when the caller's signal is aborted or `stop` is called. */
  async run<T>(
    signal: AbortSignal | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const closing = this.#closing.signal;
    const running = task(signal === undefined ? closing : AbortSignal.any([closing, signal]));
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw databaseError(error);
    } finally {
      this.#running.delete(running);
    }
  }

  /** Ends everything, and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#closing.abort(new DatabaseError("KV_CLOSED", "the database was closed meanwhile"));
    await Promise.allSettled(this.#running);
  }
}
