// `tidemark dump`: what is in the log, record by record, batch by batch or header by header.

import { Log, nodeFileSystem } from "@tidemark/wal";
import { type Command, Option } from "commander";
import { byteKeys, type Key, type KeyCodec, stringKeys } from "../../arguments/keys.js";
import type { Target } from "../../arguments/target.js";
import { openExisting } from "../../open-database.js";
import { Pace } from "../../pace.js";
import { operationsOf } from "../../past/changes.js";
import { printCommit } from "../commits.js";
import { type Found, findIn, findLog, identityOf } from "../directory.js";
import { examples } from "../examples.js";
import { type ExitCode, exitCode } from "../exit-codes.js";
import { printBatches, printHeaders } from "../headers.js";
import { addKeyFormat, type KeyFormat } from "../key-notation.js";
import { printRecord } from "../records.js";
import type { Action, Run } from "../run.js";
import { printWhole } from "../salvage.js";
import { commitAt, recordAt, type Span, spanBetween } from "../span.js";
import { addTargets, SPAN_HELP, TARGET_HELP } from "../targets.js";

const VIEWS = ["records", "batches", "headers"] as const;

export function define(command: Command): Action {
  const keyFormat = addKeyFormat(command);
  const targets = addTargets(command);
  command
    .description("Prints what is in the log of a database, or in a log alone.")
    .argument("<directory>", "of a database, or of a log")
    .addOption(
      new Option("--as <view>", "records (commits, of a database), batches or raw headers")
        .choices(VIEWS)
        .default("records"),
    )
    .option("--past-damage", "all records that are whole, also behind damage; then the damage")
    .addHelpText("after", TARGET_HELP)
    .addHelpText("after", SPAN_HELP)
    .addHelpText(
      "after",
      examples(
        ["dump ./ledger | head", "the first commits that the log has"],
        ["dump ./ledger --offset 40 --offset 44 --json", "five commits, a line of JSON for each"],
        ["dump ./ledger --as batches", "how records were batched, and where batches lie"],
        ["dump ./ledger/log --as headers", "the manifest and every header, also of a damaged log"],
      ),
    );
  return async (run, given) => {
    const { as, pastDamage } = command.opts<{ as: (typeof VIEWS)[number]; pastDamage?: boolean }>();
    const found = await findIn(given);
    const span = targets.two();
    if (as === "records" && pastDamage !== true) {
      return await printRecords(run, found, span, keyFormat());
    }
    const offsets = await offsetsOf(run, found, span);
    const log = await findLog(found);
    if (as === "batches") return await printBatches(run, log, offsets);
    if (as === "headers") return await printHeaders(run, log, offsets);
    return await printWhole(run, found, offsets, keyFormat());
  };
}

type Targets = readonly [Target | undefined, Target | undefined];

/** Offsets need nothing of a log that may be damaged; other targets have to be looked for in it. */
async function offsetsOf(run: Run, found: Found, targets: Targets): Promise<Span> {
  const [from, to] = targets;
  const isOffset = (target: Target | undefined) => target === undefined || "offset" in target;
  if (!isOffset(from) || !isOffset(to)) {
    return await withLog(found, (opened) => spanOf(run, opened, targets));
  }
  return {
    from: from && "offset" in from ? from.offset : 0,
    to: to && "offset" in to ? to.offset + 1 : Number.POSITIVE_INFINITY,
  };
}

type Opened = Awaited<ReturnType<typeof openExisting>> | { readonly log: Log };

async function withLog<T>(found: Found, use: (opened: Opened) => Promise<T>): Promise<T> {
  if (found.kind === "database") await identityOf(found.directory);
  const opened: Opened =
    found.kind === "log"
      ? { log: await Log.open(found.directory, { readOnly: true }) }
      : await openExisting(found.directory, nodeFileSystem, Date.now);
  try {
    return await use(opened);
  } finally {
    await opened.log.close();
  }
}

function spanOf(run: Run, opened: Opened, targets: Targets): Promise<Span> {
  const { log } = opened;
  return spanBetween(log, targets, (target) =>
    "source" in opened ? commitAt(opened.source, target, run) : recordAt(log, target),
  );
}

function printRecords(
  run: Run,
  found: Found,
  targets: Targets,
  format: KeyFormat,
): Promise<ExitCode> {
  return withLog(found, async (opened) => {
    const span = await spanOf(run, opened, targets);
    const pace = new Pace(run.signal);
    const isString = "source" in opened && opened.source.keys === "string";
    const keys: KeyCodec<Key> = isString ? stringKeys : byteKeys;
    for (const record of opened.log.records(span)) {
      if ("source" in opened) {
        const { offset, time } = record;
        const operations = await operationsOf<unknown, Key>(record, keys, pace);
        await printCommit(run, { offset, time, operations }, format);
      } else await printRecord(run, record);
      if (pace.due) await pace.rest();
    }
    return exitCode.fine;
  });
}
