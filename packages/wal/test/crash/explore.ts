// Looks at what crashes of a program leave: opens each state, and holds what it shows against the oracle of
// the faults' list. Prints, for what is wrong, the line that shows it again.

import { Log, LogError } from "@tidemark/wal";
import {
  type CrashProfile,
  type CrashState,
  Random,
  type SimulatedDisk,
} from "@tidemark/wal/testing";
import { differenceOf, type Facts, judge, type Shown } from "./model.js";
import { DIRECTORY, logOptions, type Program, payloadOf } from "./program.js";
import { type Arrange, type Moment, runProgram, show } from "./run.js";

export interface Effort {
  readonly profiles: readonly CrashProfile[];
  /** Crash states of each moment and profile. */
  readonly budget: number;
  /** One state in so many is also crashed again, in recovery and after it. */
  readonly deepOneIn: number;
  readonly seed: number;
  /** Moments looked at; default all of them. */
  readonly momentsMax?: number;
  /** Which moments are looked at; by default all. */
  readonly only?: (moment: Moment) => boolean;
  /** States that are looked at in full where there are no more; default 2,000. */
  readonly limit?: number;
  readonly arrange?: Arrange;
}

/** What was looked at. */
export class Tally {
  moments = 0;
  states = 0;
  /** States that were opened; the others had been before. */
  opened = 0;
  deep = 0;
}

/** How damage is refused. */
const REFUSALS = new Set(["LOG_CORRUPT", "LOG_IO", "LOG_UNSUPPORTED_VERSION"]);

/** The crashes that may follow on one. */
const AGAIN: Partial<Record<CrashProfile, readonly CrashProfile[]>> = {
  P0: ["P0", "P3"],
  P1: ["P0", "P1"],
  P2: ["P0", "P2"],
  P3: ["P0", "P3"],
  P4: ["P0", "P4"],
};

/** Everything that says how to come to a state again. */
interface Where {
  readonly program: Program;
  readonly moment: number;
  readonly profile: CrashProfile;
  readonly choice: string;
}

export class Violation extends Error {
  override readonly name = "Violation";

  constructor(what: string, where: Where) {
    super(
      `${what}\n  to see it again: CRASH_REPLAY='${JSON.stringify(where)}' npx vitest run packages/wal/test/crash/replay.test.ts`,
    );
  }
}

/** Runs a program, and looks at what crashes of it leave. Throws a {@link Violation} at the first that is wrong. */
export async function explore(
  program: Program,
  effort: Effort,
  tally = new Tally(),
): Promise<Tally> {
  const moments = await runProgram(program, effort.arrange);
  const random = new Random(effort.seed);
  const explorer = new Explorer(tally);
  for (const [index, moment] of moments.entries()) {
    if (effort.only?.(moment) === false) continue;
    const { momentsMax = moments.length } = effort;
    if (random.below(moments.length) >= momentsMax) continue;
    tally.moments += 1;
    for (const profile of effort.profiles) {
      if (moment.inWrite && profile !== "P0") continue;
      const seed = random.next() >>> 1;
      const options = { limit: effort.limit ?? 2000, samples: 200, budget: effort.budget, seed };
      for (const state of moment.disk.crashStates(profile, options)) {
        const where = { program, moment: index, profile, choice: state.choice };
        const deep = random.oneIn(effort.deepOneIn);
        await explorer.look(moment.facts, state.disk, state.digest, where, deep);
      }
    }
  }
  return tally;
}

/** Looks at the one state that `where` names. */
export async function replay(where: Where): Promise<void> {
  const moments = await runProgram(where.program);
  const moment = moments[where.moment];
  if (moment === undefined) throw new RangeError(`there are ${moments.length} moments`);
  const disk = moment.disk.crash({ profile: where.profile, choice: where.choice });
  await new Explorer(new Tally()).look(moment.facts, disk, disk.digest, where, true);
}

class Explorer {
  readonly #tally: Tally;
  /** What was shown by disks that read the same: what was open or synced makes no difference to that. */
  readonly #shown = new Map<string, Shown>();

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  async look(
    facts: Facts,
    disk: SimulatedDisk,
    digest: string,
    where: Where,
    deep: boolean,
  ): Promise<void> {
    this.#tally.states += 1;
    const crash = where.profile === "P0" ? "process" : "machine";
    try {
      if (facts.doubtful || where.profile === "P5") return await this.#lookAtDamage(facts, disk);
      if (deep) return await this.#lookDeep(facts, disk, where, crash);
      check(await this.#shownBy({ digest, disk }), facts, crash);
    } catch (error) {
      throw error instanceof Violation ? error : new Violation(textOf(error), where);
    }
  }

  async #shownBy(
    { digest, disk }: Pick<CrashState, "digest" | "disk">,
    doing?: string,
  ): Promise<Shown> {
    const known = this.#shown.get(digest);
    if (known !== undefined) return known;
    const { shown } = await this.#recover(disk, doing);
    this.#shown.set(digest, shown);
    return shown;
  }

