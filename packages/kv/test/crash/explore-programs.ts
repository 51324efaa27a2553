// Programs by chance, and what crashes of them leave, for as long as one likes. Needs no test runner.

import { CrashTally } from "@tidemark/wal/testing";
import fc from "fast-check";
import { type Effort, explore } from "./explore.js";
import { programs } from "./programs.js";
import type { Variation } from "./workload.js";

/** What befalls the programs: power cuts and kills alone, calls that fail too, or media that are damaged. */
export type Kind = "cut" | "failing" | "damaged";

export const KINDS: readonly Kind[] = ["cut", "failing", "damaged"];

export interface Exploration {
  readonly kind: Kind;
  /** Decides which programs there are, and which of their crash states are looked at. */
  readonly seed: number;
  /** How long it goes on, in ms. */
  readonly durationMs: number;
}

/** Little of each program, so that there are many of them. */
const EFFORTS: Record<Kind, Omit<Effort, "seed">> = {
  cut: { profiles: ["P0", "P1", "P2", "P3"], budget: 5, momentsMax: 8, deepOneIn: 50 },
  failing: { profiles: ["P0", "P1", "P2", "P4"], budget: 5, momentsMax: 8, deepOneIn: 50 },
  damaged: { profiles: ["P5"], budget: 8, momentsMax: 12 },
};

/** A damaged log is repaired in half of the programs: what is before the damage stays, or what is after it. */
const variations: Record<Kind, fc.Arbitrary<Variation>> = {
  cut: fc.constant({}),
  failing: fc.constant({}),
  damaged: fc.constantFrom({}, {}, { repair: "before" }, { repair: "after" }),
};

/**
 * Makes programs for databases and looks at what crashes of them leave, until the time is up. Resolves with what was
 * looked at. Rejects at the first thing that is wrong, once the program is as small as can be, with the line that
 * shows it again.
 */
export async function explorePrograms({
  kind,
  seed,
  durationMs,
}: Exploration): Promise<CrashTally> {
  const tally = new CrashTally();
  const property = fc.asyncProperty(
    programs(kind === "failing"),
    fc.nat(1_000_000),
    variations[kind],
    async (program, stateSeed, variation) => {
      await explore(program, { ...EFFORTS[kind], seed: stateSeed }, tally, variation);
    },
  );
  await fc.assert(property, {
    seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: durationMs,
  });
  return tally;
}
