// `tidemark at`: a state of the past, and any read of it.

import type { Command } from "commander";
import type { Key } from "../../arguments/keys.js";
import type { Range } from "../../arguments/range.js";
import type { View } from "../../state/view.js";
import { showNumber } from "../amounts.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { printFacts } from "../facts.js";
import { UsageError } from "../failure.js";
import { addKeyFormat, addRange, KEY_HELP, type KeyFormat } from "../key-notation.js";
import { type ReadState, readState } from "../reading.js";
import type { Action, Run } from "../run.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { showTime } from "../times.js";
import { printEntry } from "./get.js";
import { printRange } from "./range.js";

export function define(command: Command): Action {
  const targets = addTargets(command);
  const range = addRange(command);
  const keyFormat = addKeyFormat(command);
  command
    .description(
      "Reads a database as it was at a target. Without a read, says which commit that is and how many keys there were.",
    )
    .argument("<directory>", "of the database")
    .argument("[read]", "get, range, keys or count")
    .argument("[key]", "for get")
    .addHelpText("after", TARGET_HELP)
    .addHelpText("after", KEY_HELP)
    .addHelpText(
      "after",
      examples(
        [
          "at ./ledger --time 2026-01-31T10:00",
          "which commit that is, and how many keys there were",
        ],
        [
          "at ./ledger --mark before-migration get balance",
          "one key, as `get` with the same target",
        ],
        ["at ./ledger --offset 42 range --prefix user:", "many, as `range` with the same target"],
        ["at ./ledger --offset 42 count --gte a --lt n", "how many"],
      ),
    );
  return async (run, given, read, key) => {
    const target = targets.one();
    if (target === undefined) throw new UsageError("at needs a target: --offset, --time or --mark");
    checkRead(read, key);
    const state = await readState(given, target, run);
    const format = keyFormat();
    if (read === undefined) await printSummary(run, state);
    else if (read === "get") await printEntry(run, state, key, format);
    else await readRange(run, read, state.view, range(format, state.keys), format);
    return exitCode.fine;
  };
}

async function readRange(
  run: Run,
  read: string,
  view: View<unknown, Key>,
  range: Range<Key>,
  format: KeyFormat,
): Promise<void> {
  if (read !== "count") return await printRange(run, view, range, format, read === "keys");
  let count = 0;
  for (const _ of view.keys(range)) count += 1;
  await (run.json ? run.out.json({ count }) : run.out.line(String(count)));
}

async function printSummary(run: Run, { view, directory }: ReadState): Promise<void> {
  const { offset, time, size } = view;
  if (run.json) return await run.out.json({ directory, offset, time, entries: size });
  await printFacts(run, [
    ["database", directory],
    ["offset", String(offset)],
    ["time", showTime(time)],
    ["keys", showNumber(size)],
  ]);
}

const READS = ["get", "range", "keys", "count"];

/** Throws UsageError, before anything is read. */
function checkRead(read: string | undefined, key: string | undefined): void {
  if (read !== undefined && !READS.includes(read)) {
    throw new UsageError(
      `there is no read ${JSON.stringify(read)}; what there is: ${READS.join(", ")}`,
    );
  }
  if (read === "get" && key === undefined) throw new UsageError("get needs a key");
  if (read !== "get" && key !== undefined) throw new UsageError(`${read} takes no key`);
}
