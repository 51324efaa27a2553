// The owner's side of a thread that works on its files: starts it, ends it early, and turns its answers, and its
// death, into an outcome.

import { Worker } from "node:worker_threads";
import { DatabaseError, errorOf } from "../errors.js";
import type { FoldProgress } from "../fold/fold-to-file.js";
import { END, type FromThread, type ThreadResult, type ThreadStart } from "./thread-task.js";

/** Less of files than this is read in less time than a thread takes to start. */
export const THREAD_BYTES_MIN = 1 << 20;

export interface ThreadOptions {
  /** Ends the work with its reason. */
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
}

/**
 * Has a thread do something; resolves once the thread has ended. Undefined where there can be no thread (permissions,
 * limits, a bundle without the file). Rejects with what went wrong there, with the signal's reason, or with `KV_IO` if the
 * thread died.
 */
export async function askThread(
  task: ThreadStart["task"],
  { signal, onProgress }: ThreadOptions,
): Promise<ThreadResult | undefined> {
  signal.throwIfAborted();
  const worker = startWorker({ task, tells: onProgress !== undefined });
  if (worker === undefined) return undefined;
  const end = () => worker.postMessage(END);
  signal.addEventListener("abort", end);
  try {
    const answer = await lastAnswer(worker, onProgress);
    if (answer?.kind === "done") return answer.result;
    if (answer?.kind === "failed") throw errorOf(answer.error);
    if (answer?.kind === "ended") throw signal.reason;
    return undefined;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function startWorker(start: ThreadStart): Worker | undefined {
  try {
    return new Worker(new URL("./file-thread.js", import.meta.url), {
      name: "tidemark-files",
      workerData: start,
      // Nothing that the program was started with (hooks, preloaded modules) belongs in this thread.
      execArgv: [],
      env: {},
    });
  } catch {
    return undefined;
  }
}

/** What the thread says last; undefined if it could not start. */
function lastAnswer(
  worker: Worker,
  onProgress: ThreadOptions["onProgress"],
): Promise<FromThread | undefined> {
  return new Promise((resolve, reject) => {
    let last: FromThread | undefined;
    let failure: unknown;
    let thrown: { readonly error: unknown } | undefined;
    worker.on("message", (message: FromThread) => {
      if (message.kind !== "progress") last = message;
      else if (thrown === undefined) {
        try {
          onProgress?.(message.progress);
        } catch (error) {
          thrown = { error };
          worker.postMessage(END);
        }
      }
    });
    worker.on("error", (error) => {
      failure = error;
    });
    // Comes after the error, if there is one, and after the last answer.
    worker.on("exit", (exitCode) => {
      if (thrown !== undefined) reject(thrown.error);
      else if (last !== undefined && last.kind !== "ready") resolve(last);
      else if (last === undefined && failure !== undefined) resolve(undefined);
      else reject(death(exitCode, failure));
    });
  });
}

function death(exitCode: number, cause: unknown): DatabaseError {
  const message = `the thread at work on the files of the database died (exit code ${exitCode})`;
  return new DatabaseError("KV_IO", message, { cause });
}
