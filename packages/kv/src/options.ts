// The options of a database: checked and completed once, at open.

import type { FileSystem, LogOptions } from "@tidemark/wal";
import {
  checkBoolean,
  checkCallable,
  checkInteger,
  checkLimit,
  checkProperties,
  invalid,
} from "./arguments/arguments.js";
import type { KeyKind } from "./arguments/keys.js";
import { resolveClock, resolveFileSystem } from "./environment.js";
import { COMMIT_BYTES_MAX } from "./formats/operations.js";
import { type DatabaseReport, later } from "./report.js";
import type { HistoryLimits } from "./upkeep/retention.js";

/** Options of the log that are the caller's; the database decides on the others itself. */
export type DatabaseLogOptions = Pick<
  LogOptions,
  | "durability"
  | "syncIntervalMs"
  | "segmentBytes"
  | "maxPendingBytes"
  | "noteAfterMs"
  | "onFailure"
  | "onReport"
  | "fileSystem"
  | "clock"
>;

/** Options of `Database.open`; unknown or senseless ones reject with `KV_INVALID_ARGUMENT`. */
export interface DatabaseOptions {
  /** What keys are; fixed when the database is made. Default `"string"`. */
  readonly keys?: KeyKind | undefined;
  /** Durability, file system, clock and more, as `Log.open` of `@tidemark/wal` takes them. */
  readonly log?: DatabaseLogOptions | undefined;
  /**
   * Bytes of log behind the newest snapshot file at which the next one is written, in the background, at a commit or right
   * after opening; at least 1, or `Infinity` for never. Default 64 MiB. Opening replays at most about as much. With a
   * `history.maxAgeMs`, one is also written once the log behind the newest is older than that.
   */
  readonly checkpointBytes?: number | undefined;
  /**
   * Time in ms after its expiry at which a key is removed in the background, by a deletion that is a commit like any other, with up
   * to 1,000 keys; at least 1, or `Infinity` for never. Default 1,000. Nothing but `changes`, offsets and memory shows the difference.
   */
  readonly removeExpiredAfterMs?: number | undefined;
  /** How far back targets reach. What is older goes in the background, after a checkpoint. */
  readonly history?: HistoryOptions | undefined;
  /** Told of background work that went wrong and harmed nothing; that of the log is told to `log.onReport`. */
  readonly onReport?: ((report: DatabaseReport) => void) | undefined;
  /** Shows what a writer in another process has made durable, or what the last one has left; changes nothing on disk. Default false. */
  readonly readOnly?: boolean | undefined;
  /**
   * For `readOnly`: ms between two looks for what the writer has committed since; 0 for none but those that `refresh`
   * makes. A whole number to 2^31 − 1, default 100. A look takes a fraction of a ms where there is nothing new.
   */
  readonly refreshMs?: number | undefined;
  /** Default true; false rejects with `KV_NOT_FOUND` where there is no database. */
  readonly createIfMissing?: boolean | undefined;
  /** Rejects with `KV_EXISTS` where there is a database. Default false. */
  readonly errorIfExists?: boolean | undefined;
}

/**
 * How much history is kept: no less than this, where there is as much, and of it only what a snapshot file begins. Beyond
 * either limit the oldest may go; the log in whole segments, and never below the second newest snapshot file.
 */
export interface HistoryOptions {
  /** Bytes of log; `Infinity` for no limit. Default 1 GiB. */
  readonly maxBytes?: number | undefined;
  /** In ms; `Infinity`, the default, for no limit. */
  readonly maxAgeMs?: number | undefined;
}

export interface ResolvedOptions {
  readonly keys: KeyKind;
  readonly log: LogOptions;
  readonly checkpointBytes: number;
  readonly removeExpiredAfterMs: number;
  readonly history: HistoryLimits;
  readonly onReport: (report: DatabaseReport) => void;
  readonly readOnly: boolean;
  readonly refreshMs: number;
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
  readonly fileSystem: FileSystem;
  /** Whole ms since the Unix epoch. */
  readonly clock: () => number;
}

