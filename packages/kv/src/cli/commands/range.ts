// `tidemark range`: keys and values in order, now or at a target.

import type { Command } from "commander";
import type { Key } from "../../arguments/keys.js";
import type { Range } from "../../arguments/range.js";
import type { View } from "../../state/view.js";
import { showExpiry, showValue } from "../commits.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import {
  addKeyFormat,
  addRange,
  KEY_HELP,
  type KeyFormat,
  keyToJson,
  showKey,
} from "../key-notation.js";
import { readState } from "../reading.js";
import type { Action, Run } from "../run.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { toNotation } from "../value-notation.js";

export function define(command: Command): Action {
  const range = addRange(command);
  const keyFormat = addKeyFormat(command);
  const targets = addTargets(command);
  command
    .description("Prints keys and their values, in the order of keys; one a line.")
    .argument("<directory>", "of the database")
    .option("--keys-only", "without values")
    .addHelpText("after", TARGET_HELP)
    .addHelpText("after", KEY_HELP)
    .addHelpText(
      "after",
      examples(
        ["range ./ledger --prefix user: --limit 10", "the first ten keys that begin with user:"],
        ["range ./ledger --gte a --lt n --time 2026-01-31T10:00", "as it was then"],
        ["range ./ledger --json | jq -r .key", "a line of JSON for each key"],
      ),
    );
  return async (run, directory) => {
    const { keysOnly = false } = command.opts<{ keysOnly?: boolean }>();
    const { view, keys } = await readState(directory, targets.one(), run);
    await printRange(run, view, range(keyFormat(), keys), keyFormat(), keysOnly);
    return exitCode.fine;
  };
}

/** Prints entries of a state, or its keys alone. */
export async function printRange(
  run: Run,
  view: View<unknown, Key>,
  range: Range<Key>,
  format: KeyFormat,
  keysOnly: boolean,
): Promise<void> {
  for (const key of view.keys(range)) {
    const entry = keysOnly ? undefined : view.getEntry(key);
    if (entry === undefined) {
      await (run.json ? run.out.json({ key: keyToJson(key) }) : run.out.line(showKey(key, format)));
    } else if (run.json) {
      const { value, version, time, expiry } = entry;
      const json = { key: keyToJson(key), value: toNotation(value), version, time, expiry };
      await run.out.json(json);
    } else {
      const { value, expiry } = entry;
      const name = run.style("bold", showKey(key, format));
      await run.out.line(`${name} = ${showValue(value)}${showExpiry(expiry)}`);
    }
  }
}
