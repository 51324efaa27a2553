// Errors as Level's users know them: where Level, or LevelDB behind it, has a code for what went wrong, that one.

import { DatabaseError, type DatabaseErrorCode } from "../errors.js";

/** An error under a code of Level's. What the database reported is its `cause`. */
export class LevelError extends Error {
  override readonly name = "LevelError";
  /** `LEVEL_…` */
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

const codes: Partial<Record<DatabaseErrorCode, string>> = {
  KV_LOCKED: "LEVEL_LOCKED",
  KV_NOT_FOUND: "LEVEL_NOT_FOUND",
  KV_EXISTS: "LEVEL_EXISTS",
  KV_CORRUPT: "LEVEL_CORRUPTION",
  KV_IO: "LEVEL_IO_ERROR",
  KV_NO_SPACE: "LEVEL_IO_ERROR",
  KV_INVALID_KEY: "LEVEL_INVALID_KEY",
  KV_CLOSED: "LEVEL_DATABASE_NOT_OPEN",
};

/** In the words that are looked for where Level's databases are opened. */
const prefixes: Partial<Record<DatabaseErrorCode, string>> = {
  KV_NOT_FOUND: "the database does not exist: ",
  KV_EXISTS: "the database exists: ",
};

/** What Level reports for an error of the database; one that Level has no code for comes back as it is. */
export function levelError(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error;
  const code = codes[error.code];
  if (code === undefined) return error;
  return new LevelError(code, `${prefixes[error.code] ?? ""}${error.message}`, error);
}

/** As Level reports work that a signal has ended. */
export function abortedError(signal: AbortSignal): LevelError {
  const error = new LevelError("LEVEL_ABORTED", "Operation has been aborted", signal.reason);
  // The name that the web platform has for it.
  return Object.defineProperty(error, "name", { value: "AbortError" });
}
