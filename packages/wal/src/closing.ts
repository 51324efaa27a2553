// Letting go of several things of which each must be let go of, whatever becomes of the others.

import { ioError, LogError } from "./errors.js";

/** Takes every step, in order; then throws the first failure, as a LogError. */
export async function closeAll(steps: readonly (() => void | Promise<void>)[]): Promise<void> {
  let failure: unknown;
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) {
    throw failure instanceof LogError ? failure : ioError("closing the log", failure);
  }
}
