// Opening a database of a million keys: from a snapshot file, and by replaying a million commits.

import { Database } from "@tidemark/kv";
import { keyAt, type Value, valueAt } from "../material.js";
import { type Place, type Scenario, type System, TIDEMARK, verify } from "../scenario.js";
import { fillStore } from "../store-filling.js";
import { storeOf } from "../systems/redis.js";
import { RedisServer, redisMissing } from "../systems/redis-server.js";
import { openDatabase } from "../systems/tidemark.js";
import { runEach } from "../writers.js";

function keyCount({ quick }: Place): number {
  return quick ? 100_000 : 1_000_000;
}

const openingSnapshot: System = {
  async prepare(place) {
    const store = await openDatabase(place.directory, false);
    await fillStore(store, keyCount(place));
    await store.close();
    const db = await Database.open(place.directory);
    await db.checkpoint();
    await db.close();
  },
  measure: async (place) => ({ ms: await openMs(place) }),
};

const replaying: System = {
  async prepare(place) {
    const options = { log: { durability: "os" }, checkpointBytes: Infinity } as const;
    const db = await Database.open<Value>(place.directory, options);
    await runEach(1000, keyCount(place), (number) => db.put(keyAt(number), valueAt(number)));
    await db.close();
  },
  measure: async (place) => ({ perSecond: (keyCount(place) / (await openMs(place))) * 1000 }),
};

async function openMs(place: Place): Promise<number> {
  const startMs = performance.now();
  const db = await Database.open<Value>(place.directory, { checkpointBytes: Infinity });
  const ms = performance.now() - startMs;
  const count = keyCount(place);
  verify(db.size === count, `${db.size} keys instead of ${count}`);
  verify(db.get(keyAt(count - 1))?.note === valueAt(0).note, "the last key");
  await db.close();
  return ms;
}

function loadingRedis(
  settings: readonly string[],
  save: boolean,
  figure: "ms" | "perSecond",
): System {
  return {
    missing: redisMissing,
    async prepare(place) {
      const server = await RedisServer.start(place.directory, settings);
      const store = storeOf(server);
      await runEach(1000, keyCount(place), (number) => store.put(keyAt(number), valueAt(number)));
      if (save) await server.connection.call("SAVE");
      await server.stop();
    },
    async measure(place) {
      const server = await RedisServer.start(place.directory, settings);
      const found = await server.connection.call("DBSIZE");
      verify(found === keyCount(place), `${found} keys instead of ${keyCount(place)}`);
      const seconds = server.loadingSeconds;
      await server.stop();
      return { [figure]: figure === "ms" ? seconds * 1000 : keyCount(place) / seconds };
    },
  };
}

const RDB = ["--save", "", "--appendonly", "no"];
const AOF = [
  "--save",
  "",
  "--appendonly",
  "yes",
  "--appendfsync",
  "no",
  "--auto-aof-rewrite-percentage",
  "0",
];

export const kvOpen: readonly Scenario[] = [
  {
    name: "kv-open-snapshot",
    systems: { [TIDEMARK]: openingSnapshot, Redis: loadingRedis(RDB, true, "ms") },
    figures: [
      {
        key: "ms",
        name: "kv-open-snapshot",
        title: "kv: opening 1 M keys from a snapshot (Redis: its RDB)",
        unit: "ms",
        better: "lower",
        goals: [{ ratio: 1, against: "Redis" }],
      },
    ],
  },
  {
    name: "kv-replay",
    systems: { [TIDEMARK]: replaying, Redis: loadingRedis(AOF, false, "perSecond") },
    figures: [
      {
        key: "perSecond",
        name: "kv-replay",
        title: "kv: replaying 1 M commits (Redis: its append-only file)",
        unit: "commits/s",
        better: "higher",
        goals: [{ bound: 1_000_000 }],
      },
    ],
  },
];
