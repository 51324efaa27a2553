// `npm run bench`: runs the scenarios, prints what they come to as they end, and writes the files asked for. Exits with 0
// if everything could be measured, whatever the goals.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeMachine } from "./machine.js";
import { type Options, parseOptions, USAGE } from "./options.js";
import { drawPicture } from "./picture.js";
import { type Result, resultsOf } from "./results.js";
import { runRounds } from "./rounds.js";
import type { Scenario } from "./scenario.js";
import { scenarios } from "./scenarios.js";
import { figureLines, figuresPage } from "./table.js";

/** Those of a name; where there is none, those whose names begin so. */
function scenariosOf(name: string): readonly Scenario[] {
  const exact = scenarios.filter((scenario) => scenario.name === name);
  const found = exact.length > 0 ? exact : scenarios.filter((s) => s.name.startsWith(name));
  if (found.length === 0) throw new TypeError(`there is no scenario ${name}; --list names them`);
  return found;
}

function chosen({ only }: Options): readonly Scenario[] {
  if (only.length === 0) return scenarios;
  const picked = new Set(only.flatMap(scenariosOf));
  return scenarios.filter((scenario) => picked.has(scenario));
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const picked = chosen(options);
  const machine = describeMachine(options.directory);
  for (const line of machine) console.log(line);
  const directory = mkdtempSync(join(options.directory, "tidemark-bench-"));
  const results: Result[] = [];
  const startMs = performance.now();
  try {
    for (const scenario of picked) {
      const ran = await runScenario(scenario, directory, options, signal).catch((error: unknown) =>
        failed(scenario, error, signal),
      );
      results.push(...ran);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  console.log(`\n${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  write(options, machine, picked, results);
}

/** The others are measured all the same. */
function failed({ name }: Scenario, error: unknown, signal: AbortSignal): Result[] {
  signal.throwIfAborted();
  console.error(`\n${name} FAILED`, error);
  process.exitCode = 1;
  return [];
}

async function runScenario(
  scenario: Scenario,
  directory: string,
  { quick, rounds }: Options,
  signal: AbortSignal,
): Promise<Result[]> {
  const onStep = (step: string) => showStep(`${scenario.name}: ${step}`);
  const ran = await runRounds(scenario, { directory, quick, rounds, signal, onStep });
  showStep("");
  const results = resultsOf(ran);
  for (const figure of scenario.figures) {
    console.log(`\n${figureLines(figure, results, ran.missing).join("\n")}`);
  }
  return results;
}

/** On a terminal, one line that is drawn over. */
function showStep(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function write(
  options: Options,
  machine: readonly string[],
  picked: readonly Scenario[],
  results: readonly Result[],
): void {
  const { json, svg, markdown } = options;
  const figures = picked.flatMap((scenario) => scenario.figures);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (svg !== undefined) writeFileSync(svg, drawPicture(figures, results));
  if (markdown !== undefined) {
    writeFileSync(markdown, figuresPage(machine, figures, results));
  }
}

/** Aborted by Ctrl-C and its like: what was written is removed, and no process stays. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => controller.abort(new Error(`interrupted by ${name}`)));
  }
  return controller.signal;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else if (options.list) for (const { name } of scenarios) console.log(name);
  else await run(options, interruption());
} catch (error) {
  const misused = error instanceof TypeError;
  console.error(misused ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = misused ? 2 : 1;
}
