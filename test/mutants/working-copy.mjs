// A private copy of the repository as it stands in the working tree, in which a mutant is planted, built and
// tested. Nothing is written outside of it: installed packages are linked, caches and temporary files are its own.

import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runNode } from "./child-processes.mjs";

const BUILD_MS_MAX = 120_000;

/** The same programs by chance in each run, and as many however busy the machine is. */
const CRASH_ENVIRONMENT = {
  CRASH_SEED: "1",
  CRASH_SECONDS: "0",
  CRASH_PROGRAMS: "100",
  CRASH_REPLAY: "",
  FUZZ_SECONDS: "30",
};

/**
 * @typedef {object} Report what became of some tests
 * @property {string | undefined} failed the first test that failed
 * @property {number} states crash states that it had looked at
 * @property {readonly string[]} passed
 */

export class WorkingCopy {
  /** @type {string} */
  #folder;
  /** @type {string} */
  #root;
  /** @type {Map<string, string>} Sources as they were before something was planted in them. */
  #originals = new Map();

  /** @param {string} source root of the repository */
  constructor(source) {
    this.#folder = mkdtempSync(join(tmpdir(), "tidemark-mutants-"));
    this.#root = join(this.#folder, "repository");
    mkdirSync(join(this.#folder, "tmp"));
    for (const file of filesOf(source)) {
      mkdirSync(dirname(join(this.#root, file)), { recursive: true });
      cpSync(join(source, file), join(this.#root, file), { verbatimSymlinks: true });
    }
    this.#link(source);
  }

  /**
   * Links what is installed. Links between the workspace's own packages are relative, and lead to the copies.
   *
   * @param {string} source
   */
  #link(source) {
    mkdirSync(join(this.#root, "node_modules"));
    for (const name of readdirSync(join(source, "node_modules"))) {
      // Caches are written to.
      if (/^\.(vite|vite-temp|cache)$/.test(name)) continue;
      symlinkSync(join(source, "node_modules", name), join(this.#root, "node_modules", name));
    }
    for (const folder of ["packages/wal", "packages/kv", "test"]) {
      const name = join(folder, "node_modules");
      cpSync(join(source, name), join(this.#root, name), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
  }

  /**
   * Throws if an original does not stand in its file exactly once.
   *
   * @param {import("./list.mjs").Mutant} mutant
   */
  plant({ file, edits }) {
    const path = join(this.#root, file);
    const source = readFileSync(path, "utf8");
    this.#originals.set(file, source);
    writeFileSync(path, edited(source, edits));
  }

  /** Takes out what was planted. */
  restore() {
    for (const [file, source] of this.#originals) writeFileSync(join(this.#root, file), source);
    this.#originals.clear();
  }

  /**
   * Throws what the compiler says.
   *
   * @param {readonly string[]} projects
   */
  async build(projects = ["packages/wal", "packages/kv", "test/fuzz"]) {
    const args = ["node_modules/typescript/bin/tsc", "-b", ...projects];
    const { good, output } = await runNode(this.#root, args, { limitMs: BUILD_MS_MAX });
    if (!good) throw new Error(`the copy does not compile:\n${output}`);
  }

  /**
   * Runs tests until the first that fails. Throws if they do not come to an end, or none has such a name.
   *
   * @param {import("./list.mjs").Tests} tests
   * @param {number} limitMs
   * @returns {Promise<Report>}
   */
  async test({ file, titles, env: given }, limitMs) {
    const reportFile = join(this.#folder, "report.json");
    rmSync(reportFile, { force: true });
    const args = ["node_modules/vitest/vitest.mjs", "run", file, "--bail=1", "--maxWorkers=1"];
    args.push("--config=test/mutants/vitest.config.mjs", "--reporter=json");
    args.push(`--outputFile.json=${reportFile}`);
    if (titles.length > 0) args.push(`--testNamePattern=${titles.map(escaped).join("|")}`);
    const env = { ...CRASH_ENVIRONMENT, ...given, TMPDIR: join(this.#folder, "tmp") };
    const { good, timedOut, output } = await runNode(this.#root, args, { limitMs, env });
    const seconds = Math.round(limitMs / 1000);
    if (timedOut) throw new Error(`${file} did not end within ${seconds} s:\n${output}`);
    if (!existsSync(reportFile)) throw new Error(`${file} could not be run:\n${output}`);
    return reportOf(JSON.parse(readFileSync(reportFile, "utf8")), good, `${file}:\n${output}`);
  }

  /**
   * Runs a script of the copy with this Node.js.
   *
   * @param {readonly string[]} args
   * @param {{ limitMs: number, env?: Record<string, string> }} options
   */
  run(args, { limitMs, env = {} }) {
    const own = { TMPDIR: join(this.#folder, "tmp"), ...env };
    return runNode(this.#root, args, { limitMs, env: own });
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Everything that belongs to the repository, with what is not committed yet.
 *
 * @param {string} root
 */
function filesOf(root) {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const names = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
  return names.filter((name) => name !== "" && existsSync(join(root, name)));
}

/**
 * @param {string} source
 * @param {import("./list.mjs").Mutant["edits"]} edits
 */
export function edited(source, edits) {
  let text = source;
  for (const [original, replacement] of edits) {
    const count = text.split(original).length - 1;
    if (count !== 1) throw new Error(`this stands there ${count} times, not once: ${original}`);
    text = text.replace(original, () => replacement);
  }
  return text;
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/**
 * @typedef {{ fullName: string, status: string, meta: { crashStates?: number } }} TestReport
 * @param {{ testResults: { assertionResults: TestReport[], message: string }[] }} report
 * @param {boolean} good
 * @param {string} output
 * @returns {Report}
 */
function reportOf({ testResults }, good, output) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter(({ status }) => status === "passed").map(({ fullName }) => fullName);
  const failed = tests.find(({ status }) => status === "failed");
  if (failed !== undefined)
    return { failed: failed.fullName, states: failed.meta.crashStates ?? 0, passed };
  if (!good) throw new Error(`something failed outside of the tests of ${output}`);
  if (passed.length === 0) throw new Error(`no test has such a name in ${output}`);
  return { failed: undefined, states: 0, passed };
}
