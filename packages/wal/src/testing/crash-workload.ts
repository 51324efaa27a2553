// What the exploration of crashes is given: something to run, a way to open what a crash left of it, and what must
// hold then. How it is explored is in crash-exploration.ts.

import type { CrashProfile } from "./crash.js";
import type { CrashRecorder } from "./crash-recorder.js";
import type { Random } from "./random.js";
import type { SimulatedDisk } from "./simulated-disk.js";

/** Which crash it was. */
export interface Crash {
  readonly profile: CrashProfile;
  /** What died: in P0 the process alone, and the page cache lives on. Otherwise the machine. */
  readonly of: "process" | "machine";
}

/** Everything that says how to come to a crash state again; plain values. */
export interface CrashPlace {
  /** Number of the moment, from 0 on. */
  readonly moment: number;
  readonly profile: CrashProfile;
  /** As `crashStates` names it. */
  readonly choice: string;
}

/** What was opened after a crash. */
export interface Recovered<Facts, Shown> {
  /**
   * All that it shows, as a value that does not change: it is kept, and stands for every disk that reads the same.
   * A refusal that can be right, of a damaged disk say, is shown like anything else: `{ refused: error.code }`.
   */
  readonly shown: Shown;
  /**
   * Commits something more, given what was known when the crash came; resolves with what is known then. What it
   * commits is durable once it resolves: a second crash of any kind must spare it. Left out: no commit is tried.
   */
  goOn?(facts: Facts, random: Random): Promise<Facts>;
  /** Closes in order what was opened. */
  close?(): Promise<void>;
}

/**
 * Something that runs on a simulated disk, and what must hold after a crash of it.
 *
 * `Facts` is what the run knows at one moment: what it has asked for, and what has been acknowledged. `Shown` is what
 * opening a disk afterwards shows.
 */
export interface CrashWorkload<Facts, Shown> {
  /**
   * Runs once from beginning to end, on disks that it makes and hands to the recorder. It does the same each time:
   * time, random numbers and order must not decide anything in it but by seeds. What it throws ends the exploration.
   */
  run(recorder: CrashRecorder<Facts>): Promise<void>;
  /** Opens what a crash left. Whatever it throws is a violation. */
  recover(disk: SimulatedDisk): Promise<Recovered<Facts, Shown>>;
  /** Says, or throws, what is wrong with what is shown after this crash; undefined if nothing is. */
  check(shown: Shown, facts: Facts, crash: Crash): string | undefined;
  /**
   * Says, or throws, what differs between what was shown first and what a second recovery shows: recovering again
   * changes nothing. Default: the two are deeply equal.
   */
  same?(again: Shown, first: Shown): string | undefined;
  /**
   * Whether the disk has kept its promises up to a moment; default: always. Where it has not (a sync that lied, an
   * error that came late) states are checked and not crashed again: nothing can promise to last there.
   */
  isDiskHonest?(facts: Facts): boolean;
  /** The line that shows a state again, for the message of a violation; default: a call of `replayCrash`. */
  replayLine?(place: CrashPlace): string;
}
