// What a running program has at hand: the disk, the open database and its model, and what is under way. Whatever is
// wrong on the way is kept and thrown when it is next waited for.

import { Database, DatabaseError, type DatabaseOptions, type View } from "@tidemark/kv";
import { LogError } from "@tidemark/wal";
import type { PlannedFault, SimulatedDisk } from "@tidemark/wal/testing";
import { VirtualTime } from "../../../wal/test/crash/virtual-time.js";
import {
  applied,
  type Contents,
  contentsOf,
  marksText,
  type Operation,
  type State,
} from "./contents.js";
import type { Consumer, Follower } from "./following.js";
import { type Commit, DatabaseModel, marksBelow } from "./model.js";
import { DIRECTORY, databaseOptions, type Program } from "./program.js";
import { ProgramError } from "./program-error.js";

/** Views that are held at the same time, at the most. */
const VIEWS_MAX = 6;

export class Session {
  disk: SimulatedDisk;
  readonly time = new VirtualTime();
  readonly program: Program;
  /** All databases that the program has made or is making. */
  readonly models: DatabaseModel[];
  /** The model of the one that is open. */
  model: DatabaseModel;
  /** Calls fail, or may yet. */
  failing = false;
  faults: PlannedFault[] = [];
  /** The log has said that it has failed. */
  poisoned = false;
  /** The disk has kept quiet about something. */
  doubtful = false;
  /** Values written so far. */
  serial = 0;
  /** Directories restored into so far. */
  copies = 0;
  /** Goes up with each crash: what was asked of a database before it is not answered. */
  life = 0;
  /** Who takes changes. */
  readonly consumers: Consumer[] = [];
  /** Who follows it in another process. */
  followers: Follower[] = [];
  #database: Database | undefined;
  #closing = false;
  #pending: Promise<void>[] = [];
  #views: { readonly view: View; readonly wanted: Contents }[] = [];
  #problem: unknown;

  constructor(program: Program, disk: SimulatedDisk) {
    this.program = program;
    this.disk = disk;
    this.model = new DatabaseModel(DIRECTORY);
    this.models = [this.model];
  }

