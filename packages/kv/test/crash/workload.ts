// A program for a database as the exploration of crashes takes it: how it runs, how what is left is opened, and the
// oracle of the faults' list.

import type { CrashPlace, CrashWorkload } from "@tidemark/wal/testing";
import { difference, judge, judgeDamaged } from "./judge.js";
import type { Facts, Shown } from "./model.js";
import type { Program } from "./program.js";
import { recover, repairAll } from "./recovery.js";
import { type Arrange, runProgram } from "./run.js";

/** What else is done than to run a program and to open what crashes of it leave. */
export interface Variation {
  /** The log of every database is repaired before it is opened, and keeps what is before the damage, or after it. */
  readonly repair?: "before" | "after";
  readonly arrange?: Arrange;
}

export function workloadOf(
  program: Program,
  { repair, arrange }: Variation = {},
): CrashWorkload<Facts, Shown> {
  return {
    run: (recorder) => runProgram(program, recorder, arrange),
    async recover(disk) {
      if (repair !== undefined) await repairAll(disk, repair);
      return recover(disk);
    },
    check: (shown, facts, { profile, of }) =>
      facts.doubtful || profile === "P5" ? judgeDamaged(shown, facts) : judge(shown, facts, of),
    same: difference,
    isDiskHonest: ({ doubtful }) => !doubtful,
    replayLine: (place) => replayLine({ program, ...place, ...(repair && { repair }) }),
  };
}

/** What a violation prints. Without a place it came while the program ran. */
export interface Where extends Partial<CrashPlace> {
  readonly program: Program;
  readonly repair?: "before" | "after";
}

/** What shows a program, or one state of it, again. */
export function replayLine(where: Where): string {
  const line = "npx vitest run packages/kv/test/crash/replay.test.ts";
  return `CRASH_REPLAY_DATABASE='${JSON.stringify(where)}' ${line}`;
}
