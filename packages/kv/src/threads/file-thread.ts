// A thread that works on the files of a database beside its owner: it reads the log as any reader does, and what it
// writes has its name only once it is whole. So it may die at any moment. Started by thread-link.ts.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { Log, nodeFileSystem } from "@tidemark/wal";
import { makeBackup } from "../backup/backup.js";
import { DatabaseError, databaseError, plainError } from "../errors.js";
import type { FoldSource } from "../fold/fold.js";
import { type FoldProgress, foldToFile, isSound } from "../fold/fold-to-file.js";
import { COMMIT_BYTES_MAX } from "../formats/operations.js";
import { Pace } from "../pace.js";
import { Pins } from "../upkeep/pins.js";
import type {
  BackupTask,
  FoldTask,
  FromThread,
  ThreadResult,
  ThreadStart,
  ThreadTask,
} from "./thread-task.js";

type Tell = (progress: FoldProgress) => void;

async function serve(port: MessagePort, { task, tells }: ThreadStart): Promise<void> {
  const answer = (message: FromThread) => port.postMessage(message);
  const ending = new AbortController();
  const end = () => ending.abort();
  port.on("message", end);
  answer({ kind: "ready" });
  const tell = tells
    ? (progress: FoldProgress) => answer({ kind: "progress", progress })
    : undefined;
  try {
    answer({ kind: "done", result: await perform(task, new Pace(ending.signal), tell) });
  } catch (error) {
    answer(ending.signal.aborted ? { kind: "ended" } : { kind: "failed", error: toSend(error) });
  } finally {
    // Nobody listens any more, so nothing holds the thread.
    port.off("message", end);
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
  if (task.kind === "verify") {
    const { file, keys, logId } = task;
    const sound = await isSound(
      { fileSystem: nodeFileSystem, keys, log: { id: logId } },
      file,
      pace,
    );
    return { kind: "verify", sound };
  }
  return await withSource(task, async (source) => {
    const { endOffset, createdAt } = task;
    if (task.kind === "backup") {
      const { heldFrom } = task;
      const job = { ...task, source: { ...source, heldFrom } };
      return { kind: "backup", made: await makeBackup(job, { pace, onProgress }) };
    }
    const { fileSystem, snapshots: directory, log } = source;
    const place = { fileSystem, directory, logId: log.id };
    const folded = await foldToFile(source, endOffset, place, { pace, createdAt, onProgress });
    return { kind: "fold", folded };
  });
}

/** Reads the files as any other process could, up to where their owner has said that they are durable. */
async function withSource<T>(
  { log: directory, snapshots, keys, endOffset }: FoldTask | BackupTask,
  run: (source: FoldSource) => Promise<T>,
): Promise<T> {
  // The log states what is durable a moment after its writer knows.
  const options = { readOnly: true, durableOffset: endOffset, maxRecordBytes: COMMIT_BYTES_MAX };
  const log = await Log.open(directory, options);
  try {
    return await run({ fileSystem: nodeFileSystem, log, snapshots, keys, pins: new Pins() });
  } finally {
    await log.close();
  }
}

if (parentPort !== null) {
  const start: ThreadStart = workerData;
  await serve(parentPort, start);
}
