// What a writer that may be killed at any moment tells the process that started it: lines on a pipe, written at once, so
// that what was told before the kill is there after it. Issues are told before the call, outcomes after it.

import { writeSync } from "node:fs";
import type { Issue } from "./issue.js";

export type Line =
  | {
      readonly is: "opened";
      readonly start: number;
      readonly end: number;
      /** Of all that it showed, see `digest.ts`. */
      readonly digest: number;
      /** Taken over from a writer that died. */
      readonly takenOver: boolean;
      /** Moment in µs, comparable between processes of one machine. */
      readonly atUs: number;
    }
  | { readonly is: "issued"; readonly issue: Issue }
  | {
      readonly is: "done";
      /** Number of the issue. */
      readonly number: number;
      /** Offset that the call resolved with, if it does with one. */
      readonly offset?: number;
      /** Of the log, at this moment. */
      readonly start: number;
      readonly durable: number;
      readonly atUs: number;
    }
  /** A call of the file system that changes something is about to be made. */
  | { readonly is: "call"; readonly step: string }
  /** Another holds the lock. */
  | { readonly is: "locked" }
  | { readonly is: "wrong"; readonly text: string }
  /** Everything was done and closed. */
  | { readonly is: "ended" };

/** Nobody changes it: a place to wait at. */
const IDLE = new Int32Array(new SharedArrayBuffer(4));

export function tell(line: Line): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      if (!isFull(error)) throw error;
      Atomics.wait(IDLE, 0, 0, 1);
    }
  }
}

/** The pipe takes no more for now. */
function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
