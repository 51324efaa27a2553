// `npm test`: sets up, then checks format and lint, types, documents and behaviour. The last line
// is `N passed, N failed`, where each check counts as one and each test as one; set-up counts only
// where it fails.
// `npm test -- <arguments of vitest>` builds and runs vitest alone. With TIDEMARK_RUNTIMES="node20 node26" the tests then
// run on those as well (see runtime-list.mjs), and count.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";
import { install } from "./install.mjs";
import { buildMapping } from "./mapping.mjs";
import { testOn } from "./runtime-suite.mjs";
import { root, runNode, runTool } from "./tools.mjs";

let passed = 0;
let failed = 0;

/**
 * @param {string} name
 * @param {() => boolean} run
 */
function prepare(name, run) {
  const start = performance.now();
  const good = run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${good ? "ok  " : "FAIL"}  ${name} (${seconds} s)`);
  if (!good) failed += 1;
  return good;
}

/**
 * @param {string} name
 * @param {() => boolean} run
 */
function check(name, run) {
  if (prepare(name, run)) passed += 1;
}

/**
 * A file that could not be loaded, or whose hooks failed, is one failure though none of its tests
 * may have run.
 *
 * @typedef {{ status: string, assertionResults: { status: string }[] }} FileReport
 * @param {{ numPassedTests: number, numFailedTests: number, testResults: FileReport[] }} report
 */
function countTests(report) {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((t) => t.status !== "failed"),
  ).length;
  passed += report.numPassedTests;
  failed += report.numFailedTests + brokenFiles;
  return report.numFailedTests + brokenFiles;
}

/** @param {string[]} args */
function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-test-"));
  try {
    const reportFile = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
    const good = runTool("vitest", ["run", ...reporters, ...args]);
    const failures = countTests(JSON.parse(readFileSync(reportFile, "utf8")));
    // Errors outside any test, or no test at all.
    if (!good && failures === 0) failed += 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function checkAll() {
  check("format and lint", () => runTool("biome", ["check", "--error-on-warnings"]));
  for (const script of readdirSync(join(root, "scripts")).sort()) {
    if (/^check-.*\.mjs$/.test(script)) check(script, () => runNode(`scripts/${script}`));
  }
}

/** @param {string} name */
function runTestsOn(name) {
  prepare(`tests on ${name}`, () => {
    const outcome = testOn(name, { short: true });
    for (const one of outcome.wrong) console.error(`${name}: ${one}`);
    passed += outcome.passed;
    // The one that is counted for this step is the last of them.
    failed += Math.max(0, outcome.wrong.length - 1);
    return outcome.wrong.length === 0;
  });
}

try {
  const vitestArgs = process.argv.slice(2);
  if (prepare("installation", install)) {
    prepare("mmap-io", buildMapping);
    check("types", () => build("tsconfig.json"));
    if (vitestArgs.length === 0) checkAll();
    runTests(vitestArgs);
    const others = (process.env["TIDEMARK_RUNTIMES"] ?? "")
      .split(" ")
      .filter((name) => name !== "");
    for (const name of others) runTestsOn(name);
  }
} catch (error) {
  console.error(error);
  failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
