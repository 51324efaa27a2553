// A process that writes a log or a database, restores one or repairs one, as its argument says (see `job.ts`), until it
// is done or killed, by itself or by whoever started it. It ends with its standard input.

import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, restore } from "@tidemark/kv";
import { LogError, repairLog } from "@tidemark/wal";
import { Random } from "@tidemark/wal/testing";
import { DatabaseSubject } from "./database-subject.js";
import type { Churn, Job, Step, WriteJob } from "./job.js";
import { KillingFileSystem } from "./killing-file-system.js";
import { LogSubject } from "./log-subject.js";
import type { Subject } from "./subject.js";
import { nowUs, tell } from "./telling.js";

/** How many make calls at the same time, each its next one when the one before is done. */
const CALLERS = 24;
const LOOK_FOR_LOCK_MS = 2;
/** Longer than a note waits. */
const REST_MS = 6;

function fileSystemFor({ kill, tellsCalls }: Job): KillingFileSystem | undefined {
  if (kill === undefined && tellsCalls !== true) return undefined;
  return new KillingFileSystem(kill, (step) => {
    if (tellsCalls === true) tell({ is: "call", step });
  });
}

function isLocked(error: unknown): boolean {
  return (
    (error instanceof LogError && error.code === "LOG_LOCKED") ||
    (error instanceof DatabaseError && error.code === "KV_LOCKED")
  );
}

async function open(job: WriteJob): Promise<Subject> {
  const fileSystem = fileSystemFor(job);
  for (let told = false; ; told = true) {
    try {
      return job.kind === "log"
        ? await LogSubject.open(job, fileSystem)
        : await DatabaseSubject.open(job, fileSystem);
    } catch (error) {
      if (job.waits !== true || !isLocked(error)) throw error;
      if (!told) tell({ is: "locked" });
      await sleep(LOOK_FOR_LOCK_MS);
    }
  }
}

async function churn(subject: Subject, { seed, callsMax }: Churn): Promise<void> {
  const random = new Random(seed);
  let calls = 0;
  let rest: Promise<unknown> | undefined;
  const call = async () => {
    while (calls < callsMax) {
      calls += 1;
      await rest;
      await subject.act(random);
      // Now and then nothing happens, and a note comes.
      if (random.oneIn(100)) rest = sleep(random.oneIn(4) ? REST_MS : 1);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
}

async function takeAll(subject: Subject, steps: readonly Step[]): Promise<void> {
  const underWay: Promise<unknown>[] = [];
  for (const step of steps) {
    if (step.do === "exit") process.exit(0);
    const taken = subject.take(step);
    underWay.push(taken);
    if (!(step.do === "append" && step.goOn === true)) await taken;
  }
  await Promise.all(underWay);
}

async function write(job: WriteJob): Promise<void> {
  const subject = await open(job);
  const { shown, takenOver } = subject;
  tell({ is: "opened", ...shown, takenOver, atUs: nowUs() });
  await ("seed" in job.work ? churn(subject, job.work) : takeAll(subject, job.work));
  await subject.close();
}

async function run(job: Job): Promise<void> {
  if ("work" in job) return write(job);
  const fileSystem = fileSystemFor(job);
  const options = fileSystem === undefined ? {} : { fileSystem };
  if (job.kind === "repair") await repairLog(job.directory, options);
  else await restore(job.directory, job.destination, { offset: job.offset }, options);
}

// The terminal sends Ctrl-C to all processes: who started this one ends it.
process.on("SIGINT", () => undefined);
process.stdin.on("end", () => process.exit(1));
process.stdin.resume();
const job: Job = JSON.parse(process.argv[2] ?? "");
try {
  await run(job);
  tell({ is: "ended" });
  process.exit(0);
} catch (error) {
  tell({ is: "wrong", text: textOf(error) });
  process.exit(1);
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, stack, message } = error;
  return `${stack ?? message}${cause === undefined ? "" : `\ncaused by ${textOf(cause)}`}`;
}
