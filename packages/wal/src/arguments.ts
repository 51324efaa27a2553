// The arguments of appends and reads: what they are, and the errors for what they are not.

import { resolve } from "node:path";
import { LogError } from "./errors.js";
import { callable, invalid } from "./options.js";

/** Options of one append. */
export interface AppendOptions {
  /** Resolve once on stable storage, whatever the log's durability. */
  readonly sync?: boolean;
}

/** Offsets: `from` inclusive, `to` exclusive. */
export interface RecordRange {
  readonly from?: number;
  readonly to?: number;
}

export function readOnlyError(): LogError {
  return new LogError("LOG_READ_ONLY", "the log was opened with readOnly");
}

export function checkPayload(name: string, payload: unknown): LogError | undefined {
  if (!(payload instanceof Uint8Array)) return invalid(name, "a Uint8Array", payload);
  if (payload.length > 0 || hasMemory(payload)) return undefined;
  return invalid(name, "a Uint8Array with its memory", "one that is detached or out of bounds");
}

/** An array whose memory was transferred or shrunk away has no length, like an empty one. */
function hasMemory(payload: Uint8Array): boolean {
  try {
    // The one call that tells them apart on every version of Node.
    payload.fill(0);
    return true;
  } catch {
    return false;
  }
}

export function checkPayloads(payloads: readonly Uint8Array[]): LogError | undefined {
  if (!Array.isArray(payloads) || payloads.length === 0) {
    return invalid("payloads", "an array of at least one Uint8Array", payloads);
  }
  for (const [index, payload] of payloads.entries()) {
    const refusal = checkPayload(`payloads[${index}]`, payload);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

export function checkAppendOptions(options: AppendOptions | undefined): LogError | undefined {
  if (options === undefined) return undefined;
  const known = typeof options === "object" && options !== null;
  if (!known || Object.keys(options).some((key) => key !== "sync")) {
    return invalid("options of append", "{ sync?: boolean }", options);
  }
  const { sync } = options;
  return sync === undefined || typeof sync === "boolean"
    ? undefined
    : invalid("sync", "true or false", sync);
}

/** ms since the Unix epoch. */
export function checkTime(time: number | Date): number {
  const ms = typeof time === "number" ? time : time instanceof Date ? time.getTime() : Number.NaN;
  if (!Number.isFinite(ms)) throw invalid("time", "a finite number of ms or a valid Date", time);
  return ms;
}

export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw invalid("signal", "an AbortSignal", signal);
}

/** The absolute path: a relative one would lead elsewhere once the process changes its directory. */
export function checkDirectory(directory: string): string {
  if (typeof directory === "string" && directory !== "" && !directory.includes("\0")) {
    return resolve(directory);
  }
  throw invalid("directory", "a path", directory);
}

/** What long work may be given to be watched by. */
export function checkWatch(watch: {
  readonly signal?: unknown;
  readonly onProgress?: unknown;
}): void {
  checkSignal(watch.signal);
  if (watch.onProgress !== undefined) callable("onProgress", watch.onProgress);
}
