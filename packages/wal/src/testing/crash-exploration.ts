// Looks at what crashes of a workload leave: takes disks of each moment, opens them, and has what they show checked.
// Some are crashed again, at each call of their recovery and after it. What is looked at follows from the seed.

import { inspect, isDeepStrictEqual } from "node:util";
import type { CrashProfile } from "./crash.js";
import { type CrashMoment, CrashRecorder } from "./crash-recorder.js";
import { CrashViolation, Wrong } from "./crash-violation.js";
import type { Crash, CrashPlace, CrashWorkload, Recovered } from "./crash-workload.js";
import { mix, Random } from "./random.js";
import type { CrashState, SimulatedDisk } from "./simulated-disk.js";

/** How much is looked at. */
export interface CrashEffort<Facts> {
  /** Default P0 to P3. */
  readonly profiles?: readonly CrashProfile[];
  /** Crash states of each moment and profile, at the most; default 100. */
  readonly budget?: number;
  /** Decides which states those are; default 0. */
  readonly seed?: number;
  /** One state in so many is also crashed again, in its recovery and after it; default 50. */
  readonly deepOneIn?: number;
  /** Looks at about so many moments, by chance; default: all. */
  readonly momentsMax?: number;
  /** Which moments are looked at; default: all. */
  readonly only?: (moment: CrashMoment<Facts>) => boolean;
  /** Where a moment has no more states than this, all of them can be chosen; default 2,000. */
  readonly limit?: number;
}

/** What was looked at. */
export class CrashTally {
  moments = 0;
  /** Crash states, those of second crashes among them. */
  states = 0;
  /** Of these the ones that were opened; the others read the same as one before. */
  opened = 0;
  /** States that were crashed again. */
  deep = 0;
}

/** The crashes that may follow on one. */
const AGAIN: Record<CrashProfile, readonly CrashProfile[]> = {
  P0: ["P0", "P3"],
  P1: ["P0", "P1"],
  P2: ["P0", "P2"],
  P3: ["P0", "P3"],
  P4: ["P0", "P4"],
  P5: [],
};

/** Crash states of each second crash. */
const SECOND = { limit: 500, samples: 50, budget: 4 } as const;

/**
 * Runs a workload, and looks at what crashes at each moment of it can leave. Resolves with what was looked at, added
 * to `tally`. Rejects with a {@link CrashViolation} at the first state that is wrong, and with whatever the run throws.
 */
export async function exploreCrashes<Facts, Shown>(
  workload: CrashWorkload<Facts, Shown>,
  effort: CrashEffort<Facts> = {},
  tally = new CrashTally(),
): Promise<CrashTally> {
  const { profiles = ["P0", "P1", "P2", "P3"], budget = 100, seed = 0 } = effort;
  const { deepOneIn = 50, only = () => true, limit = 2000 } = effort;
  const explorer = await Explorer.run(workload, tally);
  const { moments } = explorer;
  const { momentsMax = moments.length } = effort;
  const random = new Random(seed);
  for (const [index, moment] of moments.entries()) {
    if (!only(moment) || random.below(moments.length) >= momentsMax) continue;
    tally.moments += 1;
    for (const profile of profiles) {
      if (moment.isInWrite && profile !== "P0") continue;
      const chosen = { limit, samples: 200, budget, seed: random.next() >>> 1 };
      for (const state of moment.disk.crashStates(profile, chosen)) {
        await explorer.look(state, index, random.oneIn(deepOneIn));
      }
    }
  }
  return tally;
}

/** Looks again at the one crash state that a violation named; rejects as the exploration did. */
export async function replayCrash<Facts, Shown>(
  workload: CrashWorkload<Facts, Shown>,
  { moment, profile, choice }: CrashPlace,
): Promise<void> {
  const explorer = await Explorer.run(workload, new CrashTally());
  const disk = explorer.momentAt(moment).disk.crash({ profile, choice });
  await explorer.look({ profile, choice, digest: disk.digest, disk }, moment, true);
}

class Explorer<Facts, Shown> {
  readonly moments: readonly CrashMoment<Facts>[];
  readonly #workload: CrashWorkload<Facts, Shown>;
  readonly #tally: CrashTally;
  /** What was shown by disks that read the same: what was open or synced makes no difference to that. */
  readonly #shown = new Map<string, Shown>();

  static async run<Facts, Shown>(
    workload: CrashWorkload<Facts, Shown>,
    tally: CrashTally,
  ): Promise<Explorer<Facts, Shown>> {
    const recorder = new CrashRecorder<Facts>();
    try {
      await workload.run(recorder);
      recorder.keep();
    } finally {
      recorder.stop();
    }
    const { moments } = recorder;
    if (moments.length === 0) throw new Error("the run handed no disk to its recorder");
    return new Explorer(workload, moments, tally);
  }

  private constructor(
    workload: CrashWorkload<Facts, Shown>,
    moments: readonly CrashMoment<Facts>[],
    tally: CrashTally,
  ) {
    this.#workload = workload;
    this.moments = moments;
    this.#tally = tally;
  }

  momentAt(index: number): CrashMoment<Facts> {
    const moment = this.moments[index];
    if (moment === undefined) throw new RangeError(`no moment ${index} of ${this.moments.length}`);
    return moment;
  }

