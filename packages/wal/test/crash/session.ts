// What a running program has at hand: the disk, the open log and its model, who else is there, and what is under way.
// Whatever is wrong on the way is kept and thrown when it is next waited for.

import { type Log, LogError } from "@tidemark/wal";
import { type CrashRecorder, type PlannedFault, SimulatedDisk } from "@tidemark/wal/testing";
import { judge, judgeRepaired } from "./judge.js";
import { type Facts, Model, type Operation, type Shown } from "./model.js";
import { logOptions, type Program } from "./program.js";
import { ProgramError } from "./program-error.js";
import { openLog, show } from "./show.js";
import { VirtualTime } from "./virtual-time.js";

/** Someone beside the writer, who looks at the log again and again. */
export interface Onlooker {
  /** Right before each call that changes the disk. Throws what is wrong. */
  look(): void;
  /** When nobody has the log open. */
  lookAtRest(): void;
}

/** Each file may yet tell of a sync that failed before calls stopped failing. */
const OPENINGS_MAX = 6;

export class Session {
  readonly program: Program;
  readonly recorder: CrashRecorder<Facts>;
  readonly model = new Model();
  readonly time = new VirtualTime();
  disk: SimulatedDisk;
  /** Calls fail, or may yet. */
  failing = false;
  faults: PlannedFault[] = [];
  onlookers: Onlooker[] = [];
  /** Processes that only read. */
  readonly #bystanders = new Set<number>();
  /** What comes after cannot be known. */
  ended = false;
  #unwatch: () => void = () => undefined;
  #log: Log | undefined;
  #pending: Promise<void>[] = [];
  #problem: unknown;
  /** Goes up with each crash: what was asked of a log before it is not answered. */
  #life = 0;

  constructor(program: Program, recorder: CrashRecorder<Facts>) {
    this.program = program;
    this.recorder = recorder;
    this.disk = new SimulatedDisk({ kernelLocks: program.textLocks !== true });
    this.attach(this.disk, 0);
  }

  get log(): Log {
    if (this.#log === undefined) throw new Error("the program's log is open");
    return this.#log;
  }

  /** Whether this is still the log that the program has open. */
  isOpenAs(log: Log): boolean {
    return this.#log === log;
  }

  /** As the writer says; undefined where there is none, or where the end is being cut. */
  get durableOffset(): number | undefined {
    return this.model.isTruncating ? undefined : this.#log?.durableOffset;
  }

  /** Goes on on this disk. */
  attach(disk: SimulatedDisk, seed: number): void {
    this.disk = disk;
    const { orderSeed, lies } = this.program;
    if (orderSeed !== undefined) disk.orderSeed = orderSeed + seed;
    if (lies !== undefined)
      disk.fail({ call: lies.call, path: new RegExp(lies.path), manner: "lies" });
    this.recorder.record(disk, () => this.facts());
    this.#unwatch();
    this.#unwatch = disk.watch({
      before: (call) => {
        if (this.#bystanders.has(call.pid))
          this.#problem ??= new ProgramError(`a reader asks for ${call.call} of ${call.path}`);
        for (const onlooker of this.onlookers) this.#heed(() => onlooker.look());
      },
    });
  }

  /** Another process on the disk, which may only read. */
  bystander(): SimulatedDisk {
    const disk = this.disk.startProcess();
    this.#bystanders.add(disk.identity().pid);
    return disk;
  }

