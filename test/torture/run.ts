// `npm run torture`: explores crashes of programs on a simulated disk and kills writers on a real one, for as long as
// told, and says what was looked at. Exits with 1 if anything is wrong, with 2 if it was called wrongly.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { PARTS, type Part, type Tally } from "./slice.js";
import { Torture, type TortureOptions } from "./torture.js";

const USAGE = `npm run torture -- [--seconds N] [--seed S] [--only ${PARTS.join("|")}] [--workers N]
  --seconds  how long; default 60
  --seed     decides what is done; default: from the time
  --only     one part alone; may be given more than once
  --workers  processes; default: one for each core`;

/** Until the first progress is printed, and from one to the next. */
const PROGRESS_MS = 10_000;

type Arguments = Pick<TortureOptions, "durationMs" | "seed" | "only" | "workers">;

/** Throws what is wrong with them. */
function argumentsOf(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      only: { type: "string", multiple: true },
      workers: { type: "string", default: String(availableParallelism()) },
    },
  });
  return {
    durationMs: wholeNumber("--seconds", values.seconds, 1) * 1000,
    seed: wholeNumber("--seed", values.seed, 0),
    only: (values.only ?? PARTS).map(partOf),
    workers: wholeNumber("--workers", values.workers, 1),
  };
}

function wholeNumber(name: string, text: string, min: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number >= 2 ** 31)
    throw new RangeError(`${name} is a whole number from ${min}, not “${text}”`);
  return number;
}

function partOf(name: string): Part {
  const part = PARTS.find((one) => one === name);
  if (part === undefined) throw new RangeError(`--only is one of ${PARTS.join(", ")}: “${name}”`);
  return part;
}

function text(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

function progress({ tally, elapsedMs, violations }: Torture): string {
  const { states, opened, programs, kills, inputs } = tally;
  const rate = text(states / (elapsedMs / 1000));
  return `${text(elapsedMs / 1000)} s: ${text(states)} states (${rate}/s), ${text(opened)} opened, ${text(programs)} programs, ${text(kills)} kills, ${text(inputs)} fuzz inputs, ${violations} violations`;
}

function perCoreSecond({ states, cpuUs }: Tally): string {
  return cpuUs === 0 ? "" : `, ${text(states / (cpuUs / 1e6))} a second of a core's time`;
}

function summary({ tally, elapsedMs, violations }: Torture, { seed, workers }: Arguments): string {
  const seconds = elapsedMs / 1000;
  return [
    `seed           ${seed}`,
    `time           ${text(seconds)} s, ${workers} processes`,
    `crash states   ${text(tally.states)}: ${text(tally.states / seconds)} a second${perCoreSecond(tally)}`,
    `images opened  ${text(tally.opened)}, distinct within a program`,
    `programs       ${text(tally.programs)}`,
    `kills          ${text(tally.kills)}`,
    `fuzz inputs    ${text(tally.inputs)}`,
    `violations     ${violations}`,
  ].join("\n");
}

async function run(given: Arguments): Promise<number> {
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => interruption.abort());
  const torture = new Torture({
    ...given,
    signal: interruption.signal,
    onViolation: (violation) => console.log(`\nVIOLATION ${violation}\n`),
  });
  console.log(`seed ${given.seed}, ${given.durationMs / 1000} s, ${given.workers} processes`);
  const timer = setInterval(() => console.log(progress(torture)), PROGRESS_MS);
  await torture.run();
  clearInterval(timer);
  console.log(`\n${summary(torture, given)}`);
  if (torture.violations > 0) return 1;
  // As for any program that Ctrl-C has ended.
  return interruption.signal.aborted ? 130 : 0;
}

let given: Arguments | undefined;
try {
  given = argumentsOf(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
}
process.exitCode = given === undefined ? 2 : await run(given);