  /** What cannot be known to be whole is refused, or shown as far as it is. */
  async #lookAtDamage(facts: Facts, disk: SimulatedDisk): Promise<void> {
    try {
      const { shown } = await this.#recover(disk);
      check(shown, { ...facts, spared: { process: 0, machine: 0 }, startMin: 0 }, "machine");
    } catch (error) {
      if (error instanceof LogError && REFUSALS.has(error.code)) return;
      throw error;
    }
  }

  /** Crashes again at each call of recovery and right after it, and then goes on with one more commit. */
  async #lookDeep(
    facts: Facts,
    disk: SimulatedDisk,
    where: Where,
    crash: "process" | "machine",
  ): Promise<void> {
    this.#tally.deep += 1;
    const random = new Random(Math.imul(where.choice.length + 1, where.moment + 1));
    const moments: SimulatedDisk[] = [];
    const fork = disk.fork();
    const unwatch = fork.watch({ before: () => moments.push(fork.fork()) });
    const { shown, log } = await this.#recover(fork);
    unwatch();
    check(shown, facts, crash);
    for (const [index, moment] of [...moments, fork].entries()) {
      const opened = index === moments.length;
      for (const profile of AGAIN[where.profile] ?? []) {
        for (const state of this.#crashes(moment, profile, random)) {
          const doing = `${profile} ${state.choice} at call ${index} of ${moments.length} of recovery`;
          const again = await this.#shownBy(state, doing);
          // Of what only a living machine held, an opening that did not come to its end promised nothing.
          const lost = crash === "process" && profile !== "P0" && !opened;
          if (lost) check(again, facts, "machine", doing);
          else checkSame(again, shown, doing);
        }
      }
    }
    await this.#lookAfterCommit(fork, log, shown, random);
  }

  async #lookAfterCommit(
    disk: SimulatedDisk,
    log: Log,
    shown: Shown,
    random: Random,
  ): Promise<void> {
    // A long one begins a new segment.
    const payload = payloadOf(999_999, random.oneIn(2) ? 40 : 3900);
    await log.append(payload, { sync: true });
    const records = [...shown.records, { payload, time: log.lastTime }];
    const wanted = { ...shown, endOffset: shown.endOffset + 1, records };
    for (const profile of ["P0", "P2", "P3"] as const) {
      for (const state of this.#crashes(disk, profile, random)) {
        const doing = `a commit after recovery, then ${profile} ${state.choice}`;
        checkSame(await this.#shownBy(state, doing), wanted, doing);
      }
    }
    await log.close();
    const doing = "closed in order after recovery";
    checkSame((await this.#recover(disk, doing)).shown, wanted, doing);
  }

  *#crashes(disk: SimulatedDisk, profile: CrashProfile, random: Random): Generator<CrashState> {
    const seed = random.next() >>> 1;
    for (const state of disk.crashStates(profile, { limit: 500, samples: 50, budget: 4, seed })) {
      this.#tally.states += 1;
      yield state;
    }
  }

  async #recover(disk: SimulatedDisk, doing?: string): Promise<{ shown: Shown; log: Log }> {
    this.#tally.opened += 1;
    const program = { durability: "commit", steps: [] } as const;
    const options = logOptions(program, () => 5_000_000);
    try {
      const log = await Log.open(DIRECTORY, { ...options, fileSystem: disk });
      return { shown: show(log), log };
    } catch (error) {
      throw doing === undefined ? error : new Error(`${doing}: ${textOf(error)}`);
    }
  }
}

function check(shown: Shown, facts: Facts, crash: "process" | "machine", doing?: string): void {
  const verdict = judge(shown, facts, crash);
  if (typeof verdict === "number") return;
  throw new Error(doing === undefined ? verdict : `${doing}: ${verdict}`);
}

function checkSame(shown: Shown, wanted: Shown, doing: string): void {
  const verdict = differenceOf(shown, wanted);
  if (verdict !== undefined) throw new Error(`${doing}: ${verdict}`);
}

function textOf(error: unknown): string {
  if (error instanceof LogError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
