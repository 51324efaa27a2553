// Calls that fail on demand.

import type { FileSystemCall } from "../file-system.js";

/**
 * What a failing call does before it fails.
 *
 * Any call: `"undone"` nothing, `"done"` all of its work. Writes: `"half"` half of the bytes, `"short"` half of
 * them, and no failure: the count tells. Syncs, as file systems do it: `"keeps"` memory keeps the new bytes as if
 * they were written, but the disk need not have them, and the next sync succeeds without writing them; `"late"` so
 * too, but this sync succeeds and the next one fails; `"reverts"` memory falls back to what the disk has; `"lies"`
 * nothing, and no failure, as a program that forgot the sync. Changes of a directory are not forgotten in any of them.
 */
export type FaultManner =
  | "undone"
  | "done"
  | "lies"
  | "half"
  | "short"
  | "keeps"
  | "late"
  | "reverts";

/** Which calls fail, and how. */
export interface FaultPlan {
  readonly call: FileSystemCall | readonly FileSystemCall[];
  /** Only for paths that match. */
  readonly path?: RegExp;
  /** Calls that go well before; default 0. */
  readonly after?: number;
  /** Calls that fail then; default all that follow. */
  readonly times?: number;
  /** The system's name of the error; default `EIO`. */
  readonly code?: string;
  /** Default `"undone"`; for syncs `"keeps"`. */
  readonly manner?: FaultManner;
}

/** A planned fault; `lift` ends it. */
export class PlannedFault {
  /** Calls that it struck. */
  hits = 0;
  readonly plan: FaultPlan;
  #before: number;
  #left: number;

  constructor(plan: FaultPlan) {
    this.plan = plan;
    this.#before = plan.after ?? 0;
    this.#left = plan.times ?? Number.POSITIVE_INFINITY;
  }

  /** From now on calls succeed again. */
  lift(): void {
    this.#left = 0;
  }

  /** Whether this call is one that fails; counts it. */
  strikes(call: FileSystemCall, path: string): boolean {
    const { call: meant, path: pattern } = this.plan;
    const isMeant = typeof meant === "string" ? meant === call : meant.includes(call);
    if (!isMeant || this.#left === 0 || pattern?.test(path) === false) return false;
    if (this.#before > 0) {
      this.#before -= 1;
      return false;
    }
    this.#left -= 1;
    this.hits += 1;
    return true;
  }
}
