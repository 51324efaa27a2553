// A commit as a record of the log holds it, read in steps. The log has verified the bytes: what is no commit all
// the same throws.

import type { LogRecord } from "@tidemark/wal";
import type { KeyKind } from "../arguments/keys.js";
import { DatabaseError } from "../errors.js";
import { CommitReader, type CommitStep, type CommitVerdict } from "./operations.js";

// Whoever reads a long commit can rest between steps: either bound takes a few ms.
const STEP_LENGTH = 1000;
const STEP_BYTES = 1024 * 1024;

export class RecordedCommit {
  readonly #reader: CommitReader;
  readonly #offset: number;

  /** With `only`, what is done to other keys alone is stepped over. */
  constructor({ payload, offset }: LogRecord, keys: KeyKind, only?: string) {
    this.#reader = new CommitReader(payload, keys, only);
    this.#offset = offset;
  }

  /** The next operations, until they are complete. Throws `KV_CORRUPT` or `KV_UNSUPPORTED_VERSION`. */
  next(): CommitStep {
    const step = this.#reader.next(STEP_LENGTH, STEP_BYTES);
    if (step.verdict !== "valid") throw noCommit(step, this.#offset);
    return step;
  }
}

/** What is wrong with the record at an offset. */
export function noCommit(
  found: Exclude<CommitVerdict, { readonly verdict: "valid" }>,
  offset: number,
): DatabaseError {
  if (found.verdict === "unsupported") {
    return new DatabaseError("KV_UNSUPPORTED_VERSION", found.reason, { offset });
  }
  return new DatabaseError(
    "KV_CORRUPT",
    `the log is whole, but this record is no commit: ${found.reason} at byte ${found.position}`,
    { offset },
  );
}
