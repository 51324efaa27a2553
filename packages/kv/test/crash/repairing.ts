// Repairs what is on a disk before it is opened, and holds what opening shows against what the repair said.

import { join } from "node:path";
import { DatabaseError, type ReachableRange, repairDatabase, verifyDatabase } from "@tidemark/kv";
import { LogError, repairLog } from "@tidemark/wal";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import type { Shown } from "./model.js";

/** The log alone, which keeps what is before the damage or after it; or the database, which keeps its history or its newest state. */
export type Repair = "before" | "after" | "history" | "newest";

/** What a repair of each database says that can be reached afterwards; undefined if nothing. */
export type Kept = ReadonlyMap<string, ReachableRange | undefined>;

/** Repairs all of these; what cannot be repaired stays as it is. */
export async function repairAll(
  disk: SimulatedDisk,
  directories: Iterable<string>,
  repair: Repair,
  now: number,
): Promise<Kept> {
  const kept = new Map<string, ReachableRange | undefined>();
  for (const directory of directories) {
    try {
      if (repair === "history" || repair === "newest")
        kept.set(directory, await repairWhole(disk, directory, repair, now));
      else await repairLog(join(directory, "log"), { fileSystem: disk, keep: repair });
    } catch (error) {
      if (!(error instanceof LogError || error instanceof DatabaseError)) throw error;
    }
  }
  return kept;
}

async function repairWhole(
  disk: SimulatedDisk,
  directory: string,
  keep: "history" | "newest",
  now: number,
): Promise<ReachableRange | undefined> {
  const options = { fileSystem: disk, keep, clock: () => now };
  const { kept } = await repairDatabase(directory, options);
  const again = await repairDatabase(directory, options);
  if (again.changed) throw new Error(`a second repair changed ${again.summary.join("; ")}`);
  const { ok, damage } = await verifyDatabase(directory, { fileSystem: disk });
  if (!ok) throw new Error(`damage is left after a repair: ${JSON.stringify(damage)}`);
  return kept;
}

/** What was repaired opens, and reaches what the repair said. */
export function checkKept(kept: Kept, shown: Shown): void {
  for (const [directory, range] of kept) {
    const there = shown.get(directory);
    if (there === undefined || "refused" in there)
      throw new Error(`${directory} does not open after its repair: ${there?.message}`);
    const reached = `${there.first} to ${there.endOffset - 1}`;
    if (
      range === undefined
        ? there.first !== undefined
        : reached !== `${range.first} to ${range.last}`
    )
      throw new Error(
        `${directory} reaches ${reached} after its repair, not ${JSON.stringify(range)}`,
      );
  }
}
