// Programs by chance, and what crashes of them leave, for as long as one likes. Needs no test runner.

import { CrashTally } from "@tidemark/wal/testing";
import fc from "fast-check";
import { type Effort, explore } from "./explore.js";
import type { Program } from "./program.js";
import { programs } from "./programs.js";
import type { Variation } from "./workload.js";

/** What befalls the programs: power cuts and kills alone, calls that fail too, or media that are damaged. */
export type Kind = "cut" | "failing" | "damaged";

export interface Exploration {
  readonly kind: Kind;
  /** Decides which programs there are, and which of their crash states are looked at. */
  readonly seed: number;
  /** How long it goes on, in ms. */
  readonly durationMs: number;
  /** So many programs are looked at even where that takes longer; default 0. */
  readonly programsMin?: number;
  /** Told of each program that is begun. */
  readonly onProgram?: (program: Program) => void;
}

/** Little of each program, so that there are many of them. */
const EFFORTS: Record<Kind, Omit<Effort, "seed">> = {
  cut: { profiles: ["P0", "P1", "P2", "P3"], budget: 5, momentsMax: 8, deepOneIn: 50 },
  failing: { profiles: ["P0", "P1", "P2", "P4"], budget: 5, momentsMax: 8, deepOneIn: 50 },
  damaged: { profiles: ["P5"], budget: 8, momentsMax: 12 },
};

/** What is damaged is repaired in most of the programs. */
const variations: Record<Kind, fc.Arbitrary<Variation>> = {
  cut: fc.constant({}),
  failing: fc.constant({}),
  damaged: fc.constantFrom(
    {},
    {},
    { repair: "before" },
    { repair: "after" },
    { repair: "history" },
    { repair: "newest" },
  ),
};

/** Programs made in one go: each go begins with small ones. */
const PROGRAMS_MAX = 100;
/** How long a program that fails is made smaller. */
const SHRINKING_MS = 60_000;

/**
 * Makes programs for databases and looks at what crashes of them leave, until the time is up. Resolves with what was
 * looked at, added to `tally`. Rejects at the first thing that is wrong, once the program is as small as can be, with
 * the line that shows it again.
 */
export async function explorePrograms(
  { kind, seed, durationMs, programsMin = 0, onProgram = () => undefined }: Exploration,
  tally = new CrashTally(),
): Promise<CrashTally> {
  let untilMs = performance.now() + durationMs;
  let left = programsMin;
  let failed = false;
  const isOver = () => performance.now() >= untilMs && (failed || left <= 0);
  const property = fc.asyncProperty(
    programs(kind === "failing"),
    fc.nat(1_000_000),
    variations[kind],
    async (program, stateSeed, variation) => {
      if (isOver()) return;
      left -= 1;
      onProgram(program);
      try {
        await explore(program, { ...EFFORTS[kind], seed: stateSeed }, tally, variation);
      } catch (error) {
        if (!failed) untilMs = performance.now() + SHRINKING_MS;
        failed = true;
        throw error;
      }
    },
  );
  for (let go = 0; !isOver(); go++) {
    const options = { seed: seed + go, numRuns: PROGRAMS_MAX };
    const { errorInstance } = await fc.check(property, options);
    if (failed) throw errorInstance;
  }
  return tally;
}
