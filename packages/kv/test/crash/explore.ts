// Explores what crashes of a program for a database leave, and shows single states again.

import {
  type CrashEffort,
  CrashTally,
  CrashViolation,
  exploreCrashes,
  replayCrash,
} from "@tidemark/wal/testing";
import type { Facts } from "./model.js";
import type { Program } from "./program.js";
import { replayLine, type Variation, type Where, workloadOf } from "./workload.js";

export type Effort = CrashEffort<Facts>;

/** As `exploreCrashes`. What goes wrong while the program runs is told with the line that shows it again. */
export async function explore(
  program: Program,
  effort: Effort,
  tally = new CrashTally(),
  variation: Variation = {},
): Promise<CrashTally> {
  try {
    return await exploreCrashes(workloadOf(program, variation), effort, tally);
  } catch (error) {
    if (error instanceof CrashViolation) throw error;
    const line = replayLine({ program });
    throw new Error(`while it ran: ${String(error)}\n  to see it again: ${line}`, { cause: error });
  }
}

/** Looks at the one state that `where` names. */
export async function replay({ program, repair, ...place }: Where): Promise<void> {
  const { moment, profile, choice } = place;
  if (moment === undefined || profile === undefined || choice === undefined) {
    await explore(program, { profiles: [] });
    return;
  }
  const workload = workloadOf(program, repair === undefined ? {} : { repair });
  await replayCrash(workload, { moment, profile, choice });
}
