// A program for a database as the exploration of crashes takes it: how it runs, how what is left is opened, and the
// oracle of the faults' list.

import type { CrashPlace, CrashWorkload } from "@tidemark/wal/testing";
import { difference, judge, judgeDamaged } from "./judge.js";
import type { Facts, Shown } from "./model.js";
import type { Program } from "./program.js";
import { directoriesOf, NOW, recover } from "./recovery.js";
import { checkKept, type Repair, repairAll } from "./repairing.js";
import { type Arrange, runProgram } from "./run.js";

/** What else is done than to run a program and to open what crashes of it leave. */
export interface Variation {
  /** Every database is repaired before it is opened. */
  readonly repair?: Repair;
  readonly arrange?: Arrange;
}

export function workloadOf(
  program: Program,
  { repair, arrange }: Variation = {},
): CrashWorkload<Facts, Shown> {
  return {
    run: (recorder) => runProgram(program, recorder, arrange),
    async recover(disk) {
      if (repair === undefined) return recover(disk);
      const kept = await repairAll(disk, directoriesOf(disk), repair, NOW);
      const recovered = await recover(disk);
      checkKept(kept, recovered.shown);
      return recovered;
    },
    check: (shown, facts, { profile, of }) =>
      facts.doubtful || profile === "P5"
        ? judgeDamaged(shown, facts, repair === "history")
        : judge(shown, facts, of),
    same: difference,
    isDiskHonest: ({ doubtful }) => !doubtful,
    replayLine: (place) => replayLine({ program, ...place, ...(repair && { repair }) }),
  };
}

/** What a violation prints. Without a place it came while the program ran. */
export interface Where extends Partial<CrashPlace> {
  readonly program: Program;
  readonly repair?: Repair;
}

/** What shows a program, or one state of it, again. */
export function replayLine(where: Where): string {
  const line = "npx vitest run packages/kv/test/crash/replay.test.ts";
  return `CRASH_REPLAY_DATABASE='${JSON.stringify(where)}' ${line}`;
}
