// Opens a database on the main thread and another one in a worker, and makes in each what has a thread of its own: many
// commits, and a checkpoint of much. Prints what became of the threads.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { Database } from "@tidemark/kv";

async function useThreads() {
  /** @type {Worker[]} */
  const threads = [];
  /** @type {string[]} */
  const failures = [];
  const watch = (/** @type {Worker} */ thread) => {
    threads.push(thread);
    thread.on("error", (error) => failures.push(String(error)));
  };
  process.on("worker", watch);
  const directory = mkdtempSync(join(tmpdir(), "tidemark-threads-"));
  const db = await Database.open(directory);
  for (let i = 0; i < 200; i++) await db.put(`k${i}`, "x".repeat(10_000));
  const { entries } = await db.checkpoint();
  await db.close();
  process.off("worker", watch);
  rmSync(directory, { recursive: true });
  return { entries, threads: threads.length, failures };
}

if (isMainThread) {
  const here = await useThreads();
  const worker = new Worker(new URL(import.meta.url));
  const [inWorker] = await once(worker, "message");
  await once(worker, "exit");
  console.log(JSON.stringify({ here, inWorker }));
} else {
  parentPort?.postMessage(await useThreads());
}
