// Writers that are processes of their own and are killed with SIGKILL, on the machine's file system: some of what
// `npm run torture` does for as long as it is told. KILLS_SEED makes it others.

import { describe, expect, test } from "vitest";
import { KillTally, playCourse } from "./kills/course.js";
import { playSteps } from "./kills/plays.js";
import { playRelay } from "./kills/relay.js";

const SEED = Number(process.env["KILLS_SEED"] ?? 1);
/** For the kills at named steps, of which there are thousands. */
const STEPS_MS = Number(process.env["KILLS_SECONDS"] ?? 10) * 1000;
/** Stands for a hang: the machine may have much else to do. */
const timeout = 600_000;

function print(tally: KillTally): void {
  console.info(`seed ${SEED}: ${JSON.stringify(tally)}`);
}

describe.concurrent("a writer process that is killed", () => {
  describe("fault 50: at moments by chance, and the next ones too", () => {
    test.each(["log", "database"] as const)(
      "leaves what was acknowledged, and nothing half: %s",
      { timeout },
      async (course) => {
        const tally = new KillTally();
        // Some lives come to their end by themselves, some are killed as they open: more of them the slower they are.
        for (let seed = SEED; tally.kills < 4 || tally.acknowledged < 20; seed++)
          await playCourse({ course, seed, lives: 8 }, tally);
        print(tally);
      },
    );
  });

  describe("fault 52: while others wait for the lock", () => {
    test.each(["log", "database"] as const)(
      "hands it to one of them, at once and to none beside: %s",
      { timeout },
      async (relay) => {
        const tally = new KillTally();
        await playRelay({ relay, seed: SEED, turns: 4 }, tally);
        print(tally);
        expect(tally.kills).toBe(4);
      },
    );
  });

  test("at named steps of its work is recovered from, within bounds of time", {
    timeout,
  }, async () => {
    const tally = new KillTally();
    const untilMs = performance.now() + STEPS_MS;
    let number = 0;
    const play = async () => {
      do {
        await playSteps({ seed: SEED, number: number++, steps: 6 }, tally);
      } while (performance.now() < untilMs || tally.kills === 0);
    };
    await Promise.all([play(), play()]);
    print(tally);
  });
});
