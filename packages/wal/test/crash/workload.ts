// A program for the log as the exploration of crashes takes it: how it runs, how what is left is opened, and the
// oracle of the faults' list.

import { Log, LogError } from "@tidemark/wal";
import type { CrashPlace, CrashWorkload, Recovered, SimulatedDisk } from "@tidemark/wal/testing";
import { differenceOf, type Facts, judge, judgeDamaged, type Shown } from "./model.js";
import { DIRECTORY, logOptions, type Program, payloadOf } from "./program.js";
import { runProgram } from "./run.js";
import { show } from "./show.js";

/** How damage is refused. */
const REFUSALS = new Set(["LOG_CORRUPT", "LOG_IO", "LOG_UNSUPPORTED_VERSION"]);

/** Later than any program. */
const NOW = 5_000_000;

export interface Refusal {
  readonly refused: string;
  readonly message: string;
}

export function workloadOf(program: Program): CrashWorkload<Facts, Shown | Refusal> {
  return {
    run: (recorder) => runProgram(program, recorder),
    recover,
    check(shown, facts, { profile, of }) {
      const damaged = facts.doubtful || profile === "P5";
      if ("refused" in shown) return damaged ? undefined : `${shown.refused}: ${shown.message}`;
      if (damaged) return judgeDamaged(shown, facts);
      const verdict = judge(shown, facts, of);
      return typeof verdict === "string" ? verdict : undefined;
    },
    same(again, first) {
      if ("refused" in again) return `${again.refused}: ${again.message}`;
      return "refused" in first ? "refused at first" : differenceOf(again, first);
    },
    isDiskHonest: ({ doubtful }) => !doubtful,
    replayLine: (place) => replayLine(program, place),
  };
}

/** What shows a program, or one state of it, again. */
export function replayLine(program: Program, place?: CrashPlace): string {
  const where = JSON.stringify({ program, ...place });
  return `CRASH_REPLAY='${where}' npx vitest run packages/wal/test/crash/replay.test.ts`;
}

async function recover(disk: SimulatedDisk): Promise<Recovered<Facts, Shown | Refusal>> {
  const options = logOptions({ durability: "commit" }, () => NOW);
  try {
    const log = await Log.open(DIRECTORY, { ...options, fileSystem: disk });
    const shown = show(log);
    return {
      shown,
      async goOn(facts, random) {
        // A long one begins a new segment.
        const payload = payloadOf(999_999, random.oneIn(2) ? 40 : 3900);
        await log.append(payload, { sync: true });
        return afterCommit(facts, shown, payload);
      },
      close: () => log.close(),
    };
  } catch (error) {
    if (!(error instanceof LogError) || !REFUSALS.has(error.code)) throw error;
    return { shown: { refused: error.code, message: error.message } };
  }
}

/** What is known once one more record is committed to what was shown. */
function afterCommit(facts: Facts, shown: Shown, payload: Uint8Array): Facts {
  const { startOffset, records } = shown;
  const before: Shown["records"] = Array.from({ length: startOffset }, () => GONE);
  const held = [...before, ...records, { payload, time: NOW }];
  return {
    ...facts,
    operations: [{ kind: "append", records: held, rejected: false }],
    spared: { process: 1, machine: 1 },
    startMin: startOffset,
    startMax: startOffset,
  };
}

const GONE = { payload: new Uint8Array(0), time: 0 };