  async look(state: CrashState, index: number, deep: boolean): Promise<void> {
    const { facts, call, isInWrite } = this.momentAt(index);
    const { profile, choice } = state;
    this.#tally.states += 1;
    try {
      const honest = this.#workload.isDiskHonest?.(facts) ?? true;
      if (deep && honest && profile !== "P5") await this.#lookDeep(state, facts, index);
      else this.#check(await this.#shownBy(state), facts, profile);
    } catch (error) {
      const place = { moment: index, profile, choice };
      const line = `await replayCrash(workload, ${JSON.stringify(place)})`;
      const when = `${profile} ${choice} at moment ${index} of ${this.moments.length}, ${whereOf(call, isInWrite)}`;
      const replayLine = this.#workload.replayLine?.(place) ?? line;
      const wrong = error instanceof Wrong ? error : new Wrong(error);
      throw new CrashViolation(wrong, place, when, replayLine);
    }
  }

  /** Crashes again at each call of recovery and right after it, and then goes on with one more commit. */
  async #lookDeep(state: CrashState, facts: Facts, index: number): Promise<void> {
    this.#tally.deep += 1;
    const { profile, choice, disk } = state;
    const random = new Random(mix(choice.length, index));
    const moments: SimulatedDisk[] = [];
    const fork = disk.fork();
    const unwatch = fork.watch({ before: () => moments.push(fork.fork()) });
    const recovered = await this.#recover(fork);
    unwatch();
    this.#check(recovered.shown, facts, profile);
    for (const [call, moment] of [...moments, fork].entries()) {
      const isOpen = call === moments.length;
      for (const next of AGAIN[profile]) {
        for (const again of this.#crashes(moment, next, random)) {
          const doing = `${next} ${again.choice} at call ${call} of ${moments.length} of recovery`;
          const shown = await this.#shownBy(again, doing);
          // Of what only a living machine held, an opening that did not come to its end promised nothing.
          const lost = profile === "P0" && next !== "P0" && !isOpen;
          if (lost) this.#check(shown, facts, next, doing);
          else this.#checkSame(shown, recovered.shown, doing);
        }
      }
    }
    await this.#lookAfterCommit(fork, recovered, facts, random);
  }

  async #lookAfterCommit(
    disk: SimulatedDisk,
    recovered: Recovered<Facts, Shown>,
    facts: Facts,
    random: Random,
  ): Promise<void> {
    const after = (await recovered.goOn?.(facts, random)) ?? facts;
    const committed = recovered.goOn !== undefined;
    for (const profile of committed ? (["P0", "P2", "P3"] as const) : []) {
      for (const state of this.#crashes(disk, profile, random)) {
        const doing = `a commit after recovery, then ${profile} ${state.choice}`;
        this.#check(await this.#shownBy(state, doing), after, profile, doing);
      }
    }
    if (recovered.close === undefined) return;
    await recovered.close();
    const doing = "closed in order after recovery";
    const { shown } = await this.#recover(disk, doing);
    if (committed) this.#check(shown, after, "P0", doing);
    else this.#checkSame(shown, recovered.shown, doing);
  }

  *#crashes(disk: SimulatedDisk, profile: CrashProfile, random: Random): Generator<CrashState> {
    const seed = random.next() >>> 1;
    for (const state of disk.crashStates(profile, { ...SECOND, seed })) {
      this.#tally.states += 1;
      yield state;
    }
  }

  async #shownBy({ digest, disk }: CrashState, doing?: string): Promise<Shown> {
    const known = this.#shown.get(digest);
    if (known !== undefined) return known;
    const { shown } = await this.#recover(disk, doing);
    this.#shown.set(digest, shown);
    return shown;
  }

  async #recover(disk: SimulatedDisk, doing?: string): Promise<Recovered<Facts, Shown>> {
    this.#tally.opened += 1;
    try {
      return await this.#workload.recover(disk);
    } catch (error) {
      throw new Wrong(error, doing);
    }
  }

  #check(shown: Shown, facts: Facts, profile: CrashProfile, doing?: string): void {
    const crash: Crash = { profile, of: profile === "P0" ? "process" : "machine" };
    refuse(() => this.#workload.check(shown, facts, crash), doing);
  }

  #checkSame(again: Shown, first: Shown, doing: string): void {
    const same = this.#workload.same ?? difference;
    refuse(() => same(again, first), doing);
  }
}

function refuse(verdict: () => string | undefined, doing: string | undefined): void {
  let wrong: unknown;
  try {
    wrong = verdict();
  } catch (error) {
    wrong = error;
  }
  if (wrong !== undefined) throw new Wrong(wrong, doing);
}

function difference(again: unknown, first: unknown): string | undefined {
  if (isDeepStrictEqual(again, first)) return undefined;
  return `recovering again showed ${inspect(again)}, not ${inspect(first)}`;
}

function whereOf(call: CrashMoment<unknown>["call"], isInWrite: boolean): string {
  if (call === undefined) return "between calls";
  return `${isInWrite ? "in" : "before"} ${call.call} ${call.path}`;
}
