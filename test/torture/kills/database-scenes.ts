// The scenes of a database: its creation, commits, checkpoints, recovery, restore and close.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Database, DatabaseError, restore } from "@tidemark/kv";
import { DatabaseModel } from "./database-model.js";
import { digestOfSerials, serialsOf } from "./digest.js";
import type { Step, WriteJob, WriterOptions } from "./job.js";
import { lookAtDatabase } from "./look.js";
import { runToEnd, runToKill, type Scene } from "./scene.js";
import type { Line } from "./telling.js";

const OPTIONS: WriterOptions = { durability: "commit", segmentBytes: 4096, noteAfterMs: 0 };

const puts = (count: number, length = 40): Step => ({ do: "append", count, length, how: "each" });
const batch = (count: number): Step => ({ do: "append", count, length: 60, how: "batch" });
const checkpoint: Step = { do: "checkpoint" };

/** Target of the restore. */
const OFFSET = 25;

function sourceIn(folder: string): string {
  return join(folder, "db");
}

function jobOf(work: readonly Step[], life: number, durability = OPTIONS.durability) {
  return (folder: string): WriteJob => ({
    kind: "database",
    directory: sourceIn(folder),
    options: { ...OPTIONS, durability },
    work,
    life,
  });
}

function modelOf(told: readonly Line[]): DatabaseModel {
  const model = new DatabaseModel();
  for (const line of told) expectNothing(model.take(line));
  return model;
}

function expectNothing(wrong: string | undefined): void {
  if (wrong !== undefined) throw new Error(wrong);
}

/** What a reader and the next writer find is what the model says; recovering again changes nothing. */
async function checkRecovery(folder: string, told: readonly Line[]): Promise<void> {
  const directory = sourceIn(folder);
  const model = modelOf(told);
  const opened = told.some(({ is }) => is === "opened");
  const wrong = await lookAtDatabase(directory, model, told.length);
  if (wrong !== "none" || opened) expectNothing(wrong);
  const db = await Database.open(directory);
  const { endOffset } = db;
  const digest = digestOfSerials(serialsOf(db));
  expectNothing(model.judge({ start: 0, end: endOffset, digest }));
  await db.del("no key", { sync: true });
  await db.close();
  await using again = await Database.open(directory);
  const same = digestOfSerials(serialsOf(again)) === digest && again.endOffset === endOffset + 1;
  if (!same) throw new Error("recovering again shows something else");
  if (!again.recovery.log.orderly || again.recovery.skipped.length > 0)
    throw new Error(`recovering again does something: ${JSON.stringify(again.recovery)}`);
  const left = readdirSync(join(directory, "snapshots")).filter((name) => name.endsWith(".new"));
  if (left.length > 0) throw new Error(`left over: ${left.join(", ")}`);
}

function scene(
  name: string,
  filled: readonly Step[],
  work: readonly Step[],
  durability = OPTIONS.durability,
): Scene {
  return {
    name: `database: ${name}`,
    prepare: (folder) =>
      filled.length === 0 ? Promise.resolve([]) : runToEnd(jobOf(filled, 0)(folder)),
    job: jobOf(work, 1, durability),
    check: checkRecovery,
  };
}

const tornLog: Scene = {
  name: "database: recovery of a torn log",
  prepare: async (folder) => {
    const first = await runToEnd(jobOf([puts(30), checkpoint, puts(10)], 0)(folder));
    const torn = "write log/N.log";
    return [...first, ...(await runToKill(jobOf([puts(3, 900)], 1, "os"), folder, torn, "half"))];
  },
  job: jobOf([], 2),
  check: checkRecovery,
};

const tornCheckpoint: Scene = {
  name: "database: recovery with a checkpoint that was not finished",
  prepare: async (folder) => {
    const first = await runToEnd(jobOf([puts(30), checkpoint, puts(10)], 0)(folder));
    const torn = "write snapshots/N.snapshot.new";
    return [...first, ...(await runToKill(jobOf([checkpoint], 1), folder, torn, "half"))];
  },
  job: jobOf([], 2),
  check: checkRecovery,
};

const restoring: Scene = {
  name: "database: restore",
  prepare: (folder) => runToEnd(jobOf([puts(20), checkpoint, puts(20)], 0)(folder)),
  job: (folder) => ({
    kind: "restore",
    directory: sourceIn(folder),
    destination: join(folder, "restored"),
    offset: OFFSET,
  }),
  check: async (folder, told, done) => {
    const destination = join(folder, "restored");
    const model = modelOf(told);
    // The source is as it was, and nothing half made is taken for a database.
    const source = filesBelow(sourceIn(folder));
    expectNothing(await lookAtDatabase(sourceIn(folder), model, 1));
    if (existsSync(destination)) await expectRestored(destination, model);
    else if (done) throw new Error("the restore is done, and there is nothing");
    try {
      await restore(sourceIn(folder), destination, { offset: OFFSET });
    } catch (error) {
      if (!(error instanceof DatabaseError && error.code === "KV_EXISTS")) throw error;
    }
    await expectRestored(destination, model);
    if (filesBelow(sourceIn(folder)) !== source) throw new Error("the source has changed");
  },
};

async function expectRestored(directory: string, model: DatabaseModel): Promise<void> {
  await using db = await Database.open(directory, { readOnly: true });
  const same =
    db.endOffset === OFFSET + 1 &&
    digestOfSerials(serialsOf(db)) === digestOfSerials(model.stateAt(OFFSET));
  if (!same) throw new Error("what was restored is something else");
}

/** All bytes below a directory. */
function filesBelow(directory: string): string {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== "LOCK");
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return paths.map((path) => `${path} ${readFileSync(path, "latin1")}`).join("\n");
}

export const databaseScenes: readonly Scene[] = [
  scene("creation", [], [puts(3)]),
  scene("commits and rotation", [puts(30)], [puts(4, 900), batch(6)]),
  scene("first checkpoint", [puts(30)], [checkpoint, puts(2)]),
  scene("checkpoint on a checkpoint", [puts(30), checkpoint], [puts(10), checkpoint, puts(2)]),
  scene("checkpoint of what is not synced", [puts(30)], [puts(10), checkpoint], "os"),
  tornLog,
  tornCheckpoint,
  restoring,
];
