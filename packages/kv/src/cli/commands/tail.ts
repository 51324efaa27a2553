// `tidemark tail`: commits as they come, from a live database; records, from a log alone.

import { Log, nodeFileSystem } from "@tidemark/wal";
import type { Command } from "commander";
import { byteKeys, type Key, type KeyCodec, stringKeys } from "../../arguments/keys.js";
import type { Target } from "../../arguments/target.js";
import { openExisting } from "../../open-database.js";
import { followChanges } from "../../past/changes.js";
import { printCommit } from "../commits.js";
import { findIn, identityOf } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { addKeyFormat, type KeyFormat, readCount } from "../key-notation.js";
import { printRecord } from "../records.js";
import type { Action, Run } from "../run.js";
import { commitAt, recordAt } from "../span.js";
import { addTargets, TARGET_HELP } from "../targets.js";

const LAST = 10;

export function define(command: Command): Action {
  const keyFormat = addKeyFormat(command);
  const targets = addTargets(command);
  command
    .description(
      "Prints the commits of a database, or the records of a log, as its writer makes them, once they are on stable storage; until Ctrl-C.",
    )
    .argument("<directory>", "of a database, or of a log")
    .option("-n, --last <n>", `begin with the last n that are there (default: ${LAST})`, readCount)
    .option("--limit <n>", "end after n", readCount)
    .addHelpText(
      "after",
      "\nWith a target it begins after that commit: what has changed since, and then what comes.",
    )
    .addHelpText("after", TARGET_HELP)
    .addHelpText(
      "after",
      examples(
        ["tail ./ledger", "the last ten commits, and each further one"],
        ["tail ./ledger --offset 42 --json", "everything after commit 42, a line of JSON for each"],
        ["tail ./ledger -n 0 --limit 1", "wait for the next commit"],
      ),
    );
  return async (run, given) => {
    const { last = LAST, limit } = command.opts<{ last?: number; limit?: number }>();
    const wanted = { target: targets.one(), last, limit: limit ?? Number.POSITIVE_INFINITY };
    const { kind, directory } = await findIn(given);
    if (kind === "log") await tailLog(run, directory, wanted);
    else await tailDatabase(run, directory, wanted, keyFormat());
    return exitCode.fine;
  };
}

interface Wanted {
  /** Begin after it. */
  readonly target: Target | undefined;
  /** Or else with the last so many. */
  readonly last: number;
  readonly limit: number;
}

async function tailDatabase(
  run: Run,
  directory: string,
  { target, last, limit }: Wanted,
  format: KeyFormat,
): Promise<void> {
  await identityOf(directory);
  const { source, log } = await openExisting(directory, nodeFileSystem, Date.now);
  try {
    const { signal } = run;
    const from = target ? (await commitAt(source, target, run)) + 1 : beginning(log, last);
    const keys: KeyCodec<Key> = source.keys === "string" ? stringKeys : byteKeys;
    const feed = { log, pins: source.pins, keys, readOnly: true };
    const changes = followChanges<unknown, Key>(feed, { from, signal });
    await each(run, changes, limit, (change) => printCommit(run, change, format));
  } finally {
    await log.close();
  }
}

async function tailLog(run: Run, directory: string, wanted: Wanted): Promise<void> {
  const { target, last, limit } = wanted;
  const log = await Log.open(directory, { readOnly: true });
  try {
    const from = target ? recordAt(log, target) + 1 : beginning(log, last);
    const records = log.follow({ from, signal: run.signal });
    await each(run, records, limit, (record) => printRecord(run, record));
  } finally {
    await log.close();
  }
}

function beginning({ startOffset, acknowledgedOffset }: Log, last: number): number {
  return Math.max(startOffset, acknowledgedOffset - last);
}

/** Prints each at once, whoever waits for it. */
async function each<T>(
  run: Run,
  items: AsyncIterable<T>,
  limit: number,
  print: (item: T) => Promise<void>,
): Promise<void> {
  if (limit === 0) return;
  let left = limit;
  for await (const item of items) {
    await print(item);
    await run.out.flush();
    left -= 1;
    if (left === 0) return;
  }
}
