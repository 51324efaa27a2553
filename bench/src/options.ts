// The command line.

import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

export interface Options {
  readonly quick: boolean;
  /** Names of scenarios; all if empty. */
  readonly only: readonly string[];
  readonly rounds: number;
  /** Files to write to. */
  readonly json: string | undefined;
  readonly svg: string | undefined;
  readonly markdown: string | undefined;
  /** Where the systems keep what they write, for the time of the run. */
  readonly directory: string;
  readonly list: boolean;
}

export const USAGE = `npm run bench -- [options]

  --quick           less of everything, in under two minutes: to see that it works
  --only NAME       only this scenario, or all whose names begin so; can be repeated
  --rounds N        rounds of each (default 5; with --quick 1)
  --json FILE       write the results there
  --svg FILE        draw them there
  --markdown FILE   write the table there
  --directory DIR   where to write while measuring (default: the system's directory for temporary files)
  --list            name the scenarios
  --help            show this`;

/** Undefined when asked for help. Throws a TypeError that says what is wrong. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      json: { type: "string" },
      svg: { type: "string" },
      markdown: { type: "string" },
      directory: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, only, json, svg, markdown, list, directory = tmpdir() } = values;
  return {
    quick,
    only,
    json,
    svg,
    markdown,
    list,
    directory,
    rounds: roundsOf(values.rounds, quick),
  };
}

function roundsOf(text: string | undefined, quick: boolean): number {
  if (text === undefined) return quick ? 1 : 5;
  const rounds = Number(text);
  if (Number.isSafeInteger(rounds) && rounds >= 1) return rounds;
  throw new TypeError(`--rounds has to be a whole number from 1, not "${text}"`);
}
