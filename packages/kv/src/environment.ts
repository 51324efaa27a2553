// The clock and the file system that a caller may give: checked once, before anything is used.

import { type FileSystem, nodeFileSystem } from "@tidemark/wal";
import { checkCallable, invalid } from "./arguments/arguments.js";

/** What the log holds of a time. */
const TIME_MAX = 2 ** 48 - 1;

/**
 * A clock of whole ms since the Unix epoch. Throws `KV_INVALID_ARGUMENT` if what was given is none, or says what no
 * file of ours can hold; so does the clock itself, should it begin to.
 */
export function resolveClock(given: unknown): () => number {
  if (given === undefined) return Date.now;
  const clock: () => unknown = checkCallable("clock", given as () => unknown);
  const wholeClock = () => {
    const now = clock();
    if (typeof now === "number" && now >= 0 && now < TIME_MAX + 1) return Math.floor(now);
    throw invalid("what the clock says", `a number of ms from 0 to ${TIME_MAX}`, now);
  };
  wholeClock();
  return wholeClock;
}

/** The calls that this package makes itself; what else the log needs it looks for. */
const CALLS = [
  "open",
  "create",
  "makeDirectory",
  "list",
  "rename",
  "unlink",
  "removeDirectory",
  "syncDirectory",
] as const;

/** Anything with the calls of a file system. Throws `KV_INVALID_ARGUMENT`. */
export function resolveFileSystem(given: FileSystem | undefined): FileSystem {
  if (given === undefined) return nodeFileSystem;
  const isObject = typeof given === "object" && given !== null;
  if (isObject && CALLS.every((call) => typeof given[call] === "function")) return given;
  throw invalid("fileSystem", "a FileSystem", given);
}
