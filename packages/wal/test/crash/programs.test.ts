// Programs by chance, and all that crashes of them can leave, within bounds of time. CRASH_SECONDS makes it go on for
// longer, CRASH_SEED makes other programs. The seed is printed with what was looked at, and with what is wrong.

import { crc32 } from "@tidemark/wal";
import { CrashTally } from "@tidemark/wal/testing";
import fc from "fast-check";
import { describe, test } from "vitest";
import wal from "../../package.json" with { type: "json" };
import { type Effort, explore } from "./explore.js";
import { programs } from "./programs.js";

/** The same for each run of a version. */
const SEED = Number(process.env["CRASH_SEED"] ?? crc32(Buffer.from(wal.version)) >>> 1);
const MS = Number(process.env["CRASH_SECONDS"] ?? 5) * 1000;

async function lookAtPrograms(faults: boolean, effort: Omit<Effort, "seed">): Promise<void> {
  const tally = new CrashTally();
  const start = performance.now();
  let atWork = Promise.resolve(tally);
  await fc.assert(
    fc.asyncProperty(programs(faults), fc.nat(1_000_000), async (program, seed) => {
      atWork = explore(program, { ...effort, seed }, tally);
      await atWork;
    }),
    { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: MS },
  );
  // When the time is up, one is still at work.
  await atWork;
  const perSecond = Math.round(tally.states / ((performance.now() - start) / 1000));
  console.info(`seed ${SEED}: ${JSON.stringify(tally)}, ${perSecond} states a second`);
}

describe("after a crash of any program, at any moment, the log holds what it must", () => {
  const effort = { profiles: ["P0", "P1", "P2", "P3"], budget: 12, momentsMax: 30 } as const;

  test("where nothing fails", { timeout: MS * 3 + 60_000 }, async () => {
    await lookAtPrograms(false, { ...effort, deepOneIn: 40 });
  });

  test("where calls fail", { timeout: MS * 3 + 60_000 }, async () => {
    await lookAtPrograms(true, { ...effort, profiles: ["P0", "P1", "P2", "P4"], deepOneIn: 40 });
  });

  test("where the medium is damaged, it is refused or shown as far as it is whole", {
    timeout: MS * 3 + 60_000,
  }, async () => {
    await lookAtPrograms(false, { profiles: ["P5"], budget: 12, momentsMax: 20, deepOneIn: 1e9 });
  });
});
