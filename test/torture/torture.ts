// Tortures the log and the database for as long as told: hands out slices of the time to a process for each core.

import { mkdtempSync, readdirSync, realpathSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NOTHING, type Part, sum, type Tally } from "./slice.js";
import { Slices } from "./slices.js";
import { WorkerProcess } from "./worker-process.js";

export interface TortureOptions {
  readonly durationMs: number;
  /** Decides what is done; how much of it, the machine. */
  readonly seed: number;
  readonly only: readonly Part[];
  /** Processes. */
  readonly workers: number;
  /** Ends it before its time. */
  readonly signal: AbortSignal;
  /** Told of each thing that is wrong, once. */
  readonly onViolation: (text: string) => void;
}

/** So many things that are wrong are enough for one run. */
const VIOLATIONS_MAX = 5;

export class Torture {
  violations = 0;
  readonly #options: TortureOptions;
  readonly #slices: Slices;
  readonly #workers = new Set<WorkerProcess>();
  readonly #startMs = performance.now();
  #done = NOTHING;

  constructor(options: TortureOptions) {
    const { seed, only, durationMs, workers } = options;
    this.#options = options;
    this.#slices = new Slices(seed, only, durationMs * workers);
  }

  /** In ms since the start. */
  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  /** So far. */
  get tally(): Tally {
    return [...this.#workers].reduce((total, { tally }) => sum(total, tally), this.#done);
  }

  /** Resolves when the time is up, enough is wrong or it is told to end, and no process of it is left. */
  async run(): Promise<void> {
    const { signal, workers } = this.#options;
    const folder = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-torture-"));
    const stop = () => {
      for (const worker of this.#workers) void worker.end();
    };
    signal.addEventListener("abort", stop);
    try {
      await Promise.all(Array.from({ length: workers }, () => this.#serve(folder)));
    } finally {
      signal.removeEventListener("abort", stop);
      removeAll(folder, this.violations > 0);
    }
  }

  get #leftMs(): number {
    return this.#options.durationMs - this.elapsedMs;
  }

  get #isOver(): boolean {
    return this.#leftMs <= 0 || this.#options.signal.aborted || this.violations >= VIOLATIONS_MAX;
  }

  async #serve(folder: string): Promise<void> {
    while (!this.#isOver) {
      const worker = new WorkerProcess(folder);
      this.#workers.add(worker);
      while (!this.#isOver && !worker.isOver) await this.#oneSlice(worker);
      this.#workers.delete(worker);
      await worker.end();
    }
  }

  async #oneSlice(worker: WorkerProcess): Promise<void> {
    const { tally, violations } = await worker.work(this.#slices.next(this.#leftMs));
    this.#done = sum(this.#done, tally);
    worker.tally = NOTHING;
    this.violations += violations.length;
    for (const violation of violations) this.#options.onViolation(violation);
  }
}

/** But for what a violation names. */
function removeAll(folder: string, violated: boolean): void {
  const isKept = (name: string) => violated && name.endsWith("-kept");
  const names = readdirSync(folder);
  for (const name of names) {
    if (!isKept(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  if (!names.some(isKept)) rmdirSync(folder);
}
