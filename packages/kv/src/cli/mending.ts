// Repairs of databases and of logs, told in the same words.

import { resolve } from "node:path";
import { nodeFileSystem, type OffsetRange, repairLog } from "@tidemark/wal";
import type { KeyKind } from "../arguments/keys.js";
import { databaseError, hasCode } from "../errors.js";
import { listSnapshots, snapshotsDirectory } from "../formats/layout.js";
import type { InspectionProgress } from "../repair/inspection.js";
import { repairDatabase } from "../repair/repair.js";
import type { FoundDamage } from "./damage.js";
import { type Found, findIn } from "./directory.js";
import { UsageError } from "./failure.js";
import type { Run } from "./run.js";

export interface Mending extends Found {
  readonly keep: "history" | "newest" | "before" | "after" | undefined;
  readonly keys: KeyKind | undefined;
}

/** What is damaged, and what was done about it, or would be. */
export interface Mended {
  readonly changed: boolean;
  readonly damage: readonly FoundDamage[];
  /** In words, what is kept and lost too. */
  readonly summary: readonly string[];
  /** Offsets of what there is afterwards. */
  readonly kept: OffsetRange | undefined;
  /** Offsets of what there was, and is no more. */
  readonly lost: readonly OffsetRange[];
  /** Whether anything is lost, states that cannot be reached any more too. */
  readonly loses: boolean;
  /** Paths of what was set aside. */
  readonly aside: readonly string[];
}

/** As `findIn`; a database of which only snapshot files are left is one too. */
export async function findRepairable(given: string): Promise<Found> {
  try {
    return await findIn(given);
  } catch (error) {
    const directory = resolve(given);
    const files = await listSnapshots(nodeFileSystem, snapshotsDirectory(directory)).catch(
      () => [],
    );
    if (files.length === 0) throw error;
    return { kind: "database", directory };
  }
}

/** Rejects as `repairDatabase` and `repairLog`. */
export async function mend(run: Run, mending: Mending, dryRun: boolean): Promise<Mended> {
  run.progress.start(dryRun ? "looking for damage" : "mending");
  const { kind, keep } = mending;
  const ofLog = keep === "before" || keep === "after";
  if (keep !== undefined && ofLog !== (kind === "log")) {
    const which = kind === "log" ? "before or after" : "history or newest";
    throw new UsageError(`of a ${kind}, --keep is ${which}`);
  }
  try {
    return await (kind === "log" ? mendLog : mendDatabase)(run, mending, dryRun);
  } catch (error) {
    throw asOptions(error);
  } finally {
    run.progress.clear();
  }
}

async function mendDatabase(run: Run, { directory, keep, keys }: Mending, dryRun: boolean) {
  const report = await repairDatabase(directory, {
    dryRun,
    keep: keep === "history" || keep === "newest" ? keep : undefined,
    keys,
    signal: run.signal,
    onProgress: ({ bytesDone, bytesTotal }: InspectionProgress) =>
      run.progress.update("bytes", bytesDone, bytesTotal),
  });
  const { changed, damage, summary, kept, lostCommits, lostStates, aside } = report;
  return {
    changed,
    damage,
    summary,
    kept: kept && { from: kept.first, to: kept.last + 1 },
    lost: lostCommits,
    loses: lostCommits.length > 0 || lostStates.length > 0,
    aside,
  };
}

async function mendLog(run: Run, { directory, keep }: Mending, dryRun: boolean): Promise<Mended> {
  const report = await repairLog(directory, {
    dryRun,
    ...((keep === "before" || keep === "after") && { keep }),
    signal: run.signal,
    onProgress: ({ bytesDone, bytesTotal }) => run.progress.update("bytes", bytesDone, bytesTotal),
  });
  const { changed, damage, manifestRebuilt, kept, lost, intact, aside } = report;
  const summary = [];
  if (manifestRebuilt) summary.push("the manifest: made anew from the stores");
  for (const { from, to } of intact) {
    summary.push(`records ${from} to ${to - 1} are whole, and stay in what is set aside`);
  }
  if (summary.length === 0 && damage.length > 0) summary.push("the log: mended where it lies");
  if (kept !== undefined) summary.push(`kept: ${nameRecords(kept)}`);
  if (lost !== undefined) summary.push(`lost: ${nameRecords(lost)}`);
  return {
    changed,
    damage,
    summary,
    kept,
    lost: lost === undefined ? [] : [lost],
    loses: lost !== undefined,
    aside: aside === undefined ? [] : [aside],
  };
}

function nameRecords({ from, to }: OffsetRange): string {
  return to - from === 1 ? `record ${from}` : `records ${from} to ${to - 1}`;
}

/** What has to be chosen, said as options of the command line. */
function asOptions(error: unknown): unknown {
  const known = databaseError(error);
  if (!hasCode(known, "KV_INVALID_ARGUMENT")) return error;
  const message = known.message
    .replace(/keep: "(\w+)"/g, "--keep $1")
    .replace("say it with the option `keys`", "say it with --keys");
  return new UsageError(message);
}
