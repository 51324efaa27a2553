// Kills of all sorts, one play after the other. The nth play of a seed is always the same.

import { Random } from "@tidemark/wal/testing";
import { type KillTally, playCourse } from "./course.js";
import { databaseScenes } from "./database-scenes.js";
import { logScenes } from "./log-scenes.js";
import { playRelay } from "./relay.js";
import { type Play, type Scene, Stage } from "./scene.js";
import type { Played } from "./violation.js";

const scenes: readonly Scene[] = [...logScenes, ...databaseScenes];

interface Which {
  readonly seed: number;
  /** Number of the play. */
  readonly number: number;
}

/** Plays one sort or another. Throws a `KillViolation`. */
export async function playOne(which: Which, tally: KillTally): Promise<void> {
  const seed = seedOf(which);
  const { number } = which;
  switch (number % 6) {
    case 0:
    case 3:
      return playCourse({ course: "log", seed, lives: 8 }, tally);
    case 1:
    case 4:
      return playCourse({ course: "database", seed, lives: 8 }, tally);
    case 2:
      return playSteps({ ...which, number: Math.floor(number / 6), steps: 12 }, tally);
    default:
      return playRelay({ relay: number % 12 < 6 ? "log" : "database", seed, turns: 6 }, tally);
  }
}

function seedOf({ seed, number }: Which): number {
  return new Random(Math.imul(seed, 0x9e3779b1) + number).next();
}

/** One scene, killed at so many steps of different names; scenes take turns. Throws a `KillViolation`. */
export async function playSteps(
  which: Which & { readonly steps: number },
  tally: KillTally,
): Promise<void> {
  const first = new Random(which.seed).below(scenes.length);
  const random = new Random(seedOf(which));
  const stage = await Stage.set(found(scenes[(first + which.number) % scenes.length]));
  try {
    for (const play of somePlays(stage.plays, which.steps, random)) await stage.play(play, tally);
  } finally {
    stage.strike();
  }
}

/** One each of so many names of steps. */
function somePlays(plays: readonly Play[], steps: number, random: Random): Play[] {
  const left = [...plays];
  const chosen = new Map<string, Play>();
  while (chosen.size < steps && left.length > 0) {
    const [play] = left.splice(random.below(left.length), 1);
    if (play !== undefined && !chosen.has(play.step)) chosen.set(play.step, play);
  }
  return [...chosen.values()];
}

/** Plays again what a violation names. */
export async function playAgain(played: Played, tally: KillTally): Promise<void> {
  if ("course" in played) return playCourse(played, tally);
  if ("relay" in played) return playRelay(played, tally);
  if ("number" in played) return playOne(played, tally);
  const stage = await Stage.set(found(scenes.find(({ name }) => name === played.scene)));
  const { call, when } = played;
  try {
    const play = stage.plays.find((one) => one.call === call && one.when === when);
    if (play !== undefined) await stage.play(play, tally);
  } finally {
    stage.strike();
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("there is no such scene");
  return value;
}
