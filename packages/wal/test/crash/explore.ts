// Explores what crashes of a program for the log leave, and shows single states again.

import {
  type CrashEffort,
  type CrashPlace,
  CrashTally,
  CrashViolation,
  exploreCrashes,
  replayCrash,
} from "@tidemark/wal/testing";
import type { Facts } from "./model.js";
import type { Program } from "./program.js";
import { replayLine, workloadOf } from "./workload.js";

export type Effort = CrashEffort<Facts>;

/** As `exploreCrashes`. What goes wrong while the program runs is told with the line that shows it again. */
export async function explore(
  program: Program,
  effort: Effort,
  tally = new CrashTally(),
): Promise<CrashTally> {
  try {
    return await exploreCrashes(workloadOf(program, false), effort, tally);
  } catch (error) {
    if (error instanceof CrashViolation) throw error;
    throw new Error(`while it ran: ${String(error)}\n  to see it again: ${replayLine(program)}`, {
      cause: error,
    });
  }
}

/** What a violation prints. Without a place it came while the program ran. */
export interface Where extends Partial<CrashPlace> {
  readonly program: Program;
}

/** Looks at the one state that `where` names. */
export async function replay({ program, moment, profile, choice }: Where): Promise<void> {
  if (moment === undefined || profile === undefined || choice === undefined) {
    await explore(program, { profiles: [] });
    return;
  }
  await replayCrash(workloadOf(program, true), { moment, profile, choice });
}
