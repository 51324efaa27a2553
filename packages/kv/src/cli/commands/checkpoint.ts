// `tidemark checkpoint`: a snapshot file of all there is, of a database that no process has open.

import type { Command } from "commander";
import type { CheckpointReport } from "../../upkeep/checkpoint.js";
import { showBytes, showDuration, showNumber } from "../amounts.js";
import { findDatabase, identityOf } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { printFacts } from "../facts.js";
import { showFold, skippedFacts } from "../making.js";
import type { Action, Run } from "../run.js";
import { withDatabase } from "../writing.js";

export function define(command: Command): Action {
  command
    .description(
      "Writes a snapshot file, so that the next opening reads that and not the log. For a database that no process has open; no history is removed.",
    )
    .argument("<directory>", "of the database")
    .addHelpText("after", examples(["checkpoint ./ledger", "before a start that has to be quick"]));
  return async (run, given) => {
    const directory = await findDatabase(given);
    const { keys } = await identityOf(directory);
    const { signal } = run;
    const report = await withDatabase(directory, keys, (database) => {
      run.progress.start("writing a snapshot file");
      return database.checkpoint({ signal, onProgress: (progress) => showFold(run, progress) });
    });
    run.progress.clear();
    if (run.json) await run.out.json(report);
    else await show(run, report);
    return exitCode.fine;
  };
}

async function show(run: Run, report: CheckpointReport): Promise<void> {
  const { file, written, endOffset, entries, size, commits, base } = report;
  await printFacts(run, [
    [written ? "written" : "there already", file],
    ["holds", `what is below offset ${endOffset}`],
    ["entries", showNumber(entries)],
    ["size", showBytes(size)],
    ["commits read", written ? showNumber(commits) : undefined],
    ["begun from", base],
    ...skippedFacts(report.skipped),
    ["took", showDuration(report.durationMs)],
  ]);
}
