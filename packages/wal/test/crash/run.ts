// Runs a program on a simulated disk and keeps each moment at which a crash could have come.

import { Log, LogError } from "@tidemark/wal";
import { type DiskCall, type PlannedFault, SimulatedDisk } from "@tidemark/wal/testing";
import { type Facts, judge, Model, type ModelRecord, type Operation, type Shown } from "./model.js";
import { DIRECTORY, logOptions, type Program, payloadOf, type Step } from "./program.js";

/** A moment at which a crash could come: right before a call, or in the middle of a write. */
export interface Moment {
  readonly disk: SimulatedDisk;
  readonly facts: Facts;
  readonly call: DiskCall | undefined;
  readonly inWrite: boolean;
}

/** A crash within the program left something wrong. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/** Called for each disk that the program runs on, before the log is opened on it. */
export type Arrange = (disk: SimulatedDisk) => void;

export async function runProgram(program: Program, arrange?: Arrange): Promise<Moment[]> {
  const run = new Run(program, arrange);
  await run.all();
  return run.moments;
}

class Run {
  readonly moments: Moment[] = [];
  readonly #program: Program;
  readonly #arrange: Arrange | undefined;
  readonly #model = new Model();
  #disk: SimulatedDisk;
  #log: Log | undefined;
  #unwatch: () => void = () => undefined;
  #pending: Promise<unknown>[] = [];
  #now = 1_000_000;
  #faults: PlannedFault[] = [];
  #failing = false;
  /** Goes up with each crash: what was asked of a log before it is not answered. */
  #life = 0;

  constructor(program: Program, arrange: Arrange | undefined) {
    this.#program = program;
    this.#arrange = arrange;
    const { orderSeed } = program;
    this.#disk = new SimulatedDisk(orderSeed === undefined ? {} : { orderSeed });
  }

