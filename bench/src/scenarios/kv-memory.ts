// What a key costs in memory: what the process grew by while a million keys were put, once all garbage is collected.

import { setTimeout } from "node:timers/promises";
import { keyAt, scattered, valueAt } from "../material.js";
import { collectGarbage, processFiguresMissing, residentBytes } from "../process-figures.js";
import { type Place, type Scenario, type System, TIDEMARK, verify } from "../scenario.js";
import type { OpenStore, Store } from "../store.js";
import { openMemoryLevel } from "../systems/level.js";
import { openMap } from "../systems/plain-map.js";
import { storeOf } from "../systems/redis.js";
import { RedisServer, redisMissing } from "../systems/redis-server.js";
import { openDatabase } from "../systems/tidemark.js";
import { runEach } from "../writers.js";

const IN_FLIGHT = 1000;
const SETTLE_MS = 300;

function keyCount({ quick }: Place): number {
  return quick ? 100_000 : 1_000_000;
}

async function fill(store: Store, place: Place): Promise<void> {
  const count = keyCount(place);
  await runEach(IN_FLIGHT, count, (n) => {
    const number = scattered(n, count);
    return store.put(keyAt(number), valueAt(number));
  });
  verify((await store.count()) === count, `${count} keys`);
  verify((await store.get(keyAt(count - 1)))?.note === valueAt(0).note, "the last key");
}

async function settled(pid: number): Promise<number> {
  collectGarbage();
  await setTimeout(SETTLE_MS);
  collectGarbage();
  return residentBytes(pid);
}

function inProcess(open: OpenStore): System {
  return {
    missing: processFiguresMissing,
    async measure(place) {
      const store = await open(place.directory, false);
      const before = await settled(process.pid);
      await fill(store, place);
      const after = await settled(process.pid);
      await store.close();
      return { bytes: (after - before) / keyCount(place) };
    },
  };
}

/** Without an append-only file, which would be held in memory for a while. */
const redis: System = {
  missing: () => processFiguresMissing() ?? redisMissing(),
  async measure(place) {
    const server = await RedisServer.start(place.directory, ["--save", "", "--appendonly", "no"]);
    const before = await settled(server.pid);
    await fill(storeOf(server), place);
    const after = await settled(server.pid);
    await server.stop();
    return { bytes: (after - before) / keyCount(place) };
  },
};

export const kvMemory: Scenario = {
  name: "kv-memory",
  systems: {
    [TIDEMARK]: inProcess(openDatabase),
    Redis: redis,
    "memory-level": inProcess(openMemoryLevel),
    Map: inProcess(openMap),
  },
  figures: [
    {
      key: "bytes",
      name: "kv-memory",
      title: "kv: memory per key at 1 M keys",
      unit: "B",
      better: "lower",
      goals: [{ ratio: 1 / 1.25, against: "Redis" }],
    },
  ],
};
