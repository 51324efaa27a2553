// A repair from beginning to end: looked at and decided first, then what can be made whole without loss, then the
// rest, and what is told of it.

import { basename, join } from "node:path";
import { type EntryKind, type FileSystem, type Lock, LogError, repairLog } from "@tidemark/wal";
import { invalidArgument } from "../arguments/arguments.js";
import { DatabaseError } from "../errors.js";
import { createIdentity } from "../formats/identity-file.js";
import {
  IDENTITY_NAME,
  listIfThere,
  listSnapshots,
  makeDirectoryIfMissing,
  type Parts,
  partsOf,
  repairedName,
} from "../formats/layout.js";
import { damageIn } from "./damage.js";
import { type Inspection, type InspectionOptions, inspect } from "./inspection.js";
import { build } from "./repair-build.js";
import { type Keep, planRepair, type RepairPlan } from "./repair-plan.js";
import {
  type Account,
  describe,
  type Examined,
  MENDED,
  type RepairDatabaseReport,
  reportOf,
} from "./repair-report.js";
import {
  announce,
  isUnderRepair,
  lockParts,
  putInPlace,
  releaseAll,
  setAside,
} from "./repair-steps.js";

/** What a repair was asked for. */
export interface Repairing extends InspectionOptions {
  readonly directory: string;
  readonly keep: Keep | undefined;
  readonly dryRun: boolean;
  readonly clock: () => number;
}

export async function repair(repairing: Repairing): Promise<RepairDatabaseReport> {
  const { directory, fileSystem, dryRun } = repairing;
  await checkThere(fileSystem, directory);
  const account: Account = { aside: [], summary: [], changed: false };
  if (await isUnderRepair(fileSystem, directory)) await finish(repairing, account);
  const first = await withLock(repairing, false, () => examine(repairing));
  const plan = await judged(repairing, first);
  if (plan === undefined || dryRun) {
    if (plan !== undefined) describe(plan, first.inspection, account);
    return reportOf(first, plan, account);
  }
  if (plan.log === "mend") await mend(repairing, account);
  return await withLock(repairing, true, async () => {
    // The log has been let go of meanwhile, and may have been mended.
    const now = await examine(repairing);
    const rest = now.plan?.log === "mend" ? { ...now.plan, log: "anew" as const } : now.plan;
    if (rest === undefined) return reportOf({ ...now, damage: first.damage }, plan, account);
    describe(rest, now.inspection, account);
    await apply(repairing, now.inspection, rest, account);
    return reportOf({ ...now, damage: first.damage }, rest, account);
  });
}

/** A directory of something else is left alone, down to its locks. */
async function checkThere(fileSystem: FileSystem, directory: string): Promise<void> {
  const { log, snapshots } = partsOf(directory);
  const entries = (await listIfThere(fileSystem, directory)) ?? [];
  const has = (path: string, kind: EntryKind) =>
    entries.some((entry) => entry.name === basename(path) && entry.kind === kind);
  if (has(IDENTITY_NAME, "file") || has(repairedName(log), "directory")) return;
  const inLog = has(log, "directory") ? await fileSystem.list(log) : [];
  if (inLog.some(({ name }) => name === "MANIFEST" || name.endsWith(".log"))) return;
  const files = has(snapshots, "directory") ? await listSnapshots(fileSystem, snapshots) : [];
  if (files.length > 0) return;
  throw new DatabaseError("KV_NOT_FOUND", "there is no database here", { file: directory });
}

async function withLock<T>(
  { fileSystem, directory }: Repairing,
  create: boolean,
  run: () => Promise<T>,
): Promise<T> {
  const { log } = partsOf(directory);
  if (create) await makeDirectoryIfMissing(fileSystem, log);
  const locks = await lockParts(fileSystem, [log]);
  try {
    return await run();
  } finally {
    await releaseAll(locks);
  }
}

/** Puts in place what an earlier repair had made and announced. */
async function finish(
  { fileSystem, directory, dryRun }: Repairing,
  account: Account,
): Promise<void> {
  account.summary.push("a repair that was cut off: what it had made is put in place");
  if (dryRun) return;
  const { log } = partsOf(directory);
  const locks = await lockParts(fileSystem, [log, repairedName(log)]);
  try {
    account.aside.push(...(await putInPlace(fileSystem, directory)));
    account.changed = true;
  } finally {
    await releaseAll(locks);
  }
}

