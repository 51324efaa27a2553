// What is said when something cannot be done: what went wrong, what to do next, and what the program ends with.

import { exitCode } from "./exit-codes.js";

/** A command line that makes no sense. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** There is no such thing as was asked for. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

/**
 * What ended work that may have been done in part: `stands` says what there is now. Said on standard error even where
 * the run was ended by Ctrl-C, with its exit code.
 */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
  readonly stands: string;
  /** How to go on; undefined for what is to be said of the cause. */
  readonly hint: string | undefined;
  /** What stands, for programs. */
  readonly figures: Readonly<Record<string, number | string>>;

  constructor(
    cause: unknown,
    stands: string,
    hint?: string,
    figures: Readonly<Record<string, number | string>> = {},
  ) {
    super(stands, { cause });
    this.stands = stands;
    this.hint = hint;
    this.figures = figures;
  }
}

/** What was given to be read is no such thing, or was cut off. */
export class BadInputError extends Error {
  override readonly name = "BadInputError";
}

export interface Failure {
  /** Stable, for programs. */
  readonly code: string;
  readonly message: string;
  /** What to do next; undefined if there is nothing to be said. */
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** What stands, for programs. */
  readonly figures?: Readonly<Record<string, number | string>>;
}

/** The command that ran, with its directory, as far as they are known. */
export interface Ran {
  readonly command: string | undefined;
  readonly directory: string | undefined;
}

export function usageFailure(message: string, { command }: Ran): Failure {
  const hint = `see: tidemark ${command === undefined ? "--help" : `${command} --help`}`;
  return { code: "USAGE", message, hint, exitCode: exitCode.usage };
}
