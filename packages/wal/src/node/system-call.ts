// Turns the outcome of a call of node:fs into a value or a FileSystemError: the one place where Node's
// errors become those of the seam.

import type { FileSystemCall } from "../file-system.js";
import { FileSystemError } from "../file-system.js";

/** What Node passes to a callback when a call failed. */
export type SystemError = NodeJS.ErrnoException | null;

/** The seam's error for what a call threw or reported. What carries no code is a bug and goes on as it is. */
export function failure(call: FileSystemCall, path: string, cause: unknown): FileSystemError {
  if (cause instanceof FileSystemError) return cause;
  const code = errorCode(cause);
  if (code === undefined) throw cause;
  return new FileSystemError(call, path, code, { cause });
}

export function errorCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !("code" in cause)) return undefined;
  return typeof cause.code === "string" ? cause.code : undefined;
}

/** Runs a synchronous call. */
export function attempt<T>(call: FileSystemCall, path: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw failure(call, path, cause);
  }
}

/** Runs a call in libuv's pool. */
export function settle<T>(
  call: FileSystemCall,
  path: string,
  run: (done: (error: SystemError, outcome: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (error: SystemError, outcome: T): void => {
      if (error === null || error === undefined) resolve(outcome);
      else reject(failure(call, path, error));
    };
    try {
      run(done);
    } catch (cause) {
      // Node checks some arguments, a NUL in a path for one, before it makes the call.
      reject(failure(call, path, cause));
    }
  });
}
