// Runs the tests on another runtime, which comes from the registry, and holds the outcome against what is known to
// differ there.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { runtimes } from "./runtime-list.mjs";
import { bins, root } from "./tools.mjs";

// What is done by chance for as long as there is time does not depend on the version of Node.js.
const SHORT = { CRASH_SECONDS: "1", FUZZ_SECONDS: "2", KILLS_SECONDS: "2" };

/** And these have their effort in the simulated disk and in tools of this repository, the same on each version. */
const LEFT_OUT = ["packages/*/test/crash/**", "test/torture.test.ts", "test/fuzz/**"];

/**
 * @typedef {{ status: string, fullName: string }} TestReport
 * @typedef {{ name: string, status: string, message: string, assertionResults: TestReport[] }} FileReport
 */

/**
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {number} skipped
 * @property {string[]} differing tests that fail as they are known to
 * @property {string[]} wrong what is not as it should be
 */

/** @param {string} name @returns {string} the program, fetched if it is not there yet */
function fetchRuntime(name) {
  const { package: source, version, bin } = runtimeOf(name);
  const folder = join(root, "node_modules/.cache/runtimes", `${name}-${version}`);
  const program = join(folder, "node_modules", source, bin);
  if (existsSync(program)) return program;
  const args = ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", [...args, `${source}@${version}`], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`${source}@${version} could not be installed`);
  return program;
}

/** @param {string} name */
function runtimeOf(name) {
  const runtime = runtimes[name];
  if (runtime !== undefined) return runtime;
  throw new Error(`there is no runtime ${name}, but ${Object.keys(runtimes).join(", ")}`);
}

/** The environment of the tests. @param {string} program @param {boolean} short */
function environmentFor(program, short) {
  const { TIDEMARK_REQUIRE_MMAP: required, ...rest } = process.env;
  // mmap-io was compiled for one version of the interface of Node.js; on all others files are read, not mapped.
  const { stdout } = spawnSync(program, ["-p", "process.versions.modules"], { encoding: "utf8" });
  const mapped = required !== undefined && stdout.trim() === process.versions.modules;
  return {
    ...rest,
    ...(mapped ? { TIDEMARK_REQUIRE_MMAP: required } : {}),
    ...(short ? SHORT : {}),
  };
}

/**
 * @param {string} name
 * @param {{ short?: boolean, filters?: string[] }} [options] `filters` of files, instead of all
 * @returns {Outcome}
 */
export function testOn(name, { short = false, filters = [] } = {}) {
  const runtime = runtimeOf(name);
  const program = fetchRuntime(name);
  const folder = mkdtempSync(join(tmpdir(), "tidemark-runtime-"));
  try {
    const report = join(folder, "report.json");
    const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
    const tests = [...(filters.length > 0 ? filters : runtime.tests)];
    const without = runtime.without === undefined ? [] : [runtime.without];
    if (short) without.push(...LEFT_OUT);
    for (const files of without) tests.push("--exclude", files);
    if (runtime.timeoutMs !== undefined) tests.push(`--testTimeout=${runtime.timeoutMs}`);
    const { status } = spawnSync(
      program,
      [...runtime.args, join(root, bins.vitest), "run", ...reporters, ...tests],
      {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
        env: environmentFor(program, short),
      },
    );
    const files = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).testResults : [];
    return judge(runtime, files, { good: status === 0, whole: filters.length === 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {import("./runtime-list.mjs").Runtime} runtime
 * @param {FileReport[]} files
 * @param {{ good: boolean, whole: boolean }} run
 * @returns {Outcome}
 */
function judge({ differences }, files, { good, whole }) {
  /** @type {Outcome} */
  const outcome = { passed: 0, skipped: 0, differing: [], wrong: [] };
  const failures = [];
  for (const { name, status, message, assertionResults } of files) {
    const file = relative(root, name).replaceAll("\\", "/");
    const failed = assertionResults.filter((test) => test.status === "failed");
    outcome.passed += assertionResults.filter((test) => test.status === "passed").length;
    outcome.skipped += assertionResults.filter((test) => test.status === "skipped").length;
    failures.push(...failed.map(({ fullName }) => `${file}: ${fullName}`));
    if (status === "failed" && failed.length === 0) failures.push(`${file}: ${message}`);
  }
  const known = differences.map(({ tests }) => tests);
  for (const failure of failures) {
    const list = known.some((tests) => tests.test(failure)) ? outcome.differing : outcome.wrong;
    list.push(failure);
  }
  for (const tests of whole ? known : []) {
    if (!failures.some((failure) => tests.test(failure)))
      outcome.wrong.push(`${tests} is known to differ, and nothing does`);
  }
  // Errors outside any test, a process that ended, or no test at all.
  if (files.length === 0 || (!good && failures.length === 0))
    outcome.wrong.push("vitest failed, and no test did");
  return outcome;
}
