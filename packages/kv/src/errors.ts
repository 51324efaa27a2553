// The errors of the database: one class, stable codes, and the log's errors under the database's codes.

import { FileSystemError, LogError, type LogErrorCode } from "@tidemark/wal";

/**
 * What went wrong, grouped by when it happens.
 *
 * Opening: `KV_LOCKED` (another holder, named in the message) · `KV_NOT_FOUND` · `KV_EXISTS` ·
 * `KV_UNSUPPORTED_VERSION`.
 * Any call: `KV_INVALID_ARGUMENT` (options, ranges, targets) · `KV_INVALID_KEY` · `KV_CLOSED` ·
 * `KV_FAILED` (the log is poisoned: reopen) · `KV_IO` · `KV_CORRUPT` (damage, with file and position).
 * Writing: `KV_VALUE_NOT_STORABLE` (names the place in the value) · `KV_COMMIT_TOO_LARGE` ·
 * `KV_READ_ONLY` · `KV_NO_SPACE` · `KV_BUSY` (too much waits) · `KV_CONFLICT` (says which version the key has) ·
 * `KV_MARK_EXISTS` (says where).
 * Going back: `KV_TARGET_OUT_OF_RANGE` (says what can be reached) · `KV_OTHER_LINEAGE` (an offset of another log,
 * beyond what that log and this one share).
 */
export type DatabaseErrorCode =
  | "KV_LOCKED"
  | "KV_NOT_FOUND"
  | "KV_EXISTS"
  | "KV_UNSUPPORTED_VERSION"
  | "KV_INVALID_ARGUMENT"
  | "KV_INVALID_KEY"
  | "KV_CLOSED"
  | "KV_FAILED"
  | "KV_IO"
  | "KV_CORRUPT"
  | "KV_VALUE_NOT_STORABLE"
  | "KV_COMMIT_TOO_LARGE"
  | "KV_READ_ONLY"
  | "KV_NO_SPACE"
  | "KV_BUSY"
  | "KV_CONFLICT"
  | "KV_MARK_EXISTS"
  | "KV_TARGET_OUT_OF_RANGE"
  | "KV_OTHER_LINEAGE";

/** Where and what, as far as it applies; the message carries the same. */
export interface DatabaseErrorDetails {
  /** Path of the file. */
  readonly file?: string | undefined;
  /** Byte position in that file. */
  readonly position?: number | undefined;
  /** Offset of a commit. */
  readonly offset?: number | undefined;
  /** For `KV_TARGET_OUT_OF_RANGE`: the commits that can be reached, both inclusive; none in an empty database. */
  readonly reachable?: ReachableRange | undefined;
  /** For `KV_CONFLICT`: the version that the key has; undefined if there is no such key. */
  readonly version?: number | undefined;
  readonly cause?: unknown;
}

/** Offsets of commits, both inclusive. */
export interface ReachableRange {
  readonly first: number;
  readonly last: number;
}

/** Every failure of the database that is not a bug in it. What the log reports is its `cause`. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: DatabaseErrorCode;
  readonly file: string | undefined;
  readonly position: number | undefined;
  readonly offset: number | undefined;
  readonly reachable: ReachableRange | undefined;
  readonly version: number | undefined;

  constructor(code: DatabaseErrorCode, message: string, details: DatabaseErrorDetails = {}) {
    super(
      describe(message, details),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    // The log's message says where already; the fields say it for this error too.
    const { cause } = details;
    const origin = cause instanceof LogError ? cause : undefined;
    this.code = code;
    this.file =
      details.file ?? origin?.file ?? (cause instanceof FileSystemError ? cause.path : undefined);
    this.position = details.position ?? origin?.position;
    this.offset = details.offset ?? origin?.offset;
    this.reachable = details.reachable;
    this.version = details.version;
  }
}

function describe(message: string, { file, position, offset }: DatabaseErrorDetails): string {
  const parts: string[] = [];
  if (file !== undefined) parts.push(`file ${file}`);
  if (position !== undefined) parts.push(`position ${position}`);
  if (offset !== undefined) parts.push(`offset ${offset}`);
  return parts.length === 0 ? message : `${message} (${parts.join(", ")})`;
}

const codesOfLog: Record<LogErrorCode, DatabaseErrorCode> = {
  LOG_LOCKED: "KV_LOCKED",
  LOG_NOT_FOUND: "KV_NOT_FOUND",
  LOG_EXISTS: "KV_EXISTS",
  LOG_UNSUPPORTED_VERSION: "KV_UNSUPPORTED_VERSION",
  LOG_INVALID_ARGUMENT: "KV_INVALID_ARGUMENT",
  LOG_CLOSED: "KV_CLOSED",
  LOG_FAILED: "KV_FAILED",
  LOG_IO: "KV_IO",
  LOG_READ_ONLY: "KV_READ_ONLY",
  LOG_NO_SPACE: "KV_NO_SPACE",
  LOG_BUSY: "KV_BUSY",
  LOG_RECORD_TOO_LARGE: "KV_COMMIT_TOO_LARGE",
  LOG_OUT_OF_RANGE: "KV_TARGET_OUT_OF_RANGE",
  LOG_TRUNCATED: "KV_TARGET_OUT_OF_RANGE",
  LOG_CORRUPT: "KV_CORRUPT",
};

/** The database's error for one of the log or of a file; anything else is a bug and comes back as it is. */
export function databaseError(error: unknown): unknown {
  if (error instanceof LogError) {
    return new DatabaseError(codesOfLog[error.code], error.message, { cause: error });
  }
  if (error instanceof FileSystemError) {
    const full = error.code === "ENOSPC" || error.code === "EDQUOT";
    return new DatabaseError(full ? "KV_NO_SPACE" : "KV_IO", error.message, { cause: error });
  }
  return error;
}

/** An error as it crosses between threads: what it says, and its cause as far as that can be copied. */
export interface PlainError {
  readonly code: DatabaseErrorCode;
  readonly message: string;
  readonly file: string | undefined;
  readonly position: number | undefined;
  readonly offset: number | undefined;
  readonly cause: unknown;
}

export function plainError(error: DatabaseError): PlainError {
  const { code, message, file, position, offset, cause } = error;
  const plainCause = cause instanceof Error ? { name: cause.name, message: cause.message } : cause;
  return { code, message, file, position, offset, cause: plainCause };
}

export function errorOf({ code, message, cause, ...where }: PlainError): DatabaseError {
  // The message says where already.
  return Object.assign(new DatabaseError(code, message, { cause }), where);
}

export function closedError(): DatabaseError {
  return new DatabaseError("KV_CLOSED", "the database is closed");
}

/** Damage to a file of the database: where, and what is wrong there. */
export function corrupt(reason: string, file: string, position?: number): DatabaseError {
  return new DatabaseError("KV_CORRUPT", reason, { file, position });
}

/** Whether this is a {@link DatabaseError} with one of these codes. */
export function hasCode(error: unknown, ...codes: DatabaseErrorCode[]): error is DatabaseError {
  return error instanceof DatabaseError && codes.includes(error.code);
}

/** Throws for a broken invariant: a bug in this package, never the user's doing or the disk's. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`broken invariant in @tidemark/kv: ${invariant}`);
}