  async all(): Promise<void> {
    this.#watch();
    await this.#open();
    for (const step of this.#program.steps) await this.#take(step);
    await this.#reopen();
    this.#keep(undefined, false);
    this.#unwatch();
  }

  #watch(): void {
    this.#unwatch();
    this.#arrange?.(this.#disk);
    this.#unwatch = this.#disk.watch({
      before: (call) => this.#keep(call, false),
      after: (call) => {
        if (call.call === "write") this.#keep(call, true);
      },
    });
  }

  #keep(call: DiskCall | undefined, inWrite: boolean): void {
    const log = this.#log;
    if (log !== undefined) {
      this.#model.startMin = Math.max(this.#model.startMin, log.startOffset);
      this.#model.spareBelow(log.durableOffset);
      if (this.#program.retentionBytes !== undefined)
        this.#model.startMax = Math.max(this.#model.startMax, log.acknowledgedOffset);
    }
    if (this.#faults.some(({ hits, plan }) => hits > 0 && plan.manner === "reverts"))
      this.#model.losePower();
    if (this.#faults.some(({ hits, plan }) => hits > 0 && plan.manner === "late"))
      this.#model.doubtful = true;
    this.moments.push({ disk: this.#disk.fork(), facts: this.#model.facts(), call, inWrite });
  }

  async #open(): Promise<void> {
    this.#log = undefined;
    const options = {
      ...logOptions(this.#program, () => this.#now),
      fileSystem: this.#disk,
    };
    try {
      this.#log = await Log.open(DIRECTORY, options);
    } catch (error) {
      const failed = error instanceof LogError && /^LOG_(IO|NO_SPACE|FAILED)$/.test(error.code);
      if (!failed || !this.#failing) throw error;
      this.#mend();
      this.#log = await Log.open(DIRECTORY, options);
    }
  }

  /** Ends what makes calls fail. */
  #mend(): void {
    for (const fault of this.#faults) fault.lift();
    this.#faults = [];
    this.#disk.capacityBytes = Number.POSITIVE_INFINITY;
    this.#failing = false;
  }

  async #take(step: Step): Promise<void> {
    switch (step.do) {
      case "append":
        return this.#append([step.bytes], step.sync === true, false);
      case "batch":
        return this.#append(step.bytes, step.sync === true, true);
      case "settle":
        return this.#settle();
      case "turns":
        for (let turn = 0; turn < step.count; turn++)
          await new Promise<void>((resolve) => setImmediate(resolve));
        return;
      case "sync": {
        const { count } = this.#model;
        return this.#under(this.#opened.sync(), () => this.#model.spare(count, true));
      }
      case "truncateFrom":
        return this.#truncateFrom(step.back);
      case "truncateBefore":
        return this.#truncateBefore(step.percent);
      case "clock":
        this.#now += step.ms;
        return;
      case "reopen":
        return this.#reopen();
      case "fail":
        this.#failing = true;
        this.#faults.push(this.#disk.fail(step));
        return;
      case "space":
        this.#failing = true;
        this.#disk.capacityBytes = this.#disk.usedBytes + step.bytes;
        return;
      case "crash":
        return this.#crash(step.profile, step.seed);
    }
  }

  #append(lengths: readonly number[], sync: boolean, together: boolean): void {
    const log = this.#opened;
    const payloads = lengths.map((bytes) => payloadOf(this.#model.serial++, bytes));
    const [first] = payloads;
    if (first === undefined) return;
    const records: ModelRecord[] = [];
    const operation = this.#model.begin({ kind: "append", records, rejected: false });
    const promise = together ? log.appendBatch(payloads, { sync }) : log.append(first, { sync });
    for (const payload of payloads) records.push({ payload, time: log.lastTime });
    const durable = sync || this.#program.durability === "commit";
    this.#under(promise, () => this.#model.done(operation, durable), operation);
  }

  #truncateFrom(back: number): void {
    const log = this.#opened;
    const from = Math.max(log.startOffset, log.endOffset - back);
    const operation = this.#model.begin({ kind: "truncation", from, rejected: false });
    this.#model.truncating += 1;
    const done = () => {
      this.#model.truncating -= 1;
      this.#model.done(operation, true);
    };
    this.#under(log.truncateFrom(from), done, operation);
  }

  #truncateBefore(percent: number): void {
    const log = this.#opened;
    const { startOffset, acknowledgedOffset } = log;
    const offset = startOffset + Math.floor(((acknowledgedOffset - startOffset) * percent) / 100);
    this.#model.startMax = Math.max(this.#model.startMax, offset);
    this.#under(log.truncateBefore(offset), () => undefined);
  }

  /** Takes the outcome of something that is not waited for. */
  #under(promise: Promise<unknown>, done: () => void, operation?: Operation): void {
    const life = this.#life;
    const settled = promise.then(
      () => {
        if (life === this.#life) done();
      },
      (error: unknown) => {
        if (life !== this.#life) return;
        if (!(error instanceof LogError)) throw error;
        if (operation === undefined) return;
        if (operation.kind === "truncation") this.#model.truncating -= 1;
        // What a poisoned log refused may be there or not: opening says which.
        if (error.code === "LOG_FAILED") operation.doubtful = true;
        else operation.rejected = true;
      },
    );
    this.#pending.push(settled);
  }

  async #settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
  }

  /** Closes, and opens again; what a failed log left is there or not, as after a crash of the process. */
  async #reopen(): Promise<void> {
    await this.#settle();
    const log = this.#opened;
    const closed = await log.close().then(
      () => true,
      (error: unknown) => {
        if (this.#failing && error instanceof LogError) return false;
        throw error;
      },
    );
    if (closed && log.failure === undefined) this.#model.spare(this.#model.count, true);
    this.#keep(undefined, false);
    const facts = this.#model.facts();
    await this.#open();
    this.#restart(facts, "reopened");
  }

  #restart(facts: Facts, doing: string): void {
    this.#mend();
    const shown = show(this.#opened);
    const verdict = judge(shown, facts, "process");
    if (typeof verdict === "string") throw new ProgramError(`${doing}: ${verdict}`);
    this.#model.restart(shown, verdict);
  }

  async #crash(profile: "P0" | "P1" | "P2" | "P3" | "P4" | "P5", seed: number): Promise<void> {
    this.#keep(undefined, false);
    this.#life += 1;
    this.#pending = [];
    this.#log = undefined;
    if (profile !== "P0") this.#model.losePower();
    const facts = this.#model.facts();
    this.#disk = this.#disk.crash({ profile, seed });
    const { orderSeed } = this.#program;
    if (orderSeed !== undefined) this.#disk.orderSeed = orderSeed + seed;
    this.#faults = [];
    this.#failing = false;
    this.#watch();
    await this.#open();
    this.#restart(facts, `after ${profile} ${seed}`);
  }

  get #opened(): Log {
    if (this.#log === undefined) throw new Error("the program's log is open");
    return this.#log;
  }
}

/** All that a log shows. */
export function show(log: Log): Shown {
  return {
    startOffset: log.startOffset,
    endOffset: log.acknowledgedOffset,
    records: [...log.records()].map(({ payload, time }) => ({ payload, time })),
  };
}
