// Runs a program on a simulated disk, and says at each moment what is known. On the way it holds what the database
// answers against the model: it shows what its log holds, at every step.

import { join } from "node:path";
import { repairLog } from "@tidemark/wal";
import { type CrashRecorder, SimulatedDisk } from "@tidemark/wal/testing";
import { startBackup } from "./backing-up.js";
import { startCheckpoint, startLookBack, startReader, startVerification } from "./beside.js";
import { type RestoreStep, restoreClosed, startRestoreBeside } from "./copying.js";
import { Consumer, Follower } from "./following.js";
import { judge } from "./judge.js";
import type { DatabaseModel, Facts } from "./model.js";
import { PATHS, type Program, type Step } from "./program.js";
import { ProgramError } from "./program-error.js";
import { pass } from "./removing.js";
import { rewindAlone } from "./rewinding.js";
import { Session } from "./session.js";
import { show } from "./show.js";
import { startWrite } from "./writing.js";

/** Called for each disk that the program runs on, before the database is opened on it. */
export type Arrange = (disk: SimulatedDisk) => void;

export async function runProgram(
  program: Program,
  recorder: CrashRecorder<Facts>,
  arrange: Arrange = () => undefined,
): Promise<void> {
  const session = sessionOf(program);
  await session.time.during(() => new Run(session, recorder, arrange).all());
}

function sessionOf(program: Program): Session {
  const { orderSeed } = program;
  return new Session(program, new SimulatedDisk(orderSeed === undefined ? {} : { orderSeed }));
}

class Run {
  readonly #recorder: CrashRecorder<Facts>;
  readonly #arrange: Arrange;
  readonly #session: Session;
  /** What comes after cannot be known. */
  #ended = false;

  constructor(session: Session, recorder: CrashRecorder<Facts>, arrange: Arrange) {
    this.#recorder = recorder;
    this.#arrange = arrange;
    this.#session = session;
  }

  async all(): Promise<void> {
    const session = this.#session;
    this.#record();
    await session.open();
    session.model.made = true;
    session.model.forgets = session.program.historyBytes !== undefined;
    for (const step of session.program.steps) {
      await this.#take(step);
      if (this.#ended) return;
      session.check();
      session.agree();
    }
    await this.#reopen();
    await session.close();
    for (const follower of session.followers) await follower.close();
  }

  #record(): void {
    const { disk } = this.#session;
    this.#arrange(disk);
    this.#recorder.record(disk, () => this.#facts());
  }

