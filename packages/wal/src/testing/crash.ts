// Crash profiles, and the states that a crash in each can leave: docs/testing.md says what they stand for.

import { CrashChoices, decodeChoice, encodeChoice } from "./crash-choices.js";
import { type CrashSpace, IndependentSpace } from "./crash-space.js";
import { type DiskState, digestOf, filesIn } from "./disk-state.js";
import { damage, randomDamage } from "./media.js";
import { KillSpace, PrefixSpace } from "./ordered-space.js";
import { Random } from "./random.js";

/**
 * What a crash may do to what was not synced.
 *
 * `"P0"`: a process is killed; all written bytes arrive, of the last write perhaps a prefix, and what was not synced
 * still is not. `"P1"`: power fails, and the disk has all up to some moment. `"P2"`: pages of 4 KiB, sizes and
 * directory entries each arrive or not; a rename is one. `"P3"`: so do sectors of 512 B, and where nothing was ever
 * written there may be garbage. `"P4"`: as P3, for a disk with syncs that failed (`fail`). `"P5"`: as P3, and the medium
 * damages one place.
 */
export type CrashProfile = "P0" | "P1" | "P2" | "P3" | "P4" | "P5";

/** Which of the states that a crash can leave is wanted. */
export interface CrashOptions {
  readonly profile: CrashProfile;
  /** Names one crash state, as `crashStates` gave it. */
  readonly choice?: string;
  /** Without a choice, decides what arrives; default 0. */
  readonly seed?: number;
}

/** How many of the states that a crash can leave are looked at. */
export interface CrashStatesOptions {
  /** All states are given where there are no more; default 50,000. */
  readonly limit?: number;
  /** Samples where there are more; default 1,000. */
  readonly samples?: number;
  /** Gives so many at the most, by chance, the first two (nothing and everything arrived) always. Default: all of them. */
  readonly budget?: number;
  /** Default 0. */
  readonly seed?: number;
}

export function spaceOf(state: DiskState, profile: CrashProfile): CrashSpace {
  if (profile === "P0") return new KillSpace(state);
  if (profile === "P1") return new PrefixSpace(state);
  return new IndependentSpace(state, profile !== "P2");
}

export function crashAs(state: DiskState, { profile, choice, seed = 0 }: CrashOptions): DiskState {
  const space = spaceOf(state, profile);
  if (choice !== undefined) {
    const [states = "", damageSeed] = choice.split("+");
    return damaged(space.disk(decodeChoice(states)), damageSeed);
  }
  const random = new Random(seed);
  const states = new CrashChoices(space.units, 0, 1000, random.next());
  const picked = states.at(states.count - 1 - random.below(1000));
  return damaged(space.disk(picked), profile === "P5" ? String(random.next()) : undefined);
}

export function* crashStatesOf(
  state: DiskState,
  profile: CrashProfile,
  { limit = 50_000, samples = 1000, budget, seed = 0 }: CrashStatesOptions,
): Generator<{ choice: string; state: DiskState }> {
  const space = spaceOf(state, profile);
  const choices = new CrashChoices(space.units, limit, samples, seed);
  const random = new Random(seed);
  const seen = new Set<string>();
  for (const index of indices(choices.count, budget, random)) {
    const chosen = choices.at(index);
    const damageSeed = profile === "P5" ? String(random.next()) : undefined;
    const crashed = damaged(space.disk(chosen), damageSeed);
    const digest = digestOf(crashed.root);
    if (seen.has(digest)) continue;
    seen.add(digest);
    const choice = encodeChoice(chosen);
    yield { choice: damageSeed === undefined ? choice : `${choice}+${damageSeed}`, state: crashed };
  }
}

/** All numbers below `count`, or so many of them by chance. */
function* indices(count: number, budget: number | undefined, random: Random): Generator<number> {
  if (budget === undefined || budget >= count) {
    for (let index = 0; index < count; index++) yield index;
    return;
  }
  for (let index = 0; index < Math.min(2, budget); index++) yield index;
  for (let taken = 2; taken < budget; taken++) yield random.below(count);
}

function damaged(state: DiskState, seed: string | undefined): DiskState {
  if (seed === undefined) return state;
  const random = new Random(Number(seed));
  const chosen = randomDamage([...filesIn(state.root)], random);
  if (chosen !== undefined) damage(chosen.node, chosen.what);
  return state;
}
