// `tidemark diff`: what differs between two points.

import type { Command } from "commander";
import type { Key } from "../../arguments/keys.js";
import type { Difference } from "../../past/diff.js";
import type { KeyEntry } from "../../state/reading.js";
import { showPair } from "../commits.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { UsageError } from "../failure.js";
import { addKeyFormat, type KeyFormat, keyToJson } from "../key-notation.js";
import { withReader } from "../reader.js";
import type { Action, Run } from "../run.js";
import { addTargets, SPAN_HELP, TARGET_HELP } from "../targets.js";
import { toNotation } from "../value-notation.js";

export function define(command: Command): Action {
  const keyFormat = addKeyFormat(command);
  const targets = addTargets(command);
  command
    .description("Lists the keys that differ between two points, with what they had at both.")
    .argument("<directory>", "of the database")
    .addHelpText("after", TARGET_HELP)
    .addHelpText("after", SPAN_HELP)
    .addHelpText(
      "after",
      examples(
        ["diff ./ledger --mark before-migration", "what has changed since that mark"],
        ["diff ./ledger --offset 41 --offset 42", "what commit 42 changed"],
        ["diff ./ledger --time 2026-01-30 --time 2026-01-31 --json", "a line of JSON for each key"],
      ),
    );
  return async (run, directory) => {
    const [from, to] = targets.two();
    if (from === undefined) throw new UsageError("diff needs one target or two");
    await withReader(directory, run, async ({ database }) => {
      const last = to ?? { offset: Math.max(0, database.endOffset - 1) };
      const options = { signal: run.signal };
      for await (const difference of database.diff(from, last, options)) {
        await printDifference(run, difference, keyFormat());
      }
    });
    return exitCode.fine;
  };
}

/** Prints a key that differs: a line for each side, or one of JSON. */
export async function printDifference(
  run: Run,
  { key, before, after }: Difference<unknown, Key>,
  format: KeyFormat,
): Promise<void> {
  if (run.json) {
    const sides = { before: entryToJson(before), after: entryToJson(after) };
    return await run.out.json({ key: keyToJson(key), ...sides });
  }
  if (before !== undefined) {
    const pair = showPair(key, before.value, before.expiry, format);
    await run.out.line(run.style("red", `- ${pair}`));
  }
  if (after !== undefined) {
    const pair = showPair(key, after.value, after.expiry, format);
    await run.out.line(run.style("green", `+ ${pair}`));
  }
}

function entryToJson(entry: KeyEntry<unknown> | undefined) {
  if (entry === undefined) return undefined;
  const { value, version, time, expiry } = entry;
  return { value: toNotation(value), version, time, expiry };
}