  /** What is known now. */
  facts(): Facts {
    const { model } = this;
    const log = this.#log;
    if (log !== undefined) {
      model.startMin = Math.max(model.startMin, log.startOffset);
      model.spareBelow(log.durableOffset);
      if (this.program.retentionBytes !== undefined)
        model.startMax = Math.max(model.startMax, log.acknowledgedOffset);
    }
    if (this.#struck("reverts")) model.losePower();
    if (this.#struck("late")) model.doubtful = true;
    return model.facts();
  }

  #struck(manner: string): boolean {
    return this.faults.some(({ hits, plan }) => hits > 0 && plan.manner === manner);
  }

  /** Calls may fail: an error that comes a sync late outlasts its cause. */
  get mayFail(): boolean {
    return this.failing || this.model.doubtful;
  }

  /** Opens the log, again where calls failed, and holds what it shows against what was known. */
  async open(doing: string, known: Facts): Promise<void> {
    this.#log = undefined;
    this.#log = await this.#opened(this.mayFail ? OPENINGS_MAX : 1);
    this.mend();
    const shown = show(this.#log);
    this.model.restart(shown, this.#judged(doing, shown, known));
  }

  async #opened(openings: number): Promise<Log> {
    try {
      return await openLog(
        this.disk,
        logOptions(this.program, () => this.time.now),
      );
    } catch (error) {
      if (openings === 1 || !this.isFailure(error)) throw error;
      this.mend();
      return this.#opened(openings - 1);
    }
  }

  #judged(doing: string, shown: Shown, known: Facts): number {
    const repaired = known.kept === undefined ? undefined : judgeRepaired(shown, known);
    const least = { spared: { process: 0, machine: 0 }, startMin: 0, startMax: shown.startOffset };
    const verdict =
      repaired ??
      judge(shown, known.kept === undefined ? known : { ...known, ...least }, "process");
    if (typeof verdict === "string") throw new ProgramError(`${doing}: ${verdict}`);
    return verdict;
  }

  /** Closes the log. */
  async close(): Promise<void> {
    await this.settle();
    const { log } = this;
    const closed = await log.close().then(
      () => true,
      (error: unknown) => {
        if (this.mayFail && error instanceof LogError) return false;
        throw error;
      },
    );
    if (closed && log.failure === undefined) {
      this.model.spare(this.model.count, true);
      this.model.closed = !this.mayFail;
    }
    this.#log = undefined;
    for (const onlooker of this.onlookers) this.#heed(() => onlooker.lookAtRest());
    await this.settle();
  }

  /** Kills the writer's process; the machine goes on, and the readers with it. */
  kill(): void {
    this.disk.kill();
    this.disk = this.disk.startProcess();
    const { faults, failing } = this;
    this.#forget();
    Object.assign(this, { faults, failing });
    for (const onlooker of this.onlookers) this.#heed(() => onlooker.lookAtRest());
    this.mend();
  }

  /** Forgets all that was in memory, as a crash of the machine does. */
  drop(): void {
    this.disk.kill();
    this.#forget();
    this.onlookers = [];
  }

  #forget(): void {
    this.#life += 1;
    this.#pending = [];
    this.#log = undefined;
    this.faults = [];
    this.failing = false;
  }

  /** Ends what makes calls fail. */
  mend(): void {
    if (this.#struck("late")) this.model.doubtful = true;
    for (const fault of this.faults) fault.lift();
    this.faults = [];
    this.disk.capacityBytes = Number.POSITIVE_INFINITY;
    this.failing = false;
  }

  /** How calls that fail may show when a log is opened. */
  isFailure(error: unknown): boolean {
    return error instanceof LogError && /^LOG_(IO|NO_SPACE|FAILED)$/.test(error.code);
  }

  /** Takes the outcome of something that the writer was asked for and that is not waited for. */
  under(promise: Promise<unknown>, done: () => void, operation?: Operation): void {
    const life = this.#life;
    this.#keep(
      promise.then(
        () => {
          if (life === this.#life) done();
        },
        (error: unknown) => {
          if (life !== this.#life) return;
          if (!(error instanceof LogError)) throw error;
          if (operation !== undefined) this.model.fail(operation, error.code === "LOG_FAILED");
        },
      ),
    );
  }

  /** Takes the outcome of what another process does, which may fail so where the writer's calls fail. */
  beside<T>(
    promise: Promise<T>,
    done: (value: T) => void,
    isExcused: (error: unknown) => boolean,
  ): void {
    const life = this.#life;
    const { mayFail } = this;
    this.#keep(
      promise.then(done).catch((error: unknown) => {
        if (life !== this.#life || ((mayFail || this.mayFail) && isExcused(error))) return;
        throw error;
      }),
    );
  }

  /** Waits for everything under way. */
  async settle(): Promise<void> {
    while (this.#pending.length > 0) {
      const pending = this.#pending;
      this.#pending = [];
      await Promise.all(pending);
    }
    if (this.#problem !== undefined) throw this.#problem;
  }

  #keep(outcome: Promise<void>): void {
    const settled = outcome.catch((error: unknown) => {
      this.#problem ??= error;
    });
    this.#pending.push(settled);
  }

  /** Keeps what is wrong: whoever calls here is not the one to be told. */
  #heed(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#problem ??= error;
    }
  }
}
