// `tidemark get`: what one key has, now or at a target.

import type { Command } from "commander";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { NotFoundError } from "../failure.js";
import { addKeyFormat, KEY_HELP, keyToJson, readKey } from "../key-notation.js";
import { readState } from "../reading.js";
import type { Action } from "../run.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { showTime } from "../times.js";
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
    const target = targets.one();
    const { view, keys } = await readState(directory, target, run);
    const key = readKey(text, keyFormat(), keys);
    const entry = view.getEntry(key);
    if (entry === undefined) {
      const where = target === undefined ? "" : ` at offset ${view.offset}, ${showTime(view.time)}`;
      throw new NotFoundError(`there is no key ${JSON.stringify(text)}${where}`);
    }
    const value = toNotation(entry.value);
    if (!run.json) await run.out.json(value);
    else {
      const { version, time, expiry } = entry;
      await run.out.json({ key: keyToJson(key), value, version, time, expiry });
    }
    return exitCode.fine;
  };
}
