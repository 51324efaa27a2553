// How long the event loop is held while 20,000 durable puts a second go on, with a checkpoint running and without.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { Database } from "@tidemark/kv";
import { keyAt, type Value, valueAt } from "../material.js";
import { type Place, type Scenario, type System, TIDEMARK, verify } from "../scenario.js";
import { fillStore } from "../store-filling.js";
import { openDatabase } from "../systems/tidemark.js";

const PER_MS = 20;
const WITHOUT = "Tidemark, no checkpoint";

function keyCount({ quick }: Place): number {
  return quick ? 100_000 : 1_000_000;
}

function putting(checkpointing: boolean): System {
  return {
    async prepare(place) {
      const store = await openDatabase(place.directory, false);
      await fillStore(store, keyCount(place));
      await store.close();
    },
    async measure(place) {
      const db = await Database.open<Value>(place.directory, { checkpointBytes: Infinity });
      const forMs = place.quick ? 1000 : 5000;
      await putSteadily(db, place, 500);
      const delays = monitorEventLoopDelay({ resolution: 1 });
      const ended = new AbortController();
      const checkpoints = checkpointing ? checkpointUntil(db, ended.signal) : undefined;
      delays.enable();
      const share = await putSteadily(db, place, forMs);
      delays.disable();
      ended.abort();
      await checkpoints;
      verify((await db.sync()) === db.endOffset, "everything durable");
      await db.close();
      // The timer that measures asks for 1 ms, which is no delay.
      return { ms: delays.percentile(99.9) / 1e6 - 1, percent: share * 100 };
    },
  };
}

async function checkpointUntil(db: Database<Value>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await db.checkpoint();
}

/** Returns the share of the puts asked for that was acknowledged by the end. */
async function putSteadily(db: Database<Value>, place: Place, ms: number): Promise<number> {
  const startMs = performance.now();
  let asked = 0;
  let acknowledged = 0;
  let last: Promise<unknown> = Promise.resolve();
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startMs) {
    for (; asked < elapsed * PER_MS; asked++) {
      last = db.put(keyAt((asked * 7919) % keyCount(place)), valueAt(asked)).then(() => {
        acknowledged += 1;
      });
    }
    await setTimeout(1);
  }
  const share = acknowledged / (ms * PER_MS);
  await last;
  return share;
}

export const kvDelay: Scenario = {
  name: "kv-delay",
  systems: { [TIDEMARK]: putting(true), [WITHOUT]: putting(false) },
  figures: [
    {
      key: "ms",
      name: "kv-delay",
      title: "kv: event-loop delay, p99.9, 20,000 puts/s and a checkpoint",
      unit: "ms",
      better: "lower",
      goals: [{ bound: 10 }, { ratio: 1 / 1.5, against: WITHOUT }],
    },
    {
      key: "percent",
      name: "kv-delay-kept-up",
      title: "kv: of the 20,000 puts/s asked for, acknowledged in time",
      unit: "%",
      better: "higher",
      // Below, the machine did not keep up, and the delay says little.
      goals: [{ bound: 95 }],
    },
  ],
};
