// The options of a log: checked and completed once, at open; everything behind works on the result.

import { LogError } from "./errors.js";
import type { FileSystem } from "./file-system.js";
import { nodeFileSystem } from "./node/node-file-system.js";

/**
 * When an append resolves: `"commit"` once fdatasync'ed (survives power loss), `"interval"` once written to
 * the system and fdatasync'ed every `syncIntervalMs` (survives a process crash, and power loss but for the
 * interval; while that sync is at work, appends gather and wait for it), `"os"` once written to the system (survives a process crash).
 */
export type Durability = "commit" | "interval" | "os";

/** Background trouble that harmed nothing, or something odd that was seen. */
export interface LogReport {
  readonly kind:
    | "extend"
    | "prepare"
    | "seal"
    | "index"
    | "drop"
    | "retention"
    | "clock"
    | "leftover";
  readonly message: string;
  readonly cause?: unknown;
}

/** Where a restored log's records come from. */
export interface Ancestry {
  readonly logId: string;
  /** The first offset that is not shared with that log. */
  readonly offset: number;
}

/** How much of the log to keep; looked at when it opens, when a segment is full and, for age, now and then. The active segment always stays, and only whole segments go. */
export interface Retention {
  /** Bytes of store files. */
  readonly maxBytes?: number;
  /** A segment goes when its newest record is older than this, in ms. */
  readonly maxAgeMs?: number;
}

/** Options of `Log.open`; unknown or senseless ones reject with `LOG_INVALID_ARGUMENT`. */
export interface LogOptions {
  /** Default `"commit"`. */
  readonly durability?: Durability;
  /** For `"interval"`, in ms; default 100. */
  readonly syncIntervalMs?: number;
  /** Bytes at which a segment is full, 4 KiB to 2 GiB - 1; default 64 MiB. */
  readonly segmentBytes?: number;
  /** The longest payload of one record, in bytes; default 64 MiB. */
  readonly maxRecordBytes?: number;
  /** Bytes of appends that may wait at a time; beyond, `append` rejects with `LOG_BUSY`. Default 256 MiB. */
  readonly maxPendingBytes?: number;
  /** Idle time in ms after which a note states what is durable; default 50, 0 for never. */
  readonly noteAfterMs?: number;
  readonly retention?: Retention;
  /** Reads beside a live writer; takes no lock and changes nothing on disk. */
  readonly readOnly?: boolean;
  /**
   * For `readOnly`: an offset that the writer's `sync` resolved with, told by whoever knows it. What is below is shown at
   * once, before the log itself states that it is durable, and has to be there. Default: what the log states.
   */
  readonly durableOffset?: number;
  /** Default true; false rejects with `LOG_NOT_FOUND` where there is no log. */
  readonly createIfMissing?: boolean;
  /** Rejects with `LOG_EXISTS` where there is a log. */
  readonly errorIfExists?: boolean;
  /** Offset of the first record of a new log; default 0. */
  readonly startOffset?: number;
  /** Recorded in a new log. */
  readonly ancestry?: Ancestry;
  /** Told once when the log is poisoned. */
  readonly onFailure?: (failure: LogError) => void;
  /** Told of background work that went wrong and harmed nothing. */
  readonly onReport?: (report: LogReport) => void;
  readonly fileSystem?: FileSystem;
  /** ms since the Unix epoch; default `Date.now`. */
  readonly clock?: () => number;
}

