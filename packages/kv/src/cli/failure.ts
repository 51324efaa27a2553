// What is said when something cannot be done: what went wrong, what to do next, and what the program ends with.

import { type ExitCode, exitCode } from "./exit-codes.js";

/** A command line that makes no sense. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** There is no such thing as was asked for. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

export interface Failure {
  /** Stable, for programs. */
  readonly code: string;
  readonly message: string;
  /** What to do next; undefined if there is nothing to be said. */
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;
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
