// Durable puts by 64 writers while the process keeps its thread pool busy and another file is fsynced.

import { fork } from "node:child_process";
import { pbkdf2 } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import type { LoopTask } from "../limit-thread.js";
import { keyAt, valueAt } from "../material.js";
import {
  duration,
  type Figure,
  LIMIT,
  type Scenario,
  type System,
  TIDEMARK,
  verify,
} from "../scenario.js";
import { quantile } from "../statistics.js";
import type { OpenStore } from "../store.js";
import { openLmdb } from "../systems/lmdb.js";
import { openDatabase } from "../systems/tidemark.js";
import { timeWriters } from "../writers.js";

const QUIET = "Tidemark, quiet";
const WRITERS = 64;
/** As many as libuv's pool has threads. */
const HASHING = 4;

const hash = promisify(pbkdf2);

async function hashUntil(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await hash("password", "salt", 20_000, 32, "sha256");
}

/** Begins the disturbance; returns what ends it. */
async function disturb(directory: string): Promise<() => Promise<unknown>> {
  const writer = fork(fileURLToPath(new URL("../fsync-writer.js", import.meta.url)), [
    join(directory, "other-file"),
  ]);
  await new Promise((resolve) => writer.once("message", resolve));
  const ended = new AbortController();
  const hashing = Array.from({ length: HASHING }, () => hashUntil(ended.signal));
  return () => {
    ended.abort();
    const exited = new Promise((resolve) => writer.once("exit", resolve));
    writer.kill();
    return Promise.all([exited, ...hashing]);
  };
}

function putting(open: OpenStore, busy: boolean): System {
  return {
    async measure(place) {
      const { warmMs, measureMs } = duration(place);
      const store = await open(join(place.directory, "store"), true);
      const put = (number: number) => store.put(keyAt(number), valueAt(number));
      const before = await timeWriters(WRITERS, warmMs, 0, put);
      const calm = busy ? await disturb(place.directory) : undefined;
      const times = await timeWriters(WRITERS, measureMs, before.length, put);
      await calm?.();
      const found = await store.count();
      verify(found === before.length + times.length, `${found} keys`);
      await store.close();
      return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
    },
  };
}

/** The loop of the limit, in a thread of its own beside the same: what the system leaves to anyone. */
function looping(busy: boolean): System {
  return {
    async measure(place) {
      const calm = busy ? await disturb(place.directory) : undefined;
      const times = await timeInThread({
        directory: place.directory,
        records: WRITERS,
        ms: duration(place).measureMs,
      });
      await calm?.();
      return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
    },
  };
}

function timeInThread(task: LoopTask): Promise<number[]> {
  const thread = new Worker(new URL("../limit-thread.js", import.meta.url), { workerData: task });
  return new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
  });
}

function figure(key: string, title: string): Figure {
  const goals = [{ ratio: 0.5, against: QUIET }];
  return { key, name: `kv-busy-${key}`, title, unit: "ms", better: "lower", goals };
}

export const kvBusy: Scenario = {
  name: "kv-busy",
  systems: {
    [TIDEMARK]: putting(openDatabase, true),
    [QUIET]: putting(openDatabase, false),
    [LIMIT]: looping(true),
    "limit, quiet": looping(false),
    lmdb: putting(openLmdb, true),
  },
  figures: [
    figure("p50", "kv: durable put, 64 writers, busy pool and disk, median"),
    figure("p99", "kv: durable put, 64 writers, busy pool and disk, p99"),
  ],
};
