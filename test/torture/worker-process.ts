// A process of the torture command from the outside: what it has told of its slice, and its end.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { NOTHING, type Order, type Slice, type Tally, type Told } from "./slice.js";

const SCRIPT = fileURLToPath(new URL("worker.js", import.meta.url));

/** What makes no progress for so long hangs. */
const STILL_MS_MAX = 180_000;
const LOOK_MS = 1000;
/** For what it has started itself to end. */
const ENDING_MS = 5000;

/** What became of a slice. */
export interface Outcome {
  readonly tally: Tally;
  /** Each with the line that shows it again. */
  readonly violations: readonly string[];
}

export class WorkerProcess {
  /** So far, of the slice at hand. */
  tally: Tally = NOTHING;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #isOver = false;
  #errors = "";
  #replayLine = "";
  #changedMs = 0;
  #over: (violations: readonly string[]) => void = () => undefined;

  /** `folder`: where it keeps its files for a while. */
  constructor(folder: string) {
    const env = { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder };
    // Most of what is made is garbage at once.
    const execArgv = ["--max-semi-space-size=64"];
    this.#child = fork(SCRIPT, { env, execArgv, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    this.#child.on("message", (told: Told) => this.#take(told));
    this.#ended = new Promise((resolve) => {
      this.#child.on("close", (code, signal) => {
        // Ctrl-C, before it has said that it does not mind.
        if (signal === "SIGINT") this.#over([]);
        this.#end(`its process ended with ${code ?? signal}: ${this.#errors}`);
        resolve();
      });
    });
  }

  /** It can be given no more slices. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** One slice at a time. */
  async work(slice: Slice): Promise<Outcome> {
    this.tally = NOTHING;
    this.#replayLine = "";
    this.#changedMs = performance.now();
    const violations = new Promise<readonly string[]>((resolve) => {
      this.#over = resolve;
    });
    this.#tell({ do: "slice", slice });
    const timer = setInterval(() => this.#look(), LOOK_MS);
    try {
      return { violations: await violations, tally: this.tally };
    } finally {
      clearInterval(timer);
    }
  }

  /** In the middle of a slice or not; resolves once it is gone, with all that it has started. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#over([]);
    this.#tell({ do: "end" });
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), ENDING_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #tell(order: Order): void {
    // Sending to a process that dies fails; that it has ended is told when it has.
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }

  #take(told: Told): void {
    if (told.is === "at") {
      this.#replayLine = told.replayLine;
      return;
    }
    if (told.tally.programs !== this.tally.programs || told.tally.kills !== this.tally.kills)
      this.#changedMs = performance.now();
    this.tally = told.tally;
    if (told.is === "done") this.#over(told.violations);
  }

  #look(): void {
    if (performance.now() - this.#changedMs < STILL_MS_MAX) return;
    this.#end(`nothing happened for ${STILL_MS_MAX / 1000} s`);
    this.#child.kill("SIGKILL");
  }

  /** The end of a process in the middle of a slice is something wrong. */
  #end(why: string): void {
    this.#isOver = true;
    this.#over([`${why}\n  it was at ${this.#replayLine}`]);
  }
}
