// Runs a program on a simulated disk, step by step, and has each moment recorded at which a crash could come.

import type { CrashProfile, CrashRecorder } from "@tidemark/wal/testing";
import { intrude, Reader, startVerification } from "./beside.js";
import type { Facts } from "./model.js";
import type { Program, Step } from "./program.js";
import { repair } from "./repairing.js";
import { Session } from "./session.js";
import {
  startAppend,
  startAppenders,
  startBatch,
  startSync,
  startTruncateBefore,
  startTruncateFrom,
} from "./writing.js";

export async function runProgram(program: Program, recorder: CrashRecorder<Facts>): Promise<void> {
  const session = new Session(program, recorder);
  await session.time.during(async () => {
    await session.open("opened first", session.facts());
    for (const step of program.steps) {
      await take(session, step);
      if (session.ended) return;
    }
    await reopen(session);
  });
}

async function take(session: Session, step: Step): Promise<void> {
  switch (step.do) {
    case "append":
      return startAppend(session, step.bytes, step.sync === true);
    case "batch":
      return startBatch(session, step.bytes, step.sync === true);
    case "appenders":
      return startAppenders(session, step.count, step.each, step.bytes);
    case "settle":
      return session.settle();
    case "turns":
      for (let turn = 0; turn < step.count; turn++)
        await new Promise<void>((resolve) => setImmediate(resolve));
      return;
    case "sync":
      return startSync(session);
    case "truncateFrom":
      return startTruncateFrom(session, step.back);
    case "truncateBefore":
      return startTruncateBefore(session, step.percent);
    case "clock":
      return session.time.pass(step.ms);
    case "reopen":
      return reopen(session);
    case "fail":
      session.failing = true;
      session.faults.push(session.disk.fail(step));
      return;
    case "space":
      session.failing = true;
      session.disk.capacityBytes = session.disk.usedBytes + step.bytes;
      return;
    case "crash":
      return crash(session, step.profile, step.seed);
    case "kill":
      return kill(session);
    case "reader":
      return Reader.start(session);
    case "verify":
      return startVerification(session);
    case "intruder":
      return intrude(session);
    case "repair":
      return repair(session, step.damage);
  }
}

/** Closes, and opens again; what a failed log left is there or not, as after a crash of the process. */
async function reopen(session: Session): Promise<void> {
  await session.close();
  session.recorder.keep();
  await session.open("reopened", session.facts());
}

async function kill(session: Session): Promise<void> {
  session.recorder.keep();
  const facts = session.facts();
  session.kill();
  await session.open("after a kill", facts);
}

async function crash(session: Session, profile: CrashProfile, seed: number): Promise<void> {
  session.recorder.keep();
  if (profile !== "P0") session.model.losePower();
  const facts = session.model.facts();
  const left = session.disk.crash({ profile, seed });
  session.drop();
  session.attach(left, seed);
  await session.open(`after ${profile} ${seed}`, facts);
}
