// Opens every database on a disk that a crash left, and goes on with them.

import { join } from "node:path";
import { Database, type DatabaseOptions } from "@tidemark/kv";
import type { Random, Recovered, SimulatedDisk } from "@tidemark/wal/testing";
import { applied, type Operation, tagOf } from "./contents.js";
import { knownOf } from "./judge.js";
import { lookBack } from "./looking-back.js";
import {
  type DatabaseFacts,
  type Facts,
  type Refusal,
  type Shown,
  type ShownDatabase,
  stateAt,
} from "./model.js";
import { DIRECTORY, databaseOptions, valueText } from "./program.js";
import { refusalOf, show } from "./show.js";

/** Later than any program. */
export const NOW = 5_000_000;

/** Opens the program's database, which is made where there is none, and what else is on the disk. */
export async function recover(disk: SimulatedDisk): Promise<Recovered<Facts, Shown>> {
  const shown = new Map<string, ShownDatabase | Refusal>();
  const databases: Database[] = [];
  for (const directory of directoriesOf(disk)) {
    try {
      const database = await open(disk, directory);
      databases.push(database);
      shown.set(directory, {
        ...(await show(database, NOW)),
        lookedBack: await lookBack(database),
      });
      checkLeftovers(disk, directory);
    } catch (error) {
      shown.set(directory, refusalOf(error));
    }
  }
  return {
    shown,
    goOn: (facts, random) => goOn(shown, databases, facts, random),
    async close() {
      for (const database of databases) await database.close();
    },
  };
}

export function directoriesOf(disk: SimulatedDisk): Set<string> {
  const found = disk.listSync("/").filter(({ kind }) => kind === "directory");
  return new Set([DIRECTORY, ...found.map(({ name }) => `/${name}`).sort()]);
}

function open(disk: SimulatedDisk, directory: string): Promise<Database> {
  const { log, removeExpiredAfterMs } = databaseOptions({ durability: "commit" }, () => NOW);
  const options: DatabaseOptions & { keys?: "string" } = {
    log: { ...log, fileSystem: disk },
    removeExpiredAfterMs,
    createIfMissing: directory === DIRECTORY,
  };
  return Database.open(directory, options);
}

/** A writer that has opened has removed what a checkpoint had begun. */
function checkLeftovers(disk: SimulatedDisk, directory: string): void {
  const left = disk
    .listSync(join(directory, "snapshots"))
    .filter(({ name }) => name.endsWith(".new"));
  if (left.length > 0) throw new Error(`there is a ${left[0]?.name} after opening`);
}

/** Writes to every database that is open, some of which write a snapshot file before or after; resolves with what is known then. */
async function goOn(
  shown: Shown,
  databases: readonly Database[],
  facts: Facts,
  random: Random,
): Promise<Facts> {
  const after: DatabaseFacts[] = [];
  for (const database of databases) {
    const was = shown.get(database.directory);
    const known = knownOf(facts, database.directory);
    if (was === undefined || "refused" in was || known === undefined) continue;
    const { endOffset } = was;
    // A long one begins a new segment.
    const value = valueText(999_999, random.oneIn(2) ? 40 : 3900);
    const key = "key 0";
    const operations: Operation[] = [{ type: "put", key, tag: tagOf(value), expiry: undefined }];
    const when = random.below(3);
    const before = when === 0 ? await database.checkpoint() : undefined;
    await database.put(key, value, { sync: true });
    const snapshot = when === 1 ? await database.checkpoint() : before;
    const state = applied(stateAt(known.commits, endOffset), operations, endOffset, NOW);
    const commits = [
      ...known.commits.slice(0, endOffset),
      { offset: endOffset, time: NOW, operations, state },
    ];
    after.push({
      ...known,
      directory: database.directory,
      commits,
      spared: { process: commits.length, machine: commits.length },
      snapshotOffset: snapshot?.endOffset ?? known.snapshotOffset,
      made: true,
    });
  }
  const others = facts.databases.filter(
    ({ directory }) => !after.some((known) => known.directory === directory),
  );
  return { databases: [...after, ...others], doubtful: false };
}
