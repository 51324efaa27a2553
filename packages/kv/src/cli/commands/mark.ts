// `tidemark mark`: names the present, of a database that no process has open.

import type { Command } from "commander";
import { showName } from "../commits.js";
import { findDatabase, identityOf } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import type { Action } from "../run.js";
import { withDatabase } from "../writing.js";

export function define(command: Command): Action {
  command
    .description(
      "Names the present, to be gone back to with --mark. For a database that no process has open.",
    )
    .argument("<directory>", "of the database")
    .argument("<name>", "of 1 to 1,024 bytes, that no mark has yet")
    .addHelpText(
      "after",
      examples(
        ["mark ./ledger before-migration", "and then the migration"],
        ["diff ./ledger --mark before-migration", "what it has changed"],
        ["rewind ./ledger --mark before-migration", "the way back"],
      ),
    );
  return async (run, given, name) => {
    const directory = await findDatabase(given);
    const { keys } = await identityOf(directory);
    const offset = await withDatabase(directory, keys, (database) => {
      run.signal.throwIfAborted();
      return database.mark(name);
    });
    if (run.json) await run.out.json({ name, offset });
    else await run.out.line(`marked ${showName(name)} at offset ${offset}`);
    return exitCode.fine;
  };
}
