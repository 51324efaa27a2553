// What the program ends with. Documented in docs/cli.md, "Exit codes".

export const exitCode = {
  fine: 0,
  /** Something is damaged, or what was given to be read in is bad. */
  damage: 1,
  /** The command line is not one that this program understands. */
  usage: 2,
  /** There is no such database, key, commit, time or mark. */
  notFound: 3,
  /** The system, another process or what is there already stood in the way. */
  failed: 4,
  /** A bug of ours. */
  bug: 70,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** What shells say of a process that a signal has ended. */
const SIGNALLED = 128;

/** Why the program has to end before it is done. */
export const endings = {
  SIGINT: SIGNALLED + 2,
  SIGPIPE: SIGNALLED + 13,
  SIGTERM: SIGNALLED + 15,
} as const;

/** The reason of a run's signal: Ctrl-C, an order to end, or nobody who reads what is written. */
export class Ended extends Error {
  override readonly name = "Ended";
  readonly exitCode: number;

  constructor(by: keyof typeof endings) {
    super(`ended by ${by}`);
    this.exitCode = endings[by];
  }
}