/** Options with every default in place. */
export interface ResolvedOptions {
  readonly durability: Durability;
  readonly syncIntervalMs: number;
  readonly segmentBytes: number;
  readonly maxRecordBytes: number;
  readonly maxPendingBytes: number;
  readonly noteAfterMs: number;
  readonly retention: Retention;
  readonly readOnly: boolean;
  readonly durableOffset: number;
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
  readonly startOffset: number;
  readonly ancestry: Ancestry | undefined;
  readonly onFailure: (failure: LogError) => void;
  readonly onReport: (report: LogReport) => void;
  readonly fileSystem: FileSystem;
  readonly clock: () => number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** Positions stay below 2 GiB: what a memory map takes, and what the index holds with room to spare. */
export const STORE_BYTES_MAX = 2 ** 31 - 1;
const TIMER_MS_MAX = 2 ** 31 - 1;
const OFFSET_MAX = Number.MAX_SAFE_INTEGER;

const KNOWN = [
  "durability",
  "syncIntervalMs",
  "segmentBytes",
  "maxRecordBytes",
  "maxPendingBytes",
  "noteAfterMs",
  "retention",
  "readOnly",
  "durableOffset",
  "createIfMissing",
  "errorIfExists",
  "startOffset",
  "ancestry",
  "onFailure",
  "onReport",
  "fileSystem",
  "clock",
];

export function resolveOptions(options: LogOptions = {}): ResolvedOptions {
  checkKeys("options", options, KNOWN);
  const { ancestry } = options;
  const resolved = {
    durability: oneOf("durability", or(options.durability, "commit"), ["commit", "interval", "os"]),
    retention: resolveRetention(or(options.retention, {})),
    readOnly: flag("readOnly", or(options.readOnly, false)),
    durableOffset: whole("durableOffset", or(options.durableOffset, 0), 0, OFFSET_MAX),
    createIfMissing: flag("createIfMissing", or(options.createIfMissing, true)),
    errorIfExists: flag("errorIfExists", or(options.errorIfExists, false)),
    startOffset: whole("startOffset", or(options.startOffset, 0), 0, OFFSET_MAX),
    ancestry: ancestry === undefined ? undefined : resolveAncestry(ancestry),
    onFailure: later(callable("onFailure", or(options.onFailure, ignore))),
    onReport: later(callable("onReport", or(options.onReport, ignore))),
    fileSystem: resolveFileSystem(options.fileSystem),
    clock: callable("clock", or(options.clock, Date.now)),
    // Last: properties that follow on a spread are set one by one, at ten times the price of all of them.
    ...resolveLimits(options),
  };
  if (resolved.readOnly) checkReadOnly(options);
  else if (options.durableOffset !== undefined)
    throw invalid("durableOffset", "left out without readOnly", options.durableOffset);
  return resolved;
}

function resolveLimits(options: LogOptions) {
  const { syncIntervalMs, segmentBytes, maxRecordBytes, maxPendingBytes, noteAfterMs } = options;
  const [recordMax, pendingMax] = [STORE_BYTES_MAX - 4 * KIB, Number.MAX_SAFE_INTEGER];
  return {
    syncIntervalMs: whole("syncIntervalMs", or(syncIntervalMs, 100), 1, TIMER_MS_MAX),
    segmentBytes: whole("segmentBytes", or(segmentBytes, 64 * MIB), 4 * KIB, STORE_BYTES_MAX),
    maxRecordBytes: whole("maxRecordBytes", or(maxRecordBytes, 64 * MIB), 1, recordMax),
    maxPendingBytes: whole("maxPendingBytes", or(maxPendingBytes, 256 * MIB), 1, pendingMax),
    noteAfterMs: whole("noteAfterMs", or(noteAfterMs, 50), 0, TIMER_MS_MAX),
  };
}

const ignore = () => undefined;

/** A read-only opening neither creates nor writes: options that ask for either are a misunderstanding. */
function checkReadOnly(options: LogOptions): void {
  for (const name of [
    "createIfMissing",
    "errorIfExists",
    "retention",
    "startOffset",
    "ancestry",
  ] as const) {
    const value = options[name];
    if (value === undefined || value === false) continue;
    throw new LogError("LOG_INVALID_ARGUMENT", `option ${name} makes no sense with readOnly`);
  }
}

const CALLS: readonly (keyof FileSystem)[] = [
  "open",
  "openSync",
  "create",
  "makeDirectory",
  "list",
  "listSync",
  "rename",
  "unlink",
  "removeDirectory",
  "syncDirectory",
  "sizeSync",
  "openCommitter",
  "identity",
  "processExists",
];

/** Anything with the calls of one; what else it is shows when it is used. */
export function resolveFileSystem(fileSystem: FileSystem | undefined): FileSystem {
  if (fileSystem === undefined) return nodeFileSystem;
  const known = typeof fileSystem === "object" && fileSystem !== null;
  if (known && CALLS.every((call) => typeof fileSystem[call] === "function")) return fileSystem;
  throw invalid("fileSystem", "a FileSystem", fileSystem);
}

function resolveRetention(retention: Retention): Retention {
  checkKeys("retention", retention, ["maxBytes", "maxAgeMs"]);
  const { maxBytes, maxAgeMs } = retention;
  return {
    ...(maxBytes === undefined
      ? {}
      : { maxBytes: whole("retention.maxBytes", maxBytes, 0, Number.MAX_SAFE_INTEGER) }),
    ...(maxAgeMs === undefined
      ? {}
      : { maxAgeMs: whole("retention.maxAgeMs", maxAgeMs, 0, Number.MAX_SAFE_INTEGER) }),
  };
}

function resolveAncestry(ancestry: Ancestry): Ancestry {
  checkKeys("ancestry", ancestry, ["logId", "offset"]);
  const offset = whole("ancestry.offset", ancestry.offset, 0, Number.MAX_SAFE_INTEGER);
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(ancestry.logId)) {
    throw invalid("ancestry.logId", "a UUID in lower case", ancestry.logId);
  }
  return { logId: ancestry.logId, offset };
}

/** Refuses what is no plain set of the known options. */
export function checkKeys(name: string, value: object, known: readonly string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(name, "an object", value);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw new LogError("LOG_INVALID_ARGUMENT", `unknown key ${JSON.stringify(key)} in ${name}`, {
        expected: known.join(", "),
      });
    }
  }
}

/** An integer within bounds, both inclusive. */
export function whole(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max)
    return value;
  throw invalid(name, `an integer from ${min} to ${max}`, value);
}

/** A callback that throws must not keep the log from finishing what it is at. */
function later<T>(callback: (value: T) => void): (value: T) => void {
  return (value) => queueMicrotask(() => callback(value));
}

/** Only what is not given gets the default: null is a value, and not a sensible one. */
export function or<T>(value: T | undefined, fallback: T): T {
  return value === undefined ? fallback : value;
}

export function flag(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw invalid(name, "true or false", value);
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw invalid(name, allowed.join(", "), value);
}

export function callable<T>(name: string, value: T): T {
  if (typeof value === "function") return value;
  throw invalid(name, "a function", value);
}

export function invalid(name: string, expected: string, actual: unknown): LogError {
  return new LogError("LOG_INVALID_ARGUMENT", `${name} is not valid`, {
    expected,
    actual: show(actual),
  });
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "object" && value !== null) return Object.prototype.toString.call(value);
  return String(value);
}
