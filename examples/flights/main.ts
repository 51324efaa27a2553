// Takes a day of flights through a crash and back in time: see job.ts. Exits with 0 if all that was checked holds,
// with 1 if not, and leaves nothing behind, also when interrupted.

import { mkdtemp, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { checkKept } from "./check-kept.js";
import { Checks, Mismatch } from "./checks.js";
import { FLIGHTS_PER_COMMIT } from "./commits.js";
import { readFlights } from "./input.js";
import { runJob } from "./job.js";
import { type Options, parseOptions, USAGE } from "./options.js";
import { count, line } from "./terminal.js";

/** Why the job was given up before its end. */
class Interruption extends Error {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.exitCode = exitCode;
  }
}

/** Aborted by Ctrl-C and its like; a second one ends the process at once. */
function interruptions(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const interruption = new Interruption(`interrupted by ${name}`, 128 + constants.signals[name]);
    process.once(name, () => controller.abort(interruption));
  }
  // As after `| head`.
  const unread = new Interruption("nobody reads what is printed", 1);
  process.stdout.on("error", () => controller.abort(unread));
  return controller.signal;
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const flights = await readFlights(options.limit);
  const total = flights.length;
  const directory = await mkdtemp(join(tmpdir(), "tidemark-flights-"));
  line(`${count(total)} flights, ${FLIGHTS_PER_COMMIT} to a commit, in ${directory}`);
  const share = (options.killAt * 100).toFixed(1);
  line(`the child is to be killed at ${share} % (to repeat this: ${options.repeat})`);
  try {
    await runJob({ directory, total, checks: new Checks(flights), options, signal });
  } finally {
    if (!options.keep) await rm(directory, { recursive: true });
  }
}

function explain(error: unknown): void {
  if (error instanceof Mismatch) {
    console.error(
      `\nMISMATCH: ${error.message}\n  expected  ${error.expected}\n  found     ${error.found}`,
    );
  } else {
    console.error(error instanceof Interruption ? `\n${error.message}` : error);
  }
  process.exitCode = error instanceof Interruption ? error.exitCode : 1;
}

/** Undefined, after saying why, where there is nothing to run. */
function readOptions(): Options | undefined {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === undefined) console.log(USAGE);
    return options;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = readOptions();
try {
  if (options?.check !== undefined) await checkKept(options.check);
  else if (options !== undefined) await run(options, interruptions());
} catch (error) {
  explain(error);
}