async function examine(repairing: Repairing): Promise<Examined> {
  const { directory, fileSystem, keep, keys } = repairing;
  const parts = await partsToBe(fileSystem, directory);
  const inspection = await inspect(directory, repairing, parts);
  if (keys !== undefined && inspection.keys !== keys) {
    throw invalidArgument(`the keys of this database are of the kind ${inspection.keys}`);
  }
  const damage = damageIn(directory, inspection);
  const plan = damage.length === 0 ? undefined : planRepair(directory, inspection, keep);
  return { inspection, damage, plan };
}

/** Where the parts are; for a dry run before a repair that was cut off is finished, where they will come from. */
async function partsToBe(fileSystem: FileSystem, directory: string): Promise<Parts> {
  const parts = partsOf(directory);
  if (!(await isUnderRepair(fileSystem, directory))) return parts;
  const standing = async (path: string) =>
    (await listIfThere(fileSystem, repairedName(path))) === undefined ? path : repairedName(path);
  return { log: await standing(parts.log), snapshots: await standing(parts.snapshots) };
}

/** The plan, once it is known whether the log can be mended without losing a record. Rejects with what `repairLog` refuses. */
async function judged(
  { directory, fileSystem, signal }: Repairing,
  { plan, inspection }: Examined,
): Promise<RepairPlan | undefined> {
  const { log: found } = inspection;
  if (plan === undefined || found === undefined || found.ok) return plan;
  const options = { fileSystem, keep: "before", dryRun: true, ...(signal && { signal }) } as const;
  try {
    const { lost } = await repairLog(partsOf(directory).log, options);
    return plan.log === "mend" && lost !== undefined ? { ...plan, log: "anew" } : plan;
  } catch (error) {
    // A log of which no record is left is as one that is missing.
    const isEmpty = error instanceof LogError && error.code === "LOG_CORRUPT";
    if (isEmpty && error.expected === undefined && found.logId === undefined) return plan;
    throw error;
  }
}

/** Makes a log whole that has lost no record. */
async function mend({ directory, fileSystem, signal }: Repairing, account: Account): Promise<void> {
  const options = { fileSystem, keep: "before", ...(signal && { signal }) } as const;
  const { changed, aside } = await repairLog(partsOf(directory).log, options);
  account.changed ||= changed;
  if (aside !== undefined) account.aside.push(aside);
  account.summary.push(MENDED);
}

/** Under the lock. */
async function apply(
  repairing: Repairing,
  inspection: Inspection,
  plan: RepairPlan,
  account: Account,
): Promise<void> {
  const { directory, fileSystem } = repairing;
  const { snapshots } = partsOf(directory);
  const isNew = plan.log === "anew";
  if (isNew) account.aside.push(...(await replaceParts(repairing, inspection, plan)));
  const damaged = isNew ? [] : plan.aside.map(({ path }) => path);
  for (const path of damaged) {
    account.aside.push(...(await setAside(fileSystem, snapshots, path)));
  }
  if (plan.identity !== undefined) {
    // Between the two it is no database, beside a log: nothing opens or remakes it.
    const path = join(directory, IDENTITY_NAME);
    account.aside.push(...(await setAside(fileSystem, directory, path)));
    const identity = { keys: plan.identity, createdAt: repairing.clock() };
    await createIdentity(fileSystem, directory, identity);
  }
  account.changed ||= isNew || damaged.length > 0 || plan.identity !== undefined;
}

/** Makes log and snapshot files anew and puts them in place; returns where the old ones have gone. */
async function replaceParts(
  repairing: Repairing,
  inspection: Inspection,
  plan: RepairPlan,
): Promise<string[]> {
  const { directory, fileSystem } = repairing;
  await build(directory, inspection, plan, repairing);
  const locks: readonly Lock[] = await lockParts(fileSystem, [
    repairedName(partsOf(directory).log),
  ]);
  try {
    await announce(fileSystem, directory);
    return await putInPlace(fileSystem, directory);
  } finally {
    await releaseAll(locks);
  }
}
