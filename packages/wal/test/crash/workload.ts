// A program for the log as the exploration of crashes takes it: how it runs, how what is left is opened, and the
// oracle of the faults' list.

import type { Log } from "@tidemark/wal";
import type { Crash, CrashPlace, CrashWorkload, Recovered } from "@tidemark/wal/testing";
import { Audit } from "./audit.js";
import { differenceOf, judge, judgeDamaged, judgeRepaired } from "./judge.js";
import type { Facts, Shown } from "./model.js";
import { logOptions, type Program, payloadOf } from "./program.js";
import { tryRepair } from "./repairing.js";
import { runProgram } from "./run.js";
import { openLog, type Refusal, refusalOf, show } from "./show.js";

/** Later than any program. */
const NOW = 5_000_000;
/** One disk in so many is also verified, read, and repaired where it is refused. */
const AUDIT_ONE_IN = 16;

/** A log that was refused, and what a repair made of it, if one was tried. */
interface Refused extends Refusal {
  readonly repaired: Shown | Refusal | undefined;
}

export type Outcome = Shown | Refused;

/** `thorough`: every disk is looked at in every way. */
export function workloadOf(program: Program, thorough: boolean): CrashWorkload<Facts, Outcome> {
  const repairs = thorough || program.steps.some((step) => step.do === "repair");
  let opened = 0;
  return {
    run: (recorder) => runProgram(program, recorder),
    async recover(disk) {
      opened += 1;
      const audited = thorough || opened % AUDIT_ONE_IN === 0;
      const audit = audited ? await Audit.of(disk) : undefined;
      const before = repairs || audited ? disk.fork() : undefined;
      const options = logOptions({ durability: "commit" }, () => NOW);
      try {
        const log = await openLog(disk, options);
        const shown = show(log);
        audit?.checkOpened(shown, log.recovery);
        return recovered(log, shown);
      } catch (error) {
        const refusal = refusalOf(error);
        audit?.checkRefused(refusal);
        const repaired = before === undefined ? undefined : await tryRepair(before, program);
        return { shown: { ...refusal, repaired } };
      }
    },
    check,
    same(again, first) {
      if ("refused" in again) return "refused" in first ? undefined : again.message;
      return "refused" in first ? "was refused at first" : differenceOf(again, first);
    },
    isDiskHonest: ({ doubtful, kept }) => !doubtful && kept === undefined,
    replayLine: (place) => replayLine(program, place),
  };
}

function check(shown: Outcome, facts: Facts, { profile, of }: Crash): string | undefined {
  const { doubtful, kept } = facts;
  // Damaged in a second place, it may be beyond repair, and keeps what it can.
  const known = profile === "P5" ? { ...facts, kept: undefined } : facts;
  if ("refused" in shown) {
    const { refused, message, repaired } = shown;
    const excused = profile === "P5" && refused !== "LOG_NO_SPACE";
    if (!doubtful && !excused && kept === undefined) return `${refused}: ${message}`;
    if (repaired === undefined) return undefined;
    if (!("refused" in repaired)) return judgeRepaired(repaired, known);
    return known.kept === undefined ? undefined : `cannot be repaired: ${repaired.message}`;
  }
  if (kept !== undefined) return judgeRepaired(shown, known);
  if (doubtful || profile === "P5") return judgeDamaged(shown, facts);
  const verdict = judge(shown, facts, of);
  return typeof verdict === "string" ? verdict : undefined;
}

/** What shows a program, or one state of it, again. */
export function replayLine(program: Program, place?: CrashPlace): string {
  const where = JSON.stringify({ program, ...place });
  return `CRASH_REPLAY='${where}' npx vitest run packages/wal/test/crash/replay.test.ts`;
}

function recovered(log: Log, shown: Shown): Recovered<Facts, Outcome> {
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
}

/** What is known once one more record is committed to what was shown. */
function afterCommit(facts: Facts, { startOffset, records }: Shown, payload: Uint8Array): Facts {
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
