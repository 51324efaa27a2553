// `tidemark rewind`: one commit that makes the present what it was, of a database that no process has open.

import type { Command } from "commander";
import { findDatabase, identityOf } from "../directory.js";
import { examples } from "../examples.js";
import { Ended, exitCode } from "../exit-codes.js";
import { printFacts } from "../facts.js";
import { StoppedError, UsageError } from "../failure.js";
import { addKeyFormat } from "../key-notation.js";
import { changesOfRewind } from "../rewinding.js";
import type { Action, Run } from "../run.js";
import { shellWord } from "../shell-word.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { withDatabase } from "../writing.js";
import { printDifference } from "./diff.js";

export function define(command: Command): Action {
  const keyFormat = addKeyFormat(command);
  const targets = addTargets(command);
  command
    .description(
      "Makes the present what it was at a target, in one commit, which another rewind undoes; no history is removed. For a database that no process has open.",
    )
    .argument("<directory>", "of the database")
    .option("--dry-run", "only say what would change, key by key; beside a live writer too")
    .addHelpText("after", TARGET_HELP)
    .addHelpText(
      "after",
      examples(
        ["rewind ./ledger --mark before-import --dry-run", "what that would change"],
        ["rewind ./ledger --mark before-import", "do it"],
        ["restore ./ledger ./then --mark before-import", "not here, but in a new database"],
      ),
    );
  return async (run, given) => {
    const { dryRun = false } = command.opts<{ dryRun?: boolean }>();
    const target = targets.one();
    if (target === undefined) throw new UsageError("say to what: --offset, --time or --mark");
    const directory = await findDatabase(given);
    if (dryRun) {
      run.progress.start("reading the database");
      const changes = await changesOfRewind(run, directory, target);
      run.progress.clear();
      for (const change of changes) await printDifference(run, change, keyFormat());
      return exitCode.fine;
    }
    const { keys } = await identityOf(directory);
    const done = await withDatabase(directory, keys, async (database) => {
      run.progress.start("rewinding");
      const before = database.endOffset - 1;
      return { before, offset: await orNothing(database.rewind(target, { signal: run.signal })) };
    });
    run.progress.clear();
    await show(run, given, done);
    return exitCode.fine;
  };
}

/** Says so if Ctrl-C has ended it. */
async function orNothing(rewound: Promise<number>): Promise<number> {
  try {
    return await rewound;
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    throw new StoppedError(error, "nothing was changed", "run the command again to do it");
  }
}

interface Rewound {
  /** The last commit before, to which another rewind goes back. */
  readonly before: number;
  /** The commit that was made; `before` if there was nothing to change. */
  readonly offset: number;
}

async function show(run: Run, given: string, { before, offset }: Rewound): Promise<void> {
  const changed = offset > before;
  if (run.signal.aborted && changed) {
    // What came too late to stop it must not leave anyone in doubt.
    throw new StoppedError(run.signal.reason, `it was done before, in commit ${offset}`);
  }
  if (run.json) return await run.out.json({ changed, offset, before });
  if (!changed) return await run.out.line("nothing differs: nothing was changed");
  await printFacts(run, [
    ["rewound", `in commit ${offset}`],
    ["to undo it", `tidemark rewind ${shellWord(given)} --offset ${before}`],
  ]);
}
