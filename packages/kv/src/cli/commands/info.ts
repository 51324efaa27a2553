// `tidemark info`: what is in a directory, without loading it.

import { Log, type LogStats, nodeFileSystem } from "@tidemark/wal";
import type { Command } from "commander";
import { type FoldSource, fold } from "../../fold/fold.js";
import { openExisting } from "../../open-database.js";
import { OPENING_SLICE_MS, Pace } from "../../pace.js";
import { hasExpired } from "../../state/entry.js";
import { historyStats } from "../../stats.js";
import { unlessCut } from "../../upkeep/moving-window.js";
import { showBytes, showCount, showNumber } from "../amounts.js";
import { findIn, identityOf } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { type Fact, printFacts } from "../facts.js";
import type { Action, Run } from "../run.js";
import { showTime } from "../times.js";

export function define(command: Command): Action {
  command
    .description(
      "Says what is in a directory: a database or a log, how much, and how far back it reaches.",
    )
    .argument("<directory>", "of a database, or of a log")
    .option("--quick", "do not count keys and marks, for which all of them are read")
    .addHelpText(
      "after",
      examples(
        ["info ./ledger", "offsets, times, keys, marks, sizes"],
        ["info ./ledger --json | jq .endOffset", "for a program"],
        ["info ./ledger/log", "the log of a database, or any other"],
      ),
    );
  return async (run, given) => {
    const { quick = false } = command.opts<{ quick?: boolean }>();
    const { kind, directory } = await findIn(given);
    if (kind === "log") await showLog(run, directory);
    else await showDatabase(run, directory, quick);
    return exitCode.fine;
  };
}

async function showLog(run: Run, directory: string): Promise<void> {
  const log = await Log.open(directory, { readOnly: true });
  try {
    const facts = factsOfLog(log);
    if (run.json) await run.out.json({ kind: "log", directory, ...facts });
    else await printFacts(run, [["log", directory], ...shownLog(facts)]);
  } finally {
    await log.close();
  }
}

type LogFacts = ReturnType<typeof factsOfLog>;

function factsOfLog(log: Log) {
  const { id: logId, ancestry, startOffset, endOffset, lastTime, recovery } = log;
  const { segments, storeBytes }: LogStats = log.stats();
  const isEmpty = startOffset === endOffset;
  return {
    logId,
    ancestry,
    startOffset,
    endOffset,
    firstTime: isEmpty ? undefined : log.read(startOffset).time,
    lastTime: isEmpty ? undefined : lastTime,
    segments,
    storeBytes,
    closedInOrder: recovery.orderly,
  };
}

function shownLog(facts: LogFacts): Fact[] {
  const { logId, ancestry, startOffset, endOffset, firstTime, lastTime } = facts;
  const end = facts.closedInOrder ? "in order" : "not in order: it is in use, or was cut off";
  return [
    ["log id", logId],
    ["from", ancestry && `log ${ancestry.logId}, of which it has what is below ${ancestry.offset}`],
    ["offsets", showOffsets(startOffset, endOffset)],
    ["first", firstTime === undefined ? undefined : showTime(firstTime)],
    ["last", lastTime === undefined ? undefined : showTime(lastTime)],
    ["log size", `${showBytes(facts.storeBytes)} in ${showCount(facts.segments, "segments")}`],
    ["closed", end],
  ];
}

function showOffsets(start: number, end: number): string {
  if (start === end) return `none; the next is ${end}`;
  return `${start} to ${end - 1} (${showNumber(end - start)})`;
}

async function showDatabase(run: Run, directory: string, quick: boolean): Promise<void> {
  const { keys, createdAt } = await identityOf(directory);
  const { source, log } = await openExisting(directory, nodeFileSystem, Date.now);
  try {
    const facts = factsOfLog(log);
    const history = historyStats(source, log.acknowledgedOffset);
    const counts = quick ? undefined : await unlessCut(source, () => count(run, source));
    if (run.json) {
      const all = { kind: "database", directory, keys, createdAt, ...counts, history, ...facts };
      return await run.out.json(all);
    }
    const { first, firstTime, snapshots, snapshotBytes } = history;
    await printFacts(run, [
      ["database", directory],
      [
        "keys",
        `${keys === "string" ? "strings" : "bytes"}${counts ? `, ${showNumber(counts.entries)} of them` : ""}`,
      ],
      ["marks", counts && showNumber(counts.marks)],
      ["created", showTime(createdAt)],
      ["reaches back to", first === undefined ? "nothing yet" : showReach(first, firstTime)],
      ["snapshot files", snapshots === 0 ? "none" : `${snapshots}, ${showBytes(snapshotBytes)}`],
      ...shownLog(facts),
    ]);
  } finally {
    await log.close();
  }
}

function showReach(first: number, time: number | undefined): string {
  return time === undefined ? `offset ${first}` : `offset ${first}, ${showTime(time)}`;
}

/** Keys that are there now, and marks: all are read, none is kept. */
async function count(run: Run, source: FoldSource): Promise<{ entries: number; marks: number }> {
  const pace = new Pace(run.signal, OPENING_SLICE_MS);
  run.progress.start("counting keys");
  const onCommits = (done: number, total: number) => run.progress.update("commits", done, total);
  const { acknowledgedOffset, lastTime } = source.log;
  const now = Math.max(Date.now(), lastTime);
  const { result } = await fold(
    source,
    acknowledgedOffset,
    { pace, onCommits },
    async (folding) => {
      let entries = 0;
      for await (const batch of folding.batches()) {
        for (const entry of batch) if (!hasExpired(entry, now)) entries += 1;
      }
      return { entries, marks: folding.marks().size };
    },
  );
  run.progress.clear();
  return result;
}
