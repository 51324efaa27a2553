// `npm run mutants`: plants each bug of the list in a private copy of the repository and shows which test catches
// it. Exits with 1 if one survives, a patch no longer applies or compiles, or anything else goes wrong.
// Options: --only NAME (repeatable, a piece of a name will do), --jobs N, --json FILE, --markdown.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { endAll } from "./child-processes.mjs";
import { mutants } from "./list.mjs";
import { line, markdownTable, summary } from "./table.mjs";
import { WorkingCopy } from "./working-copy.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** For the tests of one file, unchanged or with a mutant. */
const TESTS_MS_MAX = 600_000;

/** @type {Set<WorkingCopy>} */
const copies = new Set();

function cleanUp() {
  endAll();
  for (const copy of copies) copy.remove();
  copies.clear();
}

function makeCopy() {
  const copy = new WorkingCopy(ROOT);
  copies.add(copy);
  return copy;
}

/**
 * All tests that the mutants name, by file; each name once.
 *
 * @param {readonly import("./list.mjs").Mutant[]} chosen
 */
function testsOf(chosen) {
  /** @type {Map<string, Set<string>>} */
  const byFile = new Map();
  for (const { file, titles } of chosen.flatMap(({ tests }) => tests)) {
    const named = byFile.get(file) ?? new Set();
    for (const title of titles.length === 0 ? [""] : titles) named.add(title);
    byFile.set(file, named);
  }
  return byFile;
}

/**
 * The tests must pass where nothing is planted, and each title must name one.
 *
 * @param {WorkingCopy} copy
 * @param {readonly import("./list.mjs").Mutant[]} chosen
 */
async function checkUnchanged(copy, chosen) {
  await copy.build();
  for (const [file, named] of testsOf(chosen)) {
    const titles = named.has("") ? [] : [...named];
    const { failed, passed } = await copy.test({ file, titles }, TESTS_MS_MAX);
    if (failed !== undefined) throw new Error(`fails without a mutant: ${file}: ${failed}`);
    const missing = [...named].filter((title) => !passed.some((name) => name.includes(title)));
    if (missing.length > 0) throw new Error(`no test of ${file} is named ${missing.join(", ")}`);
    console.error(`unchanged: ${passed.length} tests of ${file} pass`);
  }
}

/**
 * @param {WorkingCopy} copy
 * @param {import("./list.mjs").Mutant} mutant
 * @returns {Promise<import("./table.mjs").Outcome>}
 */
async function judge(copy, mutant) {
  let startMs = performance.now();
  const seconds = () => (performance.now() - startMs) / 1000;
  try {
    copy.plant(mutant);
    await copy.build();
    startMs = performance.now();
    for (const tests of mutant.tests) {
      const { failed, states } = await copy.test(tests, TESTS_MS_MAX);
      if (failed !== undefined)
        return { mutant, verdict: "caught", by: failed, states, seconds: seconds() };
    }
    const files = mutant.tests.map(({ file }) => file).join(", ");
    return { mutant, verdict: "survived", by: files, states: 0, seconds: seconds() };
  } catch (error) {
    const by = error instanceof Error ? error.message : String(error);
    return { mutant, verdict: "error", by, states: 0, seconds: seconds() };
  } finally {
    copy.restore();
  }
}

/**
 * @param {readonly WorkingCopy[]} workers
 * @param {readonly import("./list.mjs").Mutant[]} chosen
 */
async function judgeAll(workers, chosen) {
  /** @type {import("./table.mjs").Outcome[]} */
  const outcomes = [];
  const waiting = chosen.entries();
  await Promise.all(
    workers.map(async (copy) => {
      for (const [index, mutant] of waiting) {
        const outcome = await judge(copy, mutant);
        outcomes[index] = outcome;
        console.error(line(outcome));
      }
    }),
  );
  return outcomes;
}

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      jobs: { type: "string", default: "1" },
      json: { type: "string" },
      markdown: { type: "boolean", default: false },
    },
  });
  const jobs = Number(values.jobs);
  if (!Number.isSafeInteger(jobs) || jobs < 1) throw new Error("--jobs takes a number from 1 on");
  const { only } = values;
  const chosen = mutants.filter(
    ({ name }) => only.length === 0 || only.some((part) => name.includes(part)),
  );
  if (chosen.length === 0) throw new Error(`no mutant is named ${only.join(", ")}`);
  return { ...values, jobs: Math.min(jobs, chosen.length), chosen };
}

async function main() {
  const { chosen, jobs, json, markdown } = options();
  const first = makeCopy();
  await checkUnchanged(first, chosen);
  const others = Array.from({ length: jobs - 1 }, makeCopy);
  const outcomes = await judgeAll([first, ...others], chosen);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(outcomes, undefined, 2)}\n`);
  if (markdown) console.log(markdownTable(outcomes));
  console.log(summary(outcomes));
  return outcomes.every(({ verdict }) => verdict === "caught");
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    cleanUp();
    process.exit(1);
  });
}

try {
  if (!(await main())) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  cleanUp();
}
