// Shows the queue through a crash: a child enqueues and works on labels to print, is killed with SIGKILL in the
// middle, and this process does the rest. The labels are lines of a file, so that each print can be counted.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Job, JobQueue } from "./queue.js";

const JOBS = 240;
const WORKERS = 3;

/** One label is printed: what a crash cannot take back. */
async function print(directory: string, { id, task }: Job): Promise<void> {
  await appendFile(join(directory, "labels.txt"), `${id} ${task}\n`);
  await pause(2);
}

/** One worker of several on the same queue, until the signal. */
async function work(
  directory: string,
  queue: JobQueue,
  signal: AbortSignal,
  finished: (job: Job) => void,
): Promise<void> {
  for await (const job of queue.jobs(signal)) {
    await print(directory, job);
    await queue.finish(job);
    finished(job);
  }
}

/** The child both enqueues and works, since a log has one writer, and tells what was acknowledged. */
async function untilKilled(directory: string): Promise<void> {
  const queue = await JobQueue.open(join(directory, "queue"));
  const { signal } = new AbortController();
  // One that fails ends the process: an unhandled rejection.
  for (let i = 0; i < WORKERS; i++) {
    void work(directory, queue, signal, ({ id }) => process.send?.({ finished: id }));
  }
  for (let i = 1; i <= JOBS; i++) {
    process.send?.({ enqueued: await queue.enqueue(`label for parcel ${i}`) });
  }
}

/** Works until nothing is left. */
async function workOff(directory: string, queue: JobQueue): Promise<void> {
  if (queue.unfinished === 0) return;
  const stop = new AbortController();
  const finished = () => {
    if (queue.unfinished === 0) stop.abort();
  };
  const worker = () => work(directory, queue, stop.signal, finished);
  await Promise.all(Array.from({ length: WORKERS }, worker));
}

/** Runs the child, kills it after some finished jobs, and returns the ids that it had been promised. */
async function crash(child: ChildProcess, after: number): Promise<Set<number>> {
  const promised = new Set<number>();
  let finished = 0;
  child.on("message", (message: { enqueued?: number; finished?: number }) => {
    if (message.enqueued !== undefined) promised.add(message.enqueued);
    if (message.finished !== undefined) finished += 1;
    if (finished === after) child.kill("SIGKILL");
  });
  // What it told before its end may arrive after it.
  await Promise.all([once(child, "exit"), once(child, "disconnect")]);
  if (child.signalCode !== "SIGKILL") throw new Error(`the child ended with ${child.exitCode}`);
  console.log(`killed the child after ${finished} of ${promised.size} labels were acknowledged`);
  return promised;
}

/** How often each label was printed, by the id of its job. */
async function countPrints(directory: string): Promise<Map<number, number>> {
  const prints = new Map<number, number>();
  const lines = (await readFile(join(directory, "labels.txt"), "utf8")).trimEnd().split("\n");
  for (const id of lines.map((line) => Number.parseInt(line, 10))) {
    prints.set(id, (prints.get(id) ?? 0) + 1);
  }
  return prints;
}

async function show(directory: string): Promise<void> {
  const child = fork(new URL(import.meta.url), [directory]);
  const promised = await crash(child, 40 + Math.floor(Math.random() * 120));

  const queue = await JobQueue.open(join(directory, "queue"));
  console.log(`opened again: ${queue.unfinished} jobs are unfinished`);
  await workOff(directory, queue);
  const kept = await queue.trim();
  console.log(`all are done; of ${queue.endOffset} records, those below ${kept} are dropped`);
  await queue.close();

  const prints = await countPrints(directory);
  const lost = [...promised].filter((id) => !prints.has(id));
  const twice = [...prints.values()].filter((count) => count > 1).length;
  console.log(`${prints.size} labels, ${twice} of them printed twice, ${lost.length} lost`);
  if (lost.length > 0) throw new Error(`acknowledged, but never printed: ${lost.join(", ")}`);
  if (kept === 0) throw new Error("nothing was dropped");
}

const [given] = process.argv.slice(2);
if (given !== undefined) {
  await untilKilled(given);
} else {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-queue-"));
  try {
    await show(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
