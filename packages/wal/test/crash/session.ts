// What a running program has at hand: the disk, the open log and its model, and what is under way. Whatever is wrong
// on the way is kept and thrown when it is next waited for.

import { Log, LogError } from "@tidemark/wal";
import { type PlannedFault, SimulatedDisk } from "@tidemark/wal/testing";
import { type Facts, judge, Model, type Operation } from "./model.js";
import { DIRECTORY, logOptions, type Program } from "./program.js";
import { show } from "./show.js";

/** Something was wrong while a program ran. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

export class Session {
  readonly program: Program;
  readonly model = new Model();
  disk: SimulatedDisk;
  /** What the clock says, in ms. */
  now = 1_000_000;
  /** Calls fail, or may yet. */
  failing = false;
  faults: PlannedFault[] = [];
  #log: Log | undefined;
  #pending: Promise<void>[] = [];
  #problem: unknown;
  /** Goes up with each crash: what was asked of a log before it is not answered. */
  #life = 0;

  constructor(program: Program) {
    this.program = program;
    const { orderSeed } = program;
    this.disk = new SimulatedDisk(orderSeed === undefined ? {} : { orderSeed });
    this.arrange();
  }

  get log(): Log {
    if (this.#log === undefined) throw new Error("the program's log is open");
    return this.#log;
  }

  /** Has the disk do what the program says that it does from the beginning. */
  arrange(): void {
    const { lies } = this.program;
    if (lies === undefined) return;
    this.disk.fail({ call: lies.call, path: new RegExp(lies.path), manner: "lies" });
  }

  /** What is known now. */
  facts(): Facts {
    const { model, faults } = this;
    const log = this.#log;
    if (log !== undefined) {
      model.startMin = Math.max(model.startMin, log.startOffset);
      model.spareBelow(log.durableOffset);
      if (this.program.retentionBytes !== undefined)
        model.startMax = Math.max(model.startMax, log.acknowledgedOffset);
    }
    const struck = (manner: string) =>
      faults.some(({ hits, plan }) => hits > 0 && plan.manner === manner);
    if (struck("reverts")) model.losePower();
    if (struck("late")) model.doubtful = true;
    return model.facts();
  }

  /** Opens the log, a second time where calls failed, and holds what it shows against what was known. */
  async open(doing: string, known: Facts): Promise<void> {
    this.#log = undefined;
    const options = { ...logOptions(this.program, () => this.now), fileSystem: this.disk };
    try {
      this.#log = await Log.open(DIRECTORY, options);
    } catch (error) {
      if (!this.failing || !isFailure(error)) throw error;
      this.mend();
      this.#log = await Log.open(DIRECTORY, options);
    }
    this.mend();
    const shown = show(this.#log);
    const verdict = judge(shown, known, "process");
    if (typeof verdict === "string") throw new ProgramError(`${doing}: ${verdict}`);
    this.model.restart(shown, verdict);
  }

  /** Closes the log. */
  async close(): Promise<void> {
    await this.settle();
    const { log } = this;
    const closed = await log.close().then(
      () => true,
      (error: unknown) => {
        if (this.failing && error instanceof LogError) return false;
        throw error;
      },
    );
    if (closed && log.failure === undefined) this.model.spare(this.model.count, true);
  }

  /** Forgets the log without a word, as a crash does. */
  drop(): void {
    this.#life += 1;
    this.#pending = [];
    this.#log = undefined;
    this.faults = [];
    this.failing = false;
  }

  /** Ends what makes calls fail. */
  mend(): void {
    for (const fault of this.faults) fault.lift();
    this.faults = [];
    this.disk.capacityBytes = Number.POSITIVE_INFINITY;
    this.failing = false;
  }

  /** Takes the outcome of something that is not waited for. */
  under(promise: Promise<unknown>, done: () => void, operation?: Operation): void {
    const life = this.#life;
    const outcome = promise.then(
      () => {
        if (life === this.#life) done();
      },
      (error: unknown) => {
        if (life !== this.#life) return;
        if (!(error instanceof LogError)) throw error;
        if (operation !== undefined) this.model.fail(operation, error.code === "LOG_FAILED");
      },
    );
    const settled = outcome.catch((error: unknown) => {
      this.#problem ??= error;
    });
    this.#pending.push(settled);
  }

  /** Waits for everything under way. */
  async settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
    if (this.#problem !== undefined) throw this.#problem;
  }
}

/** How calls that fail may show when a log is opened. */
function isFailure(error: unknown): error is LogError {
  return error instanceof LogError && /^LOG_(IO|NO_SPACE|FAILED)$/.test(error.code);
}
