// What the processes of the torture command say to each other: one hands out slices of the time, the others tell what
// they have looked at in theirs.

import type { Kind } from "../../packages/wal/test/crash/explore-programs.js";

/** Programs on a simulated disk, writers killed on a real one, or changed bytes for whatever reads some. */
export type Part = "log" | "database" | "kills" | "fuzz";

export const PARTS: readonly Part[] = ["log", "database", "kills", "fuzz"];

/** Some time spent on one thing. */
export interface Slice {
  readonly part: Part;
  /** What befalls programs. */
  readonly kind: Kind;
  readonly seed: number;
  readonly durationMs: number;
}

/** Numbers of what was looked at; they add up. */
export interface Tally {
  /** Crash states. */
  readonly states: number;
  /** Of these the ones that were opened: the others read the same as one before, of the same program. */
  readonly opened: number;
  readonly programs: number;
  /** Time of a core, in µs, that programs and their states took. */
  readonly cpuUs: number;
  /** Processes ended by SIGKILL. */
  readonly kills: number;
  /** Inputs judged by fuzzing. */
  readonly inputs: number;
}

export const NOTHING: Tally = {
  states: 0,
  opened: 0,
  programs: 0,
  cpuUs: 0,
  kills: 0,
  inputs: 0,
};

export function sum(a: Tally, b: Tally): Tally {
  return {
    states: a.states + b.states,
    opened: a.opened + b.opened,
    programs: a.programs + b.programs,
    cpuUs: a.cpuUs + b.cpuUs,
    kills: a.kills + b.kills,
    inputs: a.inputs + b.inputs,
  };
}

/** What a worker tells of its slice. */
export type Told =
  /** What it is at: the line that shows it again, should it never come to an end. */
  | { readonly is: "at"; readonly replayLine: string }
  /** So far, every second. */
  | { readonly is: "tally"; readonly tally: Tally }
  | { readonly is: "done"; readonly tally: Tally; readonly violations: readonly string[] };

/** What a worker is told. */
export type Order = { readonly do: "slice"; readonly slice: Slice } | { readonly do: "end" };
