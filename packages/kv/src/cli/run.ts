// One run of the program: what a command needs of the world besides its arguments.

import type { ExitCode } from "./exit-codes.js";
import type { Output } from "./output.js";
import type { Progress } from "./progress.js";
import type { Style } from "./style.js";

export interface Run {
  /** Whether results are to be JSON; a line each, where there are many. */
  readonly json: boolean;
  readonly out: Output;
  readonly progress: Progress;
  readonly style: Style;
  /** Aborted by Ctrl-C, by an order to end and when nobody reads any more; its reason is an Ended. */
  readonly signal: AbortSignal;
}

/** What a command does with its arguments, in the order in which it has declared them. */
export type Action = (run: Run, ...args: string[]) => Promise<ExitCode>;
