// Verbs for small programs, and for looking at what crashes of them leave.

import type { CrashMoment, CrashProfile, CrashTally } from "@tidemark/wal/testing";
import { type Effort, explore } from "./explore.js";
import type { Facts } from "./model.js";
import type { Program, Step } from "./program.js";

export const POWER: readonly CrashProfile[] = ["P1", "P2", "P3"];
const ALL: readonly CrashProfile[] = ["P0", ...POWER];
/** As effort: every state that there is. */
export const ALL_STATES = { budget: Number.POSITIVE_INFINITY, limit: 50_000 } as const;

export const settle: Step = { do: "settle" };
export const checkpoint: Step = { do: "checkpoint" };
export const reopen: Step = { do: "reopen" };
export const sync: Step = { do: "sync" };

export function put(key: number, bytes: number): Step {
  return { do: "write", change: { key, bytes } };
}

export function del(key: number): Step {
  return { do: "write", change: { key } };
}

/** A program that settles after each step, so that each has its own calls. */
export function slowly(durability: Program["durability"], ...steps: Step[]): Program {
  return { durability, steps: steps.flatMap((step) => [step, settle]) };
}

/** The same steps without waiting, in some order of the calls. */
export function atOnce(program: Program, orderSeed: number): Program {
  return { ...program, orderSeed, steps: program.steps.filter((step) => step !== settle) };
}

export function look(program: Program, effort: Partial<Effort>): Promise<CrashTally> {
  return explore(program, { profiles: ALL, budget: 40, deepOneIn: 200, seed: 1, ...effort });
}

/** Moments right before, or in, calls on these paths. */
export function on(path: RegExp): (moment: CrashMoment<Facts>) => boolean {
  return ({ call }) => call !== undefined && path.test(call.path);
}
