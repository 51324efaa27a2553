// The errors of the log: one class, stable codes, and the numbers that someone needs who has to act on one.

import { FileSystemError } from "./file-system.js";

/**
 * What went wrong, grouped by when it happens.
 *
 * Opening: `LOG_LOCKED` (another holder, named in the message) · `LOG_NOT_FOUND` · `LOG_EXISTS` ·
 * `LOG_UNSUPPORTED_VERSION`.
 * Any call: `LOG_INVALID_ARGUMENT` · `LOG_CLOSED` · `LOG_FAILED` (poisoned: see `Log.failure`) · `LOG_IO`.
 * Writing: `LOG_READ_ONLY` · `LOG_NO_SPACE` · `LOG_BUSY` (too much waits) · `LOG_RECORD_TOO_LARGE`.
 * Reading: `LOG_OUT_OF_RANGE` · `LOG_TRUNCATED` (the place is gone) · `LOG_CORRUPT` (damage to acknowledged bytes).
 */
export type LogErrorCode =
  | "LOG_LOCKED"
  | "LOG_NOT_FOUND"
  | "LOG_EXISTS"
  | "LOG_UNSUPPORTED_VERSION"
  | "LOG_INVALID_ARGUMENT"
  | "LOG_CLOSED"
  | "LOG_FAILED"
  | "LOG_IO"
  | "LOG_READ_ONLY"
  | "LOG_NO_SPACE"
  | "LOG_BUSY"
  | "LOG_RECORD_TOO_LARGE"
  | "LOG_OUT_OF_RANGE"
  | "LOG_TRUNCATED"
  | "LOG_CORRUPT";

/** Where and what, as far as it applies; the message carries the same. */
export interface LogErrorDetails {
  /** Path of the file. */
  readonly file?: string;
  /** Byte position in that file. */
  readonly position?: number;
  /** Offset of a record. */
  readonly offset?: number;
  readonly expected?: string | number;
  readonly actual?: string | number;
  readonly cause?: unknown;
}

/** Every failure of the log that is not a bug in it. */
export class LogError extends Error {
  override readonly name = "LogError";
  readonly code: LogErrorCode;
  readonly file: string | undefined;
  readonly position: number | undefined;
  readonly offset: number | undefined;
  readonly expected: string | number | undefined;
  readonly actual: string | number | undefined;

  constructor(code: LogErrorCode, message: string, details: LogErrorDetails = {}) {
    super(
      describe(message, details),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.file = details.file;
    this.position = details.position;
    this.offset = details.offset;
    this.expected = details.expected;
    this.actual = details.actual;
  }
}

function describe(
  message: string,
  { file, position, offset, expected, actual }: LogErrorDetails,
): string {
  const parts: string[] = [];
  if (file !== undefined) parts.push(`file ${file}`);
  if (position !== undefined) parts.push(`position ${position}`);
  if (offset !== undefined) parts.push(`offset ${offset}`);
  if (expected !== undefined) parts.push(`expected ${expected}`);
  if (actual !== undefined) parts.push(`found ${actual}`);
  return parts.length === 0 ? message : `${message} (${parts.join(", ")})`;
}

/** The log's error for a failed call of the file system: no space is told apart from the rest. */
export function ioError(doing: string, cause: unknown): LogError {
  if (!(cause instanceof FileSystemError)) throw cause;
  const code = cause.code === "ENOSPC" || cause.code === "EDQUOT" ? "LOG_NO_SPACE" : "LOG_IO";
  return new LogError(code, `${doing}: ${cause.message}`, { file: cause.path, cause });
}

/** Throws for a broken invariant: a bug in this package, never the user's doing or the disk's. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`broken invariant in @tidemark/wal: ${invariant}`);
}