  get database(): Database {
    if (this.#database === undefined) throw new Error("the program's database is open");
    return this.#database;
  }

  /** What the clock says, in ms; it never steps back. */
  get now(): number {
    return this.time.now;
  }

  get isOpen(): boolean {
    return this.#database !== undefined;
  }

  /** For whoever opens the database, as the process that `disk` is. */
  options(disk = this.disk): DatabaseOptions & { readonly keys?: "string" } {
    const { log, ...others } = databaseOptions(this.program, () => this.now);
    return { ...others, log: { ...log, fileSystem: disk } };
  }

  /** Opens the database of the model; a second time where calls failed. */
  async open(): Promise<Database> {
    this.#database = undefined;
    this.poisoned = false;
    const { log, ...others } = this.options();
    const { life } = this;
    const onFailure = () => {
      if (life === this.life) this.poisoned = true;
    };
    const options = { ...others, log: { ...log, onFailure } };
    try {
      this.#database = await Database.open(this.model.directory, options);
    } catch (error) {
      if (!this.failing || !isFailure(error)) throw error;
      this.mend();
      this.poisoned = false;
      this.#database = await Database.open(this.model.directory, options);
    }
    for (const consumer of this.consumers) consumer.begin(this);
    return this.#database;
  }

  /** Closes the database; resolves with whether that was in order: then everything is durable. */
  async close(): Promise<boolean> {
    const { database, model, consumers } = this;
    let closed = true;
    for (const consumer of consumers) await consumer.catchUp(this);
    this.#closing = true;
    this.under(
      database.close(),
      () => undefined,
      () => {
        closed = false;
      },
    );
    await this.settle();
    for (const consumer of consumers) await consumer.ended;
    this.#database = undefined;
    this.#closing = false;
    if (!closed || this.poisoned) return false;
    model.spare(model.commits.length, true);
    return true;
  }

  /** Forgets the database without a word, as a crash does. */
  drop(): void {
    this.life += 1;
    this.#database = undefined;
    this.#pending = [];
    this.followers = [];
    this.poisoned = false;
  }

  /** Looks at another database from now on. */
  async moveTo(model: DatabaseModel): Promise<void> {
    this.model = model;
    for (const follower of this.followers) await follower.close();
    this.followers = [];
  }

  /** Ends what makes calls fail. */
  mend(): void {
    for (const fault of this.faults) fault.lift();
    this.faults = [];
    this.disk.capacityBytes = Number.POSITIVE_INFINITY;
    this.failing = false;
  }

  /** Takes the outcome of something that is not waited for. Only where calls fail may it fail too. */
  under<T>(
    promise: Promise<T>,
    done: (value: T) => void,
    failed: (error: DatabaseError | LogError) => void = () => undefined,
  ): void {
    const { life } = this;
    const outcome = promise.then(
      (value) => {
        if (life === this.life) done(value);
      },
      (error: unknown) => {
        if (life !== this.life) return;
        if (!this.failing || !isFailure(error)) throw error;
        failed(error);
        this.agree();
      },
    );
    const settled = outcome.catch((error: unknown) => {
      this.#problem ??= error;
    });
    this.#pending.push(settled);
  }

  /** Keeps what is wrong with something that nobody waits for. */
  watch(running: Promise<void>): void {
    running.catch((error: unknown) => {
      this.#problem ??= error;
    });
  }

  /** Waits for everything under way. */
  async settle(): Promise<void> {
    while (this.#pending.length > 0) {
      const pending = this.#pending;
      this.#pending = [];
      await Promise.all(pending);
    }
    this.check();
    if (!this.poisoned && this.isOpen && !this.#closing) {
      const { endOffset } = this.database;
      this.expect("the end offset after all is settled", endOffset, this.model.commits.length);
    }
    for (const { view, wanted } of this.#views) {
      this.expect(`a view of ${view.offset} that was held`, contentsOf(view), wanted);
    }
  }

  /** Throws what was wrong with something under way. */
  check(): void {
    const problem = this.#problem;
    this.#problem = undefined;
    if (problem !== undefined) throw problem;
  }

  /** The database shows what its log holds, at once, and a follower what that held. */
  agree(): void {
    for (const follower of this.followers) follower.check(this);
    if (!this.isOpen || this.#closing) return;
    const { endOffset } = this.database;
    this.expect(
      `what it holds below ${endOffset}`,
      contentsOf(this.database),
      this.model.at(endOffset, this.now),
    );
    const known = marksText(marksBelow(this.model.commits, endOffset));
    this.expect(`its marks below ${endOffset}`, marksText(this.database.marks()), known);
  }

  /** What is gone back to may have been let go of meanwhile: undefined then. */
  async unlessOutOfReach<T>(past: Promise<T>): Promise<T | undefined> {
    try {
      return await past;
    } catch (error) {
      const isOut = error instanceof DatabaseError && error.code === "KV_TARGET_OUT_OF_RANGE";
      if (this.program.historyBytes !== undefined && isOut) return undefined;
      throw error;
    }
  }

  hold(view: View, wanted: Contents): void {
    this.expect(`a view of ${view.offset}`, contentsOf(view), wanted);
    this.#views = [...this.#views, { view, wanted }].slice(-VIEWS_MAX);
  }

  /** A commit that is asked for now. */
  commit(operations: readonly Operation[]): Commit {
    return this.commitAt(this.database.endOffset, operations);
  }

  /** A commit that has this offset, and was asked for now. */
  commitAt(offset: number, operations: readonly Operation[]): Commit {
    const { now: time, model } = this;
    const state = applied(model.stateAt(offset), operations, offset, time);
    return model.begin({ offset, time, operations, state });
  }

  /** What a commit that came now would make of the present. */
  stateAfter(operations: readonly Operation[]): State {
    const { endOffset } = this.database;
    return applied(this.model.stateAt(endOffset), operations, endOffset, this.now);
  }

  expect<T>(what: string, actual: T, wanted: T): void {
    if (actual !== wanted)
      throw new ProgramError(`${what}: ${String(actual)}, not ${String(wanted)}`);
  }
}

/** How calls that fail may show; anything else is a bug, wherever it happens. */
function isFailure(error: unknown): error is DatabaseError | LogError {
  const isTyped = error instanceof DatabaseError || error instanceof LogError;
  return isTyped && /^(KV|LOG)_(IO|NO_SPACE|FAILED)$/.test(error.code);
}
