// `tidemark verify`: every checksum of a database or of a log, with a map of where the damage lies.

import { basename } from "node:path";
import { type VerifyReport, verifyLog } from "@tidemark/wal";
import type { Command } from "commander";
import { type VerifyDatabaseReport, verifyDatabase } from "../../repair/verify.js";
import { showBytes, showCount, showDuration } from "../amounts.js";
import { type FoundDamage, printMeaning, showDamage } from "../damage.js";
import { findIn } from "../directory.js";
import { examples } from "../examples.js";
import { type ExitCode, exitCode } from "../exit-codes.js";
import type { Action, Run } from "../run.js";
import { printMap } from "../segment-map.js";
import { shellWord } from "../shell-word.js";

export function define(command: Command): Action {
  command
    .description(
      "Checks every checksum, commit and value, and whether the files fit each other; shows where the damage lies. Beside a live writer too.",
    )
    .argument("<directory>", "of a database, or of a log")
    .addHelpText("after", "\nEnds with 0 if all is fine and with 1 if anything is damaged.")
    .addHelpText(
      "after",
      examples(
        ["verify ./ledger", "a map of the log's segments, and what each damage means"],
        ["verify ./ledger --json | jq .damage", "the whole report, for a program"],
        ["verify ./ledger || mail -s damaged me@example.org", "from cron"],
      ),
    );
  return async (run, given) => {
    const { kind, directory } = await findIn(given);
    return kind === "log" ? await checkLog(run, directory) : await checkDatabase(run, directory);
  };
}

async function checkLog(run: Run, directory: string): Promise<ExitCode> {
  run.progress.start("checking the log");
  const report = await verifyLog(directory, {
    signal: run.signal,
    onProgress: ({ bytesDone, bytesTotal }) => run.progress.update("bytes", bytesDone, bytesTotal),
  });
  run.progress.clear();
  if (run.json) await run.out.json({ kind: "log", directory, ...report });
  else {
    await run.out.line(`log ${directory}`);
    await printLog(run, report);
    await printDamage(run, report.damage);
    await printEnd(run, directory, report);
  }
  return report.ok ? exitCode.fine : exitCode.damage;
}

async function checkDatabase(run: Run, directory: string): Promise<ExitCode> {
  run.progress.start("checking the snapshot files");
  let part = "snapshots";
  const report = await verifyDatabase(directory, {
    signal: run.signal,
    onProgress: ({ part: now, bytesDone, bytesTotal }) => {
      if (now !== part) run.progress.start("checking the log");
      part = now;
      run.progress.update("bytes", bytesDone, bytesTotal);
    },
  });
  run.progress.clear();
  if (run.json) await run.out.json({ kind: "database", directory, ...report });
  else await printDatabase(run, directory, report);
  return report.ok ? exitCode.fine : exitCode.damage;
}

async function printDatabase(
  run: Run,
  directory: string,
  report: VerifyDatabaseReport,
): Promise<void> {
  const { log, snapshots, damage, remarks, reachable } = report;
  await run.out.line(`database ${directory}`);
  if (log !== undefined) await printLog(run, log);
  for (const { file, ok, entries, size } of snapshots) {
    const state = ok ? "whole" : run.style("red", "damaged");
    await run.out.line(
      `  ${basename(file)}  ${showCount(entries, "entries")}, ${showBytes(size)}, ${state}`,
    );
  }
  await printDamage(run, damage);
  for (const { file, message } of remarks) await run.out.line(`remark: ${file}: ${message}`);
  const ranges = reachable.map(({ first, last }) => `${first} to ${last}`);
  // What is damaged may not open before a repair, whatever there is in it.
  const label = report.ok ? "commits that can be reached" : "commits whose states the files make";
  await run.out.line(`${label}: ${ranges.join(" and ") || "none"}`);
  await printEnd(run, directory, report);
}

async function printLog(run: Run, log: VerifyReport): Promise<void> {
  await printMap(run, log.segments);
  const { torn, staleIndexes } = log;
  if (torn !== undefined) {
    await run.out.line(
      `torn: from offset ${torn.offset} on, nothing arrived whole (${basename(torn.file)} at byte ${torn.position}): it was never acknowledged, or is being written`,
    );
  }
  if (staleIndexes.length > 0) {
    await run.out.line(`remark: rebuilt when they are needed: ${staleIndexes.join(", ")}`);
  }
}

async function printDamage(run: Run, damage: readonly FoundDamage[]): Promise<void> {
  for (const found of damage) {
    const label = run.style("red", `damage: ${found.kind ?? "log"}:`);
    await run.out.line(`${label} ${showDamage(found)}`);
    await printMeaning(run, found);
  }
}

interface Verdict extends Pick<VerifyReport, "ok" | "bytes" | "durationMs"> {
  readonly damage: readonly unknown[];
}

async function printEnd(
  { out, style }: Run,
  directory: string,
  { ok, damage, bytes, durationMs }: Verdict,
): Promise<void> {
  const verdict = ok
    ? style("green", "fine")
    : style("red", `${showCount(damage.length, "places")} damaged`);
  await out.line(`${verdict}: ${showBytes(bytes)} checked in ${showDuration(durationMs)}`);
  if (ok) return;
  const word = shellWord(directory);
  await out.line(`what would mend it, and what is lost by that: tidemark repair ${word}`);
  await out.line(`what is whole all the same: tidemark dump ${word} --past-damage`);
}
