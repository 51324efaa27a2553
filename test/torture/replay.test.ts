// Plays a kill again, as the line says that a violation printed. The moment of a kill from outside depends on time as
// well: those are played several times.

import { test } from "vitest";
import { KillTally } from "./kills/course.js";
import { playAgain } from "./kills/plays.js";

const played = process.env["KILLS_REPLAY"];
const TIMES = 10;

test("a kill that is played again leaves what it must", { timeout: 600_000 }, async () => {
  if (played === undefined) return;
  const tally = new KillTally();
  for (let time = 0; time < TIMES; time++) await playAgain(JSON.parse(played), tally);
});