  #facts(): Facts {
    const session = this.#session;
    const { model, models, faults } = session;
    if (session.isOpen) model.spare(session.database.durableOffset, true);
    if (faults.some(({ hits, plan }) => hits > 0 && plan.manner === "reverts")) model.losePower();
    if (faults.some(({ hits, plan }) => hits > 0 && plan.manner === "late"))
      session.doubtful = true;
    return { databases: models.map((known) => known.facts()), doubtful: session.doubtful };
  }

  async #take(step: Step): Promise<void> {
    const session = this.#session;
    switch (step.do) {
      case "write":
      case "batch":
      case "transaction":
      case "mark":
        return startWrite(session, step);
      case "rewind":
        return rewindAlone(session, step);
      case "settle":
        return session.settle();
      case "turns":
        for (let turn = 0; turn < step.count; turn++)
          await new Promise<void>((resolve) => setImmediate(resolve));
        return;
      case "sync": {
        const { database, model } = session;
        const { endOffset } = database;
        return session.under(database.sync(), () => model.spare(endOffset, true));
      }
      case "clock":
        return pass(session, step.ms);
      case "snapshot": {
        const { database, model } = session;
        return session.hold(database.snapshot(), model.at(database.endOffset, session.now));
      }
      case "at":
        return startLookBack(session, step);
      case "checkpoint":
        return startCheckpoint(session);
      case "backup":
        return this.#backup(step.goOn === true);
      case "consumer": {
        const consumer = new Consumer();
        session.consumers.push(consumer);
        return consumer.begin(session);
      }
      case "follower":
        return this.#startFollower();
      case "refresh":
        return this.#refresh();
      case "reader":
        return startReader(session);
      case "verify":
        return startVerification(session);
      case "restore":
        if (step.by === "beside") return startRestoreBeside(session, step);
        return this.#reopen((closed) => (closed ? this.#restore(step) : undefined));
      case "reopen":
        return this.#reopen((closed) =>
          step.repair === true && closed ? this.#repair() : undefined,
        );
      case "fail":
        session.failing = true;
        session.faults.push(session.disk.fail({ ...step, path: PATHS[step.place] }));
        return;
      case "space":
        session.failing = true;
        session.disk.capacityBytes = session.disk.usedBytes + step.bytes;
        return;
      case "crash":
        return this.#crash(step);
    }
  }

  /** Closes and opens again, with something in between; what a failed log left is there or not, as after a crash. */
  async #reopen(
    between: (closed: boolean) => Promise<void> | undefined = () => undefined,
  ): Promise<void> {
    const session = this.#session;
    await session.settle();
    const closed = await session.close();
    await between(closed);
    this.#recorder.keep();
    await this.#open("reopened", "process");
  }

  async #restore(step: RestoreStep): Promise<void> {
    const session = this.#session;
    const made = await restoreClosed(session, step);
    if (made === undefined || step.goOn !== true) return;
    await this.#goOnWith(made);
  }

  async #goOnWith(made: DatabaseModel): Promise<void> {
    const session = this.#session;
    await session.moveTo(made);
    made.forgets = session.program.historyBytes !== undefined;
  }

  async #backup(goOn: boolean): Promise<void> {
    const backup = startBackup(this.#session);
    if (goOn) await this.#reopen(() => (backup.made ? this.#goOnWith(backup) : undefined));
  }

  #startFollower(): void {
    const session = this.#session;
    const { life, model } = session;
    session.under(Follower.open(session), (follower) => {
      if (life !== session.life || model !== session.model) return;
      follower.check(session);
      session.followers.push(follower);
    });
  }

  #refresh(): void {
    const session = this.#session;
    for (const follower of session.followers) {
      session.under(follower.refresh(), () => {
        follower.check(session);
        follower.checkDurable(session);
      });
    }
  }

  async #repair(): Promise<void> {
    const session = this.#session;
    const path = join(session.model.directory, "log");
    session.under(repairLog(path, { fileSystem: session.disk }), ({ changed, damage }) => {
      if (changed || damage.length > 0)
        throw new ProgramError(`a repair found damage: ${JSON.stringify(damage)}`);
    });
    await session.settle();
  }

  async #open(doing: string, crash: "process" | "machine"): Promise<void> {
    const session = this.#session;
    const { model, doubtful } = session;
    const known = model.facts();
    const database = await session.open();
    const { failing } = session;
    session.mend();
    const shown = await show(database, session.now);
    // A snapshot file that could not be read costs time, and no more.
    const excused = failing
      ? { ...shown, skipped: 0, snapshotOffset: known.snapshotOffset }
      : shown;
    const facts: Facts = { databases: [known], doubtful };
    const verdict = judge(new Map([[model.directory, excused]]), facts, crash);
    if (verdict !== undefined) throw new ProgramError(`${doing}: ${verdict}`);
    model.restart(shown.endOffset);
  }

  async #crash({ profile, seed, restore }: Extract<Step, { do: "crash" }>): Promise<void> {
    this.#recorder.keep();
    const session = this.#session;
    session.drop();
    if (profile !== "P0") for (const model of session.models) model.losePower();
    // Of a disk that has lied nobody knows what a power cut leaves: the states at this moment are looked at so.
    this.#ended = session.doubtful && profile !== "P0";
    if (this.#ended) return;
    session.disk = session.disk.crash({ profile, seed });
    const { orderSeed } = session.program;
    if (orderSeed !== undefined) session.disk.orderSeed = orderSeed + seed;
    session.faults = [];
    session.failing = false;
    this.#record();
    if (restore !== undefined) {
      startRestoreBeside(session, { do: "restore", percent: restore, by: "beside" });
      await session.settle();
    }
    await this.#open(`after ${profile} ${seed}`, profile === "P0" ? "process" : "machine");
  }
}