const MIB = 1024 * 1024;
const CHECKPOINT_BYTES = 64 * MIB;
const REMOVE_EXPIRED_AFTER_MS = 1000;
const HISTORY_BYTES = 1024 * MIB;

const REFRESH_MS = 100;
const TIMER_MS_MAX = 2 ** 31 - 1;

const KNOWN = [
  "keys",
  "log",
  "checkpointBytes",
  "removeExpiredAfterMs",
  "history",
  "onReport",
  "readOnly",
  "refreshMs",
  "createIfMissing",
  "errorIfExists",
];

const KNOWN_OF_LOG = [
  "durability",
  "syncIntervalMs",
  "segmentBytes",
  "maxPendingBytes",
  "noteAfterMs",
  "onFailure",
  "onReport",
  "fileSystem",
  "clock",
];

export function resolveOptions(options: DatabaseOptions = {}): ResolvedOptions {
  checkProperties("options", options, KNOWN);
  const { keys = "string", log = {}, readOnly = false, errorIfExists = false } = options;
  const { createIfMissing = !readOnly } = options;
  if (keys !== "string" && keys !== "bytes") throw invalid("keys", '"string" or "bytes"', keys);
  checkProperties("options.log", log, KNOWN_OF_LOG);
  checkBoolean("readOnly", readOnly);
  checkBoolean("errorIfExists", errorIfExists);
  checkBoolean("createIfMissing", createIfMissing);
  if (readOnly && (createIfMissing || errorIfExists)) {
    throw invalid("createIfMissing or errorIfExists", "left out with readOnly", true);
  }
  return {
    keys,
    log: logOptions(log, readOnly),
    ...background(options, readOnly),
    readOnly,
    refreshMs: refreshMs(options, readOnly),
    createIfMissing,
    errorIfExists,
    fileSystem: resolveFileSystem(log.fileSystem),
    clock: resolveClock(log.clock),
  };
}

function refreshMs({ refreshMs: given }: DatabaseOptions, readOnly: boolean): number {
  if (given === undefined) return readOnly ? REFRESH_MS : 0;
  if (!readOnly) throw invalid("refreshMs", "left out without readOnly", given);
  return checkInteger("refreshMs", given, 0, TIMER_MS_MAX);
}

/** What goes on by itself; nothing does in what is read-only. */
function background(options: DatabaseOptions, readOnly: boolean) {
  const { checkpointBytes = CHECKPOINT_BYTES, history = {}, onReport } = options;
  const { removeExpiredAfterMs = REMOVE_EXPIRED_AFTER_MS } = options;
  if (onReport !== undefined) checkCallable("onReport", onReport);
  checkProperties("options.history", history, ["maxBytes", "maxAgeMs"]);
  for (const name of ["checkpointBytes", "removeExpiredAfterMs", "history"] as const) {
    if (readOnly && options[name] !== undefined)
      throw invalid(name, "left out with readOnly", options[name]);
  }
  const { maxBytes = HISTORY_BYTES, maxAgeMs = Number.POSITIVE_INFINITY } = history;
  return {
    checkpointBytes: checkLimit("checkpointBytes", checkpointBytes, 1),
    removeExpiredAfterMs: checkLimit("removeExpiredAfterMs", removeExpiredAfterMs, 1),
    history: {
      maxBytes: checkLimit("history.maxBytes", maxBytes, 0),
      maxAgeMs: checkLimit("history.maxAgeMs", maxAgeMs, 0),
    },
    onReport: later(onReport),
  };
}

/** A record has to hold the largest commit; whether there has to be a log is decided by the database. */
function logOptions(log: DatabaseLogOptions, readOnly: boolean): LogOptions {
  return { ...log, maxRecordBytes: COMMIT_BYTES_MAX, readOnly };
}
