// A thread that works on the files of a database beside its owner: it reads the log as any reader does, and what it
// writes has its name only once it is whole. So it may die at any moment. Started by thread-link.ts.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { Log, nodeFileSystem } from "@tidemark/wal";
import { DatabaseError, databaseError, plainError } from "./errors.js";
import { type FoldProgress, foldToFile, verifySnapshot } from "./fold-to-file.js";
import { COMMIT_BYTES_MAX } from "./operations.js";
import { Pace } from "./pace.js";
import { Pins } from "./pins.js";
import type { FoldTask, FromThread, ThreadResult, ThreadStart, ThreadTask } from "./thread-task.js";

type Tell = (progress: FoldProgress) => void;

async function serve(port: MessagePort, { task, tells }: ThreadStart): Promise<void> {
  const answer = (message: FromThread) => port.postMessage(message);
  const ending = new AbortController();
  port.on("message", () => ending.abort());
  answer({ kind: "ready" });
  const tell = tells
    ? (progress: FoldProgress) => answer({ kind: "progress", progress })
    : undefined;
  try {
    answer({ kind: "done", result: await perform(task, new Pace(ending.signal), tell) });
  } catch (error) {
    answer(ending.signal.aborted ? { kind: "ended" } : { kind: "failed", error: toSend(error) });
  } finally {
    port.close();
  }
}

/** What is no typed error is a bug: it ends the thread. */
function toSend(error: unknown) {
  const typed = databaseError(error);
  if (typed instanceof DatabaseError) return plainError(typed);
  throw error;
}

async function perform(
  task: ThreadTask,
  pace: Pace,
  onProgress: Tell | undefined,
): Promise<ThreadResult> {
  if (task.kind === "fold") return await performFold(task, pace, onProgress);
  const { file, keys, logId } = task;
  await verifySnapshot({ fileSystem: nodeFileSystem, keys, log: { id: logId } }, file, pace);
  return { kind: "verify" };
}

async function performFold(
  task: FoldTask,
  pace: Pace,
  onProgress: Tell | undefined,
): Promise<ThreadResult> {
  const { snapshots, keys, endOffset, createdAt } = task;
  const fileSystem = nodeFileSystem;
  // The log states what is durable a moment after its writer knows.
  const options = { readOnly: true, durableOffset: endOffset, maxRecordBytes: COMMIT_BYTES_MAX };
  const log = await Log.open(task.log, options);
  try {
    const source = { fileSystem, log, snapshots, keys, pins: new Pins() };
    const place = { fileSystem, directory: snapshots, logId: log.id };
    const folding = { pace, createdAt, onProgress };
    return { kind: "fold", folded: await foldToFile(source, endOffset, place, folding) };
  } finally {
    await log.close();
  }
}

if (parentPort !== null) {
  const start: ThreadStart = workerData;
  await serve(parentPort, start);
}
