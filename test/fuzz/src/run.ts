// `npm run fuzz`: fuzzes for as long as told and says what was tried and reached; exits with 1 if anything is wrong.
// Options: --seconds N, --seed S, --only NAME (repeatable, a piece of a name will do), --replay TARGET:INPUT.

import { parseArgs } from "node:util";
import { judge } from "./campaign.js";
import { fuzz } from "./fuzz.js";
import { fromWord } from "./input.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    only: { type: "string", multiple: true, default: [] },
    replay: { type: "string" },
  },
});

/** Whether nothing is wrong any more. */
async function replay(line: string): Promise<boolean> {
  const colon = line.indexOf(":");
  const { targets } = await import("./targets/index.js");
  const target = targets.find(({ name }) => name === line.slice(0, colon));
  if (target === undefined) throw new Error(`no target is named ${line.slice(0, colon)}`);
  const reason = await judge(target, fromWord(line.slice(colon + 1)));
  console.log(reason ?? "nothing is wrong with this input");
  return reason === undefined;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

async function run(): Promise<boolean> {
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  if (!(seconds > 0) || !Number.isSafeInteger(seed))
    throw new Error("seconds and a seed are numbers");
  const tally = await fuzz({ seed, durationMs: seconds * 1000, only: values.only });
  for (const { target, inputs, kept } of tally.targets)
    console.log(`${target.padEnd(20)} ${inputs} inputs, ${kept} of them kept`);
  for (const { file, run, entered } of tally.coverage)
    console.log(
      `${file.padEnd(44)} ${percent(run, entered)} of ${entered} characters that were entered`,
    );
  for (const { message } of tally.violations) console.log(message);
  console.log(`seed ${seed}: ${tally.inputs} inputs, ${tally.violations.length} violations`);
  return tally.violations.length === 0;
}

process.exitCode = (await (values.replay === undefined ? run() : replay(values.replay))) ? 0 : 1;
