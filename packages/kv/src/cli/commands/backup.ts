// `tidemark backup`: a copy of a database with its history, of a live one too.

import { resolve } from "node:path";
import { nodeFileSystem } from "@tidemark/wal";
import type { Command } from "commander";
import { resolveTarget, type Target } from "../../arguments/target.js";
import type { BackupReport } from "../../backup/backup-report.js";
import { backUp } from "../../backup/hot-backup.js";
import { Pace } from "../../pace.js";
import { readExisting } from "../../past/existing.js";
import { showDuration, showNumber } from "../amounts.js";
import { findDatabase } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { printFacts } from "../facts.js";
import { showFold, skippedFacts, wholeOrNothing } from "../making.js";
import type { Action, Run } from "../run.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { showTime } from "../times.js";

export function define(command: Command): Action {
  const targets = addTargets(command);
  command
    .description(
      "Copies a database with its history, offsets and times; a live one up to what is durable. With a target, up to that.",
    )
    .argument("<directory>", "of the database")
    .argument("<destination>", "a directory that does not exist, or is empty")
    .addHelpText("after", TARGET_HELP)
    .addHelpText(
      "after",
      examples(
        ["backup ./ledger /backups/ledger-2026-01-31", "all that is durable now"],
        ["backup ./ledger ./until-then --mark before-migration", "up to that mark, no further"],
      ),
    );
  return async (run, given, destination) => {
    const target = targets.one();
    const source = await findDatabase(given);
    run.progress.start("copying");
    const to = resolve(destination);
    const report = await wholeOrNothing(run, to, () => copy(run, source, to, target));
    run.progress.clear();
    if (run.json) await run.out.json(report);
    else await show(run, report);
    return exitCode.fine;
  };
}

/** From the files at once: the database is not loaded for it. */
async function copy(
  run: Run,
  directory: string,
  destination: string,
  target: Target | undefined,
): Promise<BackupReport> {
  const { signal } = run;
  const reading = { fileSystem: nodeFileSystem, clock: Date.now, pace: new Pace(signal) };
  const resolved = target && resolveTarget(target);
  return await readExisting(directory, resolved, reading, (source, { offset }) => {
    const settle = () => Promise.resolve(offset + 1);
    const now = Math.max(Date.now(), source.log.lastTime);
    const from = { directory, source, settle, renew: undefined, segmentBytes: undefined, now };
    const onProgress = (progress: Parameters<typeof showFold>[1]) => showFold(run, progress);
    return backUp(from, destination, { onProgress }, signal);
  });
}

async function show(run: Run, report: BackupReport): Promise<void> {
  const { destination, first, offset, time, commits, entries, logId } = report;
  const end = first === undefined ? "nothing" : `offset ${offset}, ${showTime(time)}`;
  await printFacts(run, [
    ["copied to", destination],
    ["up to", end],
    ["reaches back to", first === undefined ? undefined : `offset ${first}`],
    ["commits", showNumber(commits)],
    ["entries", showNumber(entries)],
    ["log id", logId],
    ...skippedFacts(report.skipped),
    ["took", showDuration(report.durationMs)],
  ]);
}
