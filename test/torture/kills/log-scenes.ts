// The scenes of a log: each change of its structure, its creation, recovery, repair and close.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Log, LogError, repairLog } from "@tidemark/wal";
import { digestOfMarks, marksOf, type RecordMark } from "./digest.js";
import type { Step, WriteJob, WriterOptions } from "./job.js";
import { LogModel } from "./log-model.js";
import { lookAtLog } from "./look.js";
import { runToEnd, runToKill, type Scene } from "./scene.js";
import type { Line } from "./telling.js";

const OPTIONS: WriterOptions = { durability: "commit", segmentBytes: 4096, noteAfterMs: 0 };

const each = (count: number, length = 28): Step => ({ do: "append", count, length, how: "each" });
const together = (count: number, length = 28): Step => ({
  do: "append",
  count,
  length,
  how: "batch",
});

function logIn(folder: string): string {
  return join(folder, "log");
}

function jobOf(options: Partial<WriterOptions>, work: readonly Step[], life: number) {
  return (folder: string): WriteJob => ({
    kind: "log",
    directory: logIn(folder),
    options: { ...OPTIONS, ...options },
    work,
    life,
  });
}

/** What a reader and the next writer find is what the model says; recovering again changes nothing. */
async function checkRecovery(
  folder: string,
  told: readonly Line[],
  { retentionBytes }: Partial<WriterOptions>,
): Promise<void> {
  const directory = logIn(folder);
  const model = new LogModel(retentionBytes !== undefined);
  const opened = told.some(({ is }) => is === "opened");
  for (const line of told) expectNothing(model.take(line));
  const wrong = await lookAtLog(directory, model);
  if (wrong !== "none" || opened) expectNothing(wrong);
  const log = await Log.open(directory, OPTIONS);
  const shown = shownBy(log);
  expectNothing(model.judge(shown, shown.marks));
  await log.append(Buffer.from("after recovery"), { sync: true });
  await log.close();
  const again = await Log.open(directory, OPTIONS);
  const { marks } = shownBy(again);
  await again.close();
  if (digestOfMarks(marks.slice(0, -1)) !== shown.digest)
    throw new Error("recovering again shows something else");
  const { orderly, removed, torn } = again.recovery;
  if (!orderly || removed.length > 0 || torn !== undefined)
    throw new Error(`recovering again does something: ${JSON.stringify(again.recovery)}`);
}

function shownBy(log: Log) {
  const marks: readonly RecordMark[] = marksOf(log);
  return { start: log.startOffset, end: log.endOffset, digest: digestOfMarks(marks), marks };
}

function expectNothing(wrong: string | undefined): void {
  if (wrong !== undefined) throw new Error(wrong);
}

/** Work on a log that was filled and closed before. */
function scene(
  name: string,
  filled: readonly Step[],
  work: readonly Step[],
  options: Partial<WriterOptions> = {},
): Scene {
  return {
    name,
    prepare: (folder) => {
      if (filled.length === 0) return Promise.resolve([]);
      const { retentionBytes: _, ...filling } = options;
      return runToEnd(jobOf(filling, filled, 0)(folder));
    },
    job: jobOf(options, work, 1),
    check: (folder, told) => checkRecovery(folder, told, options),
  };
}

const truncated = [each(70), together(10), each(40)];

const recovery: Scene = {
  name: "recovery of a torn log",
  prepare: (folder) => {
    const work = [each(90), together(4, 900)];
    return runToKill(jobOf({ durability: "os" }, work, 0), folder, "write log/N.log", "half");
  },
  job: jobOf({}, [], 1),
  check: (folder, told) => checkRecovery(folder, told, {}),
};

/** A log with a damaged record in the middle of a sealed segment. */
const repair: Scene = {
  name: "repair",
  prepare: async (folder) => {
    const told = await runToEnd(jobOf({}, [each(150)], 0)(folder));
    const [store = ""] = readdirSync(logIn(folder)).filter((name) => name.endsWith("2.log"));
    const path = join(logIn(folder), store);
    const bytes = readFileSync(path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    return told;
  },
  job: (folder) => ({ kind: "repair", directory: logIn(folder) }),
  check: async (folder, told, done) => {
    const directory = logIn(folder);
    const report = await repairLog(directory);
    if (done && report.changed) throw new Error("a repair that was done is done again");
    const model = new LogModel(false);
    for (const line of told) expectNothing(model.take(line));
    await using log = await Log.open(directory, OPTIONS);
    const issued = told.filter(({ is }) => is === "issued").length;
    if (log.endOffset === 0 || log.endOffset >= issued)
      throw new Error(`the repair kept ${log.endOffset} of ${issued} records`);
    const { marks } = shownBy(log);
    expectNothing(model.judgePrefix(marks));
    const again = await refusalOf(() => repairLog(directory));
    if (again !== "LOG_LOCKED") throw new Error(`repairing an open log: ${again}`);
  },
};

async function refusalOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return "done";
  } catch (error) {
    return error instanceof LogError ? error.code : String(error);
  }
}

export const logScenes: readonly Scene[] = [
  scene("creation", [], [each(3)]),
  scene("rotation and sealing", [each(18)], [each(4, 900), { do: "truncateBefore", offset: 0 }]),
  scene("rotation and sealing, not synced", [each(18)], [each(6, 900)], { durability: "os" }),
  scene(
    "a segment for one batch",
    [each(20)],
    [
      { do: "append", count: 3, length: 3000, how: "batch", goOn: true },
      { do: "append", count: 2, length: 900, how: "atOnce" },
    ],
  ),
  scene("truncateFrom in a sealed segment", truncated, [{ do: "truncateFrom", offset: 75 }], {
    durability: "os",
  }),
  scene("truncateFrom at the start", truncated, [{ do: "truncateFrom", offset: 0 }]),
  scene("truncateFrom in the active segment", truncated, [
    { do: "truncateFrom", offset: 118 },
    each(2),
  ]),
  scene(
    "truncateFrom behind what is not synced",
    truncated,
    [each(3), { do: "truncateFrom", offset: 100 }, each(2)],
    { durability: "interval" },
  ),
  scene("truncateBefore", [each(220)], [{ do: "truncateBefore", offset: 150 }, each(2)]),
  scene("retention", [each(18)], [each(16, 900)], { retentionBytes: 9000 }),
  scene("close", [each(40)], [together(10, 100)], { durability: "os" }),
  recovery,
  repair,
];
