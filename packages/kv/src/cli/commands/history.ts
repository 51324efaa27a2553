// `tidemark history`: what one key has had, version by version.

import type { Command } from "commander";
import type { Version } from "../../past/history.js";
import { showExpiry, showValue } from "../commits.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { addKeyFormat, KEY_HELP, readKey } from "../key-notation.js";
import { withReader } from "../reader.js";
import type { Action, Run } from "../run.js";
import { addTargets, SPAN_HELP, TARGET_HELP } from "../targets.js";
import { showTime } from "../times.js";
import { toNotation } from "../value-notation.js";

export function define(command: Command): Action {
  const keyFormat = addKeyFormat(command);
  const targets = addTargets(command);
  command
    .description(
      "Lists the versions that a key has had, oldest first, as far back as history reaches.",
    )
    .argument("<directory>", "of the database")
    .argument("<key>")
    .addHelpText("after", TARGET_HELP)
    .addHelpText("after", SPAN_HELP)
    .addHelpText("after", KEY_HELP)
    .addHelpText(
      "after",
      examples(
        ["history ./ledger balance", "all versions that can be reached"],
        ["history ./ledger balance --mark opened", "what it had at that mark, and since"],
        ["history ./ledger balance --offset 3 --time 2026-01-31T10:00", "between two points"],
      ),
    );
  return async (run, directory, text) => {
    const [from, to] = targets.two();
    await withReader(directory, run, async ({ database, keys }) => {
      const key = readKey(text, keyFormat(), keys);
      const range = { from, to, signal: run.signal };
      for await (const version of database.history(key, range)) await printVersion(run, version);
    });
    return exitCode.fine;
  };
}

async function printVersion(run: Run, version: Version): Promise<void> {
  const { offset, time, deleted } = version;
  if (run.json) {
    const rest = deleted ? {} : { value: toNotation(version.value), expiry: version.expiry };
    return await run.out.json({ offset, time, deleted, ...rest });
  }
  const where = run.style("dim", `${offset}  ${showTime(time)}`);
  const had = deleted
    ? run.style("red", "deleted")
    : showValue(version.value) + showExpiry(version.expiry);
  await run.out.line(`${where}  ${had}`);
}
