// The arguments of the job, and what chance decides where none is given.

import { createHash, randomInt } from "node:crypto";
import { parseArgs } from "node:util";

export interface Options {
  /** The arguments that make chance decide the same again. */
  readonly repeat: string;
  /** Share of the flights, 0 to 1, at which the child is killed. */
  readonly killAt: number;
  /** Share of the commits, 0 to 1, to which the database is restored. */
  readonly restoreAt: number;
  /** Flights to read at most. */
  readonly limit: number;
  /** Leave the directory where it is. */
  readonly keep: boolean;
  /** Only check the database in this directory. */
  readonly check: string | undefined;
}

export const USAGE = `node examples/dist/flights/main.js [options]

  --seed N       repeat what chance decided in the run that printed this seed
  --kill-at S    kill the child when this share of the flights is durable, 0 to 1
  --limit N      read only the first N flights
  --keep         leave the directory of the databases where it is
  --check DIR    only check a database that was kept
  --help         show this`;

/** Returns undefined when asked for help. Throws a TypeError that says what is wrong. */
export function parseOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string" },
      "kill-at": { type: "string" },
      limit: { type: "string" },
      keep: { type: "boolean", default: false },
      check: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const seed = wholeNumber("--seed", values.seed, 0) ?? randomInt(1_000_000);
  const killAt = share("--kill-at", values["kill-at"]);
  return {
    repeat: killAt === undefined ? `--seed ${seed}` : `--seed ${seed} --kill-at ${killAt}`,
    killAt: killAt ?? 0.05 + 0.9 * chance(seed, "kill"),
    restoreAt: chance(seed, "restore"),
    limit: wholeNumber("--limit", values.limit, 1) ?? Number.MAX_SAFE_INTEGER,
    keep: values.keep,
    check: values.check,
  };
}

/** A number from 0 to below 1, the same for the same seed and purpose. */
function chance(seed: number, purpose: string): number {
  const digest = createHash("sha256").update(`${purpose} ${seed}`).digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}

function wholeNumber(name: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
  throw new TypeError(`${name} has to be a whole number from ${min}, not "${text}"`);
}

function share(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new TypeError(`${name} has to be a number from 0 to 1, not "${text}"`);
}
