// What the thread that fuzzes is given, and what it tells.

import type { Finding } from "./campaign.js";
import type { FileCoverage } from "./coverage.js";

export interface Job {
  readonly seed: number;
  readonly durationMs: number;
  /** Pieces of names of targets; all if there is none. */
  readonly only: readonly string[];
  /** URL of the module that has the targets. */
  readonly targets: string;
  /** Where the input at hand is: how many there were, the number of its target, its length; then the packed input. */
  readonly memory: SharedArrayBuffer;
}

/** Where the packed input begins in the shared memory. */
export const INPUT_AT = 16;

export type Told =
  | { readonly is: "begun"; readonly targets: readonly string[] }
  | { readonly is: "done"; readonly done: Done };

export interface Done {
  readonly findings: readonly Finding[];
  readonly targets: readonly TargetTally[];
  readonly coverage: readonly FileCoverage[];
}

export interface TargetTally {
  readonly target: string;
  /** Inputs judged. */
  readonly inputs: number;
  /** Of them, those that reached something new. */
  readonly kept: number;
}
