// `tidemark get`: what one key has, now or at a target.

import type { Command } from "commander";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { NotFoundError } from "../failure.js";
import {
  addKeyFormat,
  KEY_HELP,
  type KeyFormat,
  keyToJson,
  readKey,
  showKey,
} from "../key-notation.js";
import { type ReadState, readState } from "../reading.js";
import type { Action, Run } from "../run.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { toNotation } from "../value-notation.js";

export function define(command: Command): Action {
  const keyFormat = addKeyFormat(command);
  const targets = addTargets(command);
  command
    .description(
      "Prints the value of a key, as JSON; with --json also its version, time and expiry.",
    )
    .argument("<directory>", "of the database")
    .argument("<key>")
    .addHelpText("after", TARGET_HELP)
    .addHelpText("after", KEY_HELP)
    .addHelpText(
      "after",
      examples(
        ["get ./ledger balance", "the value now"],
        ["get ./ledger balance --mark before-migration", "what it was before that mark"],
        ["get ./ledger balance --json", "with the offset of the commit that wrote it, and when"],
      ),
    );
  return async (run, directory, text) => {
    const state = await readState(directory, targets.one(), run);
    await printEntry(run, state, text, keyFormat());
    return exitCode.fine;
  };
}

/** Prints what a key has in a state. Throws NotFoundError. */
export async function printEntry(
  run: Run,
  { view, keys }: ReadState,
  text: string,
  format: KeyFormat,
): Promise<void> {
  const key = readKey(text, format, keys);
  const entry = view.getEntry(key);
  if (entry === undefined) {
    throw new NotFoundError(`there is no key ${showKey(key, format)} at offset ${view.offset}`);
  }
  const value = toNotation(entry.value);
  if (!run.json) return await run.out.json(value);
  const { version, time, expiry } = entry;
  await run.out.json({ key: keyToJson(key), value, version, time, expiry });
}
