// Fuzzing for some time, in a thread of its own that is watched: the entry point for tests and for the torture
// command, which need no test runner for it.

import { Worker } from "node:worker_threads";
import type { Finding } from "./campaign.js";
import type { FileCoverage } from "./coverage.js";
import { toWord, unpack } from "./input.js";
import { INPUT_AT, type Job, type TargetTally, type Told } from "./job.js";

export interface FuzzOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Pieces of names of targets; by default all. */
  readonly only?: readonly string[];
  /** URL of a module that exports `targets`; by default all that there are. */
  readonly targets?: string;
  /** Time in ms after which judging an input counts as hanging. */
  readonly hangMs?: number;
  /** Ends it before its time; rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface FuzzTally {
  /** Inputs judged, of all targets. */
  readonly inputs: number;
  readonly targets: readonly TargetTally[];
  readonly coverage: readonly FileCoverage[];
  readonly violations: readonly FuzzViolation[];
}

/** Something wrong, and the line that shows it again. */
export class FuzzViolation extends Error {
  override readonly name = "FuzzViolation";
  readonly target: string;

  constructor({ target, reason, input }: Finding) {
    const replay = `npm run fuzz -- --replay ${target}:${toWord(input)}`;
    super(`${target}: ${reason}\n  again: ${replay}`);
    this.target = target;
  }
}

/** Judging one input takes a few ms, on a busy machine some hundred. */
const HANG_MS = 15_000;
const LOOK_MS = 500;
const TARGETS = new URL("./targets/index.js", import.meta.url).href;
const MEMORY_BYTES = 4 * 1024 * 1024;
/** What decoding inputs of 64 KiB may need, several times over. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };

/** Fuzzes for as long as told. Resolves with what it did and all that it found; one finding ends a target's turn. */
export async function fuzz(options: FuzzOptions): Promise<FuzzTally> {
  const { seed, durationMs, only = [], targets = TARGETS, hangMs = HANG_MS, signal } = options;
  signal?.throwIfAborted();
  const memory = new SharedArrayBuffer(MEMORY_BYTES);
  const run = new WatchedRun({ seed, durationMs, only, targets, memory }, hangMs);
  const stop = () => run.end(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    return await run.outcome;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

class WatchedRun {
  readonly outcome: Promise<FuzzTally>;
  readonly #worker: Worker;
  readonly #words: Int32Array;
  readonly #memory: SharedArrayBuffer;
  readonly #timer: NodeJS.Timeout;
  readonly #hangMs: number;
  #names: readonly string[] = [];
  #settle: (outcome: FuzzTally | Promise<FuzzTally>) => void = () => undefined;
  #lastInput = -1;
  #lastMs = performance.now();

  constructor(job: Job, hangMs: number) {
    this.#hangMs = hangMs;
    this.#memory = job.memory;
    this.#words = new Int32Array(job.memory, 0, INPUT_AT / 4);
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), {
      workerData: job,
      resourceLimits: RESOURCE_LIMITS,
    });
    this.#worker.on("message", (message: Told) => this.#receive(message));
    let reason = "the thread ended: judging an input never did";
    this.#worker.on("error", (error) => {
      reason = `the thread died: ${error.stack}`;
    });
    // From Node.js 26 on what it told before may come after the error; it comes before the exit.
    this.#worker.on("exit", () => this.#died(reason));
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  end(reason: unknown): void {
    this.#over(Promise.reject(reason));
  }

  #receive(message: Told): void {
    if (message.is === "begun") {
      this.#names = message.targets;
      return;
    }
    const { findings, targets, coverage } = message.done;
    const inputs = targets.reduce((sum, tally) => sum + tally.inputs, 0);
    const violations = findings.map((finding) => new FuzzViolation(finding));
    this.#over({ inputs, targets, coverage, violations });
  }

  #look(): void {
    const input = Atomics.load(this.#words, 0);
    const nowMs = performance.now();
    if (input !== this.#lastInput) {
      this.#lastInput = input;
      this.#lastMs = nowMs;
    } else if (nowMs - this.#lastMs > this.#hangMs) {
      this.#died(`takes more than ${this.#hangMs} ms`);
    }
  }

  /** The input at hand is to blame. */
  #died(reason: string): void {
    const [inputs = 0, index = 0, length = 0] = this.#words;
    const target = this.#names[index];
    if (target === undefined || length === 0) {
      this.#over(Promise.reject(new Error(reason)));
      return;
    }
    const input = unpack(new Uint8Array(this.#memory, INPUT_AT, length).slice());
    const violations = [new FuzzViolation({ target, reason, input })];
    this.#over({ inputs, targets: [], coverage: [], violations });
  }

  #over(outcome: FuzzTally | Promise<FuzzTally>): void {
    clearInterval(this.#timer);
    this.#settle(outcome);
    void this.#worker.terminate();
  }
}
