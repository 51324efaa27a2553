// Who follows a database beside its writer: consumers of the change feed, which keep their place through crashes, and
// read-only databases in other processes. Both see durable commits alone, each whole.

import { type Change, Database, DatabaseError, type DatabaseOptions } from "@tidemark/kv";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import { contentsOf, marksText, operationText, shownOperation } from "./contents.js";
import { type DatabaseModel, marksBelow } from "./model.js";
import type { Program } from "./program.js";
import { ProgramError } from "./program-error.js";

/** A program that runs, as its followers see it. */
export interface Followed {
  readonly disk: SimulatedDisk;
  readonly program: Program;
  readonly database: Database;
  readonly isOpen: boolean;
  readonly model: DatabaseModel;
  /** Goes up with each crash. */
  readonly life: number;
  /** In ms. */
  readonly now: number;
  /** Calls fail, or may yet. */
  readonly failing: boolean;
  options(disk: SimulatedDisk): DatabaseOptions & { readonly keys?: "string" };
  /** Keeps what is wrong with something that nobody waits for. */
  watch(running: Promise<void>): void;
  expect(what: string, actual: string, wanted: string): void;
}

/** Turns of the event loop within which a consumer that nothing holds up has what is durable. */
const TURNS_MAX = 500;

/** Takes every change once, in order. */
export class Consumer {
  /** The last change that was taken in. */
  #place: { readonly logId: string; readonly offset: number } | undefined;
  #running: Promise<void> = Promise.resolve();

  /** Goes on from its place in the database that is open now, until that is closed. */
  begin(session: Followed): void {
    this.#running = this.#run(session);
    session.watch(this.#running);
  }

  async #run(session: Followed): Promise<void> {
    const { database, model, life } = session;
    try {
      const changes = database.changes(this.#place === undefined ? {} : { since: this.#place });
      for await (const change of changes) {
        if (life !== session.life) return;
        this.#take(change, model, database);
      }
    } catch (error) {
      if (life !== session.life) return;
      this.#ended(error, session);
    }
  }

  #take(change: Change, model: DatabaseModel, { durableOffset, logId }: Database): void {
    const { offset, time, operations } = change;
    const place = this.#place;
    if (place !== undefined && offset !== place.offset + 1)
      throw new ProgramError(`change ${offset} comes after ${place.offset}`);
    if (offset >= durableOffset || change.logId !== logId)
      throw new ProgramError(`change ${offset} is not durable, or of log ${change.logId}`);
    const commit = model.commits[offset];
    const shown = `${operations.map((one) => operationText(shownOperation(one))).join()} at ${time}`;
    const wanted = `${commit?.operations.map(operationText).join()} at ${commit?.time}`;
    if (shown !== wanted) throw new ProgramError(`change ${offset} is ${shown}, not ${wanted}`);
    model.spare(offset + 1, true);
    this.#place = { logId, offset };
  }

  #ended(error: unknown, { program, model, failing, database }: Followed): void {
    if (!(error instanceof DatabaseError)) throw error;
    const isOther = this.#place !== undefined && this.#place.logId !== database.logId;
    const isCut = program.historyBytes !== undefined || model.first > 0;
    switch (error.code) {
      case "KV_CLOSED":
        return;
      case "KV_OTHER_LINEAGE":
        if (!isOther) throw error;
        this.#place = undefined;
        return;
      case "KV_TARGET_OUT_OF_RANGE":
        if (!isCut && !isOther) throw error;
        this.#place = undefined;
        return;
      default:
        if (!failing) throw error;
    }
  }

  /** Waits until it has what is durable, unless it has ended or calls fail. */
  async catchUp(session: Followed): Promise<void> {
    const { database } = session;
    if (session.failing) return;
    let running = true;
    const ended = this.#running.finally(() => {
      running = false;
    });
    session.watch(ended);
    const end = () => (this.#place?.offset ?? -1) + 1;
    const { durableOffset } = database;
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      if (!running || end() >= durableOffset || (this.#place === undefined && isEmpty(database)))
        return;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    throw new ProgramError(`a consumer has changes below ${end()}, not ${durableOffset}`);
  }

  /** Resolves once the database that it follows is closed. */
  get ended(): Promise<void> {
    return this.#running;
  }
}

/** Whether the log has no commit to show. */
function isEmpty(database: Database): boolean {
  const { first } = database.stats().history;
  return first === undefined || first + 1 >= database.durableOffset;
}

/** A read-only database in another process, that shows more only when it is told to. */
export class Follower {
  readonly #database: Database;
  readonly #model: DatabaseModel;
  #shownEnd = 0;

  private constructor(database: Database, model: DatabaseModel) {
    this.#database = database;
    this.#model = model;
  }

  static async open(session: Followed): Promise<Follower> {
    const { model, disk } = session;
    const { log } = session.options(disk.startProcess());
    const options = { log, readOnly: true, refreshMs: 0 };
    return new Follower(await Database.open(model.directory, options), model);
  }

  async refresh(): Promise<void> {
    await this.#database.refresh();
  }

  /** It shows what its commits made, and no less than before. */
  check(session: Followed): void {
    const { endOffset } = this.#database;
    const { commits } = this.#model;
    if (endOffset < this.#shownEnd || endOffset > commits.length)
      throw new ProgramError(
        `a follower shows ${endOffset} commits, not ${this.#shownEnd} to ${commits.length}`,
      );
    this.#shownEnd = endOffset;
    const wanted = this.#model.at(endOffset, session.now);
    session.expect(`what a follower shows below ${endOffset}`, contentsOf(this.#database), wanted);
    const marks = marksText(marksBelow(commits, endOffset));
    session.expect("the marks of a follower", marksText(this.#database.marks()), marks);
  }

  /** What is shown now is on stable storage. */
  checkDurable({ database, isOpen }: Followed): void {
    if (isOpen && this.#shownEnd > database.durableOffset)
      throw new ProgramError(`a follower shows what is not durable, below ${this.#shownEnd}`);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
