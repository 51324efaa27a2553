// Programs by chance, and what crashes of them can leave, within bounds of time. CRASH_SECONDS makes it go on for
// longer, CRASH_PROGRAMS for so many programs at least, CRASH_SEED makes other programs. The seed is printed with what was looked at, and with what is wrong.

import { describe, test } from "vitest";
import { explorePrograms, type Kind } from "./explore-programs.js";

const SEED = Number(process.env["CRASH_SEED"] ?? 1);
const MS = Number(process.env["CRASH_SECONDS"] ?? 5) * 1000;
/** On a busy machine the time may be up before much was done. */
const PROGRAMS = Number(process.env["CRASH_PROGRAMS"] ?? 10);
const timeout = MS * 3 + 600_000;

async function look(kind: Kind): Promise<void> {
  const cpu = process.cpuUsage();
  const tally = await explorePrograms({ kind, seed: SEED, durationMs: MS, programsMin: PROGRAMS });
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round((tally.states * 1e6) / (user + system));
  console.info(`seed ${SEED}: ${JSON.stringify(tally)}, ${rate} states a second of CPU time`);
}

describe("after a crash of any program, at any moment, each database is what it was after one of its commits", () => {
  test("where nothing fails", { timeout }, async () => {
    await look("cut");
  });

  test("where calls fail", { timeout }, async () => {
    await look("failing");
  });

  test("where the medium is damaged, or it is refused", { timeout }, async () => {
    await look("damaged");
  });
});
