// Whether the log has failed for good. Once it has, nothing is written any more: what is on disk is known
// only to the next opening.

import { LogError } from "./errors.js";

export class Poison {
  #failure: LogError | undefined;
  readonly #onFailure: (failure: LogError) => void;

  constructor(onFailure: (failure: LogError) => void) {
    this.#onFailure = onFailure;
  }

  get failure(): LogError | undefined {
    return this.#failure;
  }

  /** Fails the log, once; returns the failure that stands. */
  fail(doing: string, cause: unknown): LogError {
    if (this.#failure === undefined) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#failure = new LogError(
        "LOG_FAILED",
        `${doing} failed, and what is on disk is unknown until the log is opened again: ${reason}`,
        { cause },
      );
      this.#onFailure(this.#failure);
    }
    return this.#failure;
  }

  /** Throws the failure if there is one. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
