// `tidemark restore`: a new database with the state that another has at a target.

import { resolve } from "node:path";
import type { Command } from "commander";
import { type RestoreReport, restore } from "../../past/restore.js";
import { showCount, showDuration, showNumber } from "../amounts.js";
import { findDatabase } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { printFacts } from "../facts.js";
import { UsageError } from "../failure.js";
import { showFold, skippedFacts, wholeOrNothing } from "../making.js";
import type { Action, Run } from "../run.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { showTime } from "../times.js";

export function define(command: Command): Action {
  const targets = addTargets(command);
  command
    .description(
      "Makes a new database with the state at a target. The source is only read, and may be live; offsets go on from the target.",
    )
    .argument("<directory>", "of the database")
    .argument("<destination>", "a directory that does not exist, or is empty")
    .option("--dry-run", "only say what would be made")
    .addHelpText("after", TARGET_HELP)
    .addHelpText(
      "after",
      examples(
        ["restore ./ledger ./ledger-before --mark before-migration", "as it was before that mark"],
        ["restore ./ledger ./then --time 2026-01-31T10:00 --dry-run", "what that would make"],
      ),
    );
  return async (run, given, destination) => {
    const { dryRun = false } = command.opts<{ dryRun?: boolean }>();
    const target = targets.one();
    if (target === undefined) {
      throw new UsageError(
        "say which state: --offset, --time or --mark. All that there is now, with its history, is what backup copies",
      );
    }
    const source = await findDatabase(given);
    run.progress.start(dryRun ? "reading the database" : "restoring");
    const { signal } = run;
    const options = {
      dryRun,
      signal,
      onProgress: (progress: Parameters<typeof showFold>[1]) => showFold(run, progress),
    };
    const made = () => restore(source, destination, target, options);
    const report = await wholeOrNothing(run, resolve(destination), made);
    run.progress.clear();
    if (run.json) await run.out.json(report);
    else await show(run, report);
    return exitCode.fine;
  };
}

async function show(run: Run, report: RestoreReport): Promise<void> {
  const { dryRun, destination, offset, time, entries, snapshot, commits, logId } = report;
  const from = snapshot === undefined ? "" : `${snapshot} and `;
  await printFacts(run, [
    [dryRun ? "would restore to" : "restored to", destination],
    ["state at", `offset ${offset}, ${showTime(time)}`],
    ["entries", showNumber(entries)],
    ["made from", `${from}${showCount(commits, "commits")} of the log`],
    ["goes on with", `offset ${offset + 1}`],
    ["log id", logId],
    ...skippedFacts(report.skipped),
    ["took", dryRun ? undefined : showDuration(report.durationMs)],
  ]);
}
