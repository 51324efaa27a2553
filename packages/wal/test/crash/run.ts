// Runs a program on a simulated disk, step by step, and has each moment recorded at which a crash could come.

import type { CrashProfile, CrashRecorder } from "@tidemark/wal/testing";
import type { Facts, ModelRecord } from "./model.js";
import { type Program, payloadOf, type Step } from "./program.js";
import { Session } from "./session.js";

export async function runProgram(program: Program, recorder: CrashRecorder<Facts>): Promise<void> {
  const run = new Run(program, recorder);
  await run.all();
}

class Run {
  readonly #session: Session;
  readonly #recorder: CrashRecorder<Facts>;

  constructor(program: Program, recorder: CrashRecorder<Facts>) {
    this.#session = new Session(program);
    this.#recorder = recorder;
  }

  async all(): Promise<void> {
    const session = this.#session;
    this.#record();
    await session.open("opened first", session.facts());
    for (const step of session.program.steps) await this.#take(step);
    await this.#reopen();
  }

  #record(): void {
    const session = this.#session;
    this.#recorder.record(session.disk, () => session.facts());
  }

  async #take(step: Step): Promise<void> {
    const session = this.#session;
    switch (step.do) {
      case "append":
        return startAppend(session, [step.bytes], step.sync === true, false);
      case "batch":
        return startAppend(session, step.bytes, step.sync === true, true);
      case "settle":
        return session.settle();
      case "turns":
        for (let turn = 0; turn < step.count; turn++)
          await new Promise<void>((resolve) => setImmediate(resolve));
        return;
      case "sync": {
        const { model, log } = session;
        const { count } = model;
        return session.under(log.sync(), () => model.spare(count, true));
      }
      case "truncateFrom":
        return startTruncateFrom(session, step.back);
      case "truncateBefore":
        return startTruncateBefore(session, step.percent);
      case "clock":
        session.now += step.ms;
        return;
      case "reopen":
        return this.#reopen();
      case "fail":
        session.failing = true;
        session.faults.push(session.disk.fail(step));
        return;
      case "space":
        session.failing = true;
        session.disk.capacityBytes = session.disk.usedBytes + step.bytes;
        return;
      case "crash":
        return this.#crash(step.profile, step.seed);
    }
  }

  /** Closes, and opens again; what a failed log left is there or not, as after a crash of the process. */
  async #reopen(): Promise<void> {
    const session = this.#session;
    await session.close();
    this.#recorder.keep();
    await session.open("reopened", session.facts());
  }

  async #crash(profile: CrashProfile, seed: number): Promise<void> {
    const session = this.#session;
    this.#recorder.keep();
    if (profile !== "P0") session.model.losePower();
    const facts = session.model.facts();
    session.drop();
    session.disk = session.disk.crash({ profile, seed });
    const { orderSeed } = session.program;
    if (orderSeed !== undefined) session.disk.orderSeed = orderSeed + seed;
    session.arrange();
    this.#record();
    await session.open(`after ${profile} ${seed}`, facts);
  }
}

function startAppend(
  session: Session,
  lengths: readonly number[],
  sync: boolean,
  together: boolean,
): void {
  const { log, model, program } = session;
  const payloads = lengths.map((bytes) => payloadOf(model.serial++, bytes));
  const [first] = payloads;
  if (first === undefined) return;
  const records: ModelRecord[] = [];
  const operation = model.begin({ kind: "append", records, rejected: false });
  const promise = together ? log.appendBatch(payloads, { sync }) : log.append(first, { sync });
  for (const payload of payloads) records.push({ payload, time: log.lastTime });
  const durable = sync || program.durability === "commit";
  session.under(promise, () => model.done(operation, durable), operation);
}

function startTruncateFrom(session: Session, back: number): void {
  const { log, model } = session;
  const from = Math.max(log.startOffset, log.endOffset - back);
  const operation = model.begin({ kind: "truncation", from, rejected: false });
  session.under(log.truncateFrom(from), () => model.done(operation, true), operation);
}

function startTruncateBefore(session: Session, percent: number): void {
  const { log, model } = session;
  const { startOffset, acknowledgedOffset } = log;
  const offset = startOffset + Math.floor(((acknowledgedOffset - startOffset) * percent) / 100);
  model.startMax = Math.max(model.startMax, offset);
  session.under(log.truncateBefore(offset), () => undefined);
}
