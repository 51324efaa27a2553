// Records of 128 bytes appended by writers that each wait for their append before the next.

import type { Journal, OpenJournal } from "../journal.js";
import { recordAt } from "../material.js";
import {
  duration,
  type Goal,
  LIMIT,
  type Scenario,
  type System,
  TIDEMARK,
  verify,
} from "../scenario.js";
import { openLevelJournal } from "../systems/level.js";
import { writeLoop } from "../systems/limit.js";
import { openLmdbJournal } from "../systems/lmdb.js";
import { openRedisJournal } from "../systems/redis.js";
import { redisMissing } from "../systems/redis-server.js";
import { openSqliteJournal } from "../systems/sqlite.js";
import { openLog } from "../systems/tidemark.js";
import { runWriters } from "../writers.js";

const KEY = "perSecond";
/** Records that are read back after reopening. */
const READ_BACK_COUNT = 100;

function appending(
  open: OpenJournal,
  writers: number,
  durable: boolean,
  missing?: () => string | undefined,
): System {
  return {
    ...(missing === undefined ? {} : { missing }),
    async measure(place) {
      const { warmMs, measureMs } = duration(place);
      const journal = await open(place.directory, durable);
      const append = (number: number) => journal.append(recordAt(number));
      const warm = await runWriters(writers, warmMs, 0, append);
      const measured = await runWriters(writers, measureMs, warm.count, append);
      await journal.close();
      const reopened = await open(place.directory, durable);
      await verifyJournal(reopened, warm.count + measured.count);
      await reopened.close();
      return { [KEY]: measured.count / measured.seconds };
    },
  };
}

async function verifyJournal(journal: Journal, count: number): Promise<void> {
  const found = await journal.count();
  verify(found === count, `${found} records instead of ${count}`);
  for (let index = 0; index < READ_BACK_COUNT; index++) {
    const number = Math.floor((index * (count - 1)) / READ_BACK_COUNT);
    const payload = await journal.read(number);
    // Numbers follow the order of the calls, and so do the records, in every one of these systems.
    verify(payload !== undefined && recordAt(number).equals(payload), `record ${number}`);
  }
}

function scenario(
  name: string,
  title: string,
  systems: Scenario["systems"],
  goals: readonly Goal[],
): Scenario {
  const figure = { key: KEY, name, title, unit: "appends/s", better: "higher" as const, goals };
  return { name, systems, figures: [figure] };
}

function durableSystems(writers: number): Record<string, System> {
  return {
    [TIDEMARK]: appending(openLog, writers, true),
    [LIMIT]: writeLoop(KEY, writers, "zeros"),
    lmdb: appending(openLmdbJournal, writers, true),
    "classic-level": appending(openLevelJournal, writers, true),
    "better-sqlite3": appending(openSqliteJournal, writers, true),
    Redis: appending(openRedisJournal, writers, true, redisMissing),
  };
}

function unsyncedSystems(writers: number): Record<string, System> {
  return {
    [TIDEMARK]: appending(openLog, writers, false),
    lmdb: appending(openLmdbJournal, writers, false),
    "classic-level": appending(openLevelJournal, writers, false),
    "better-sqlite3": appending(openSqliteJournal, writers, false),
  };
}

export const logAppend: readonly Scenario[] = [
  scenario(
    "log-durable-1",
    "log: durable append, 1 writer",
    { ...durableSystems(1), "limit, growing file": writeLoop(KEY, 1, "end of file") },
    [{ ratio: 0.75, against: LIMIT }],
  ),
  scenario("log-durable-64", "log: durable append, 64 writers", durableSystems(64), [
    { ratio: 0.5, against: LIMIT },
    { ratio: 25, against: "classic-level" },
    { ratio: 4, against: "lmdb" },
    { ratio: 4, against: "Redis" },
  ]),
  scenario("log-durable-1000", "log: durable append, 1,000 writers", durableSystems(1000), [
    { bound: 1_000_000 },
    { ratio: 15, against: "lmdb" },
  ]),
  scenario("log-os-1", "log: append to the system, one at a time", unsyncedSystems(1), [
    { ratio: 2, against: "better-sqlite3" },
    { ratio: 2.5, against: "lmdb" },
  ]),
  scenario("log-os-1000", "log: append to the system, 1,000 in flight", unsyncedSystems(1000), [
    { ratio: 2, against: "better-sqlite3" },
    { ratio: 2.5, against: "lmdb" },
  ]),
];
