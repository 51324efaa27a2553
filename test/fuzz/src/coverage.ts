// Which code has run since the last look, from V8's own counters (https://v8.dev/blog/javascript-code-coverage), so
// that nothing has to be installed and what runs is what users run. They count per isolate: for a thread of its own.

import { readFileSync } from "node:fs";
import { type Profiler, Session } from "node:inspector";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../../", import.meta.url).href;

/** Characters of a built file: which have run, and which belong to functions that were entered. */
interface FileMap {
  readonly run: Uint8Array;
  readonly entered: Uint8Array;
  /** Ways in which its functions have run. */
  readonly known: Set<string>;
}

/** How much of a file's code has run. */
export interface FileCoverage {
  readonly file: string;
  /** Characters that have run. */
  readonly run: number;
  /** Characters of functions that were entered. */
  readonly entered: number;
}

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Map<string, FileMap>();

  constructor() {
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** What has run since the last look, in files whose path begins with one of these; the simulated disk is none. */
  look(watched: readonly string[]): Run {
    const { result } = this.#take();
    const scripts = result.filter(
      ({ url }) =>
        url.startsWith(ROOT) &&
        !url.includes("/dist/testing/") &&
        watched.some((path) => url.startsWith(path, ROOT.length)),
    );
    return new Run(scripts, this.#seen);
  }

  /** Of all files that a run has been added from. */
  files(): FileCoverage[] {
    return [...this.#seen].map(([url, { run, entered }]) => ({
      file: url.slice(ROOT.length),
      run: run.filter((character) => character === 1).length,
      entered: entered.filter((character) => character === 1).length,
    }));
  }

  #post(method: "Profiler.enable"): void {
    this.#session.post(method);
  }

  // Answers come at once: the session is this thread's own.
  #take(): Profiler.TakePreciseCoverageReturnType {
    let taken: Profiler.TakePreciseCoverageReturnType | undefined;
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error !== null) throw error;
      taken = answer;
    });
    if (taken === undefined) throw new Error("the profiler does not answer at once");
    return taken;
  }
}

/** What has run between two looks. */
export class Run {
  readonly #scripts: readonly Profiler.ScriptCoverage[];
  readonly #seen: Map<string, FileMap>;

  constructor(scripts: readonly Profiler.ScriptCoverage[], seen: Map<string, FileMap>) {
    this.#scripts = scripts;
    this.#seen = seen;
  }

  /** Whether code has run here that had not run in any run that was added. */
  get isNew(): boolean {
    return this.#scripts.some((script) => {
      const { run, known } = this.#mapOf(script.url);
      // Painting takes long: first whether all its functions have run in ways that were seen.
      if (script.functions.every((each) => known.has(wayOf(each)))) return false;
      const has = runOf(script, run.length);
      for (let at = 0; at < has.length; at++) if (has[at] === 1 && run[at] === 0) return true;
      for (const each of script.functions) known.add(wayOf(each));
      return false;
    });
  }

  add(): void {
    for (const script of this.#scripts) {
      const { run, entered, known } = this.#mapOf(script.url);
      const has = runOf(script, run.length);
      for (let at = 0; at < has.length; at++) if (has[at] === 1) run[at] = 1;
      for (const each of script.functions) {
        known.add(wayOf(each));
        const [whole] = each.ranges;
        if (whole !== undefined && whole.count > 0)
          entered.fill(1, whole.startOffset, whole.endOffset);
      }
    }
  }

  #mapOf(url: string): FileMap {
    const seen = this.#seen.get(url);
    if (seen !== undefined) return seen;
    const { length } = readFileSync(fileURLToPath(url), "utf8");
    const [run, entered] = [new Uint8Array(length), new Uint8Array(length)];
    const map = { run, entered, known: new Set<string>() };
    this.#seen.set(url, map);
    return map;
  }
}

/** Ranges are nested, the outer ones first, and so are functions: the innermost decides. */
function runOf({ functions }: Profiler.ScriptCoverage, length: number): Uint8Array {
  const run = new Uint8Array(length);
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges)
      run.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  }
  return run;
}

/** Which parts of a function have run. */
function wayOf({ ranges }: Profiler.FunctionCoverage): string {
  let way = "";
  for (const { startOffset, endOffset, count } of ranges)
    way += `${startOffset}-${endOffset}${count > 0 ? "+" : "-"}`;
  return way;
}
