// `tidemark marks`: the named points of a database.

import { nodeFileSystem } from "@tidemark/wal";
import type { Command } from "commander";
import { fold } from "../../fold/fold.js";
import { listSnapshots } from "../../formats/layout.js";
import { OPENING_SLICE_MS, Pace } from "../../pace.js";
import { readExisting } from "../../past/existing.js";
import { firstReachable } from "../../past/reach.js";
import { listMarks } from "../../writing/marks.js";
import { showName } from "../commits.js";
import { findDatabase } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import type { Action } from "../run.js";
import { showTime } from "../times.js";

export function define(command: Command): Action {
  command
    .description("Lists the marks of a database, in the order of their offsets.")
    .argument("<directory>", "of the database")
    .addHelpText(
      "after",
      examples(
        ["marks ./ledger", "offset, time and name of each"],
        ["marks ./ledger --json | jq -r .name", "a line of JSON for each mark"],
      ),
    );
  return async (run, given) => {
    const directory = await findDatabase(given);
    const pace = new Pace(run.signal, OPENING_SLICE_MS);
    run.progress.start("reading the database");
    const onCommits = (done: number, total: number) => run.progress.update("commits", done, total);
    const environment = { fileSystem: nodeFileSystem, clock: Date.now, pace };
    const found = await readExisting(
      directory,
      undefined,
      environment,
      async (source, { offset }) => {
        const { result } = await fold(source, offset + 1, { pace, onCommits }, async (folding) => {
          for await (const _ of folding.batches()) void _;
          return folding.marks();
        });
        const files = await listSnapshots(source.fileSystem, source.snapshots);
        return { marks: listMarks(result), first: firstReachable(source, files) };
      },
    );
    run.progress.clear();
    for (const { name, offset, time } of found.marks) {
      const reachable = found.first !== undefined && offset >= found.first;
      if (run.json) await run.out.json({ name, offset, time, reachable });
      else {
        const where = run.style("dim", `${offset}  ${showTime(time)}`);
        const note = reachable ? "" : run.style("yellow", "  (before what can be reached)");
        await run.out.line(`${where}  ${showName(name)}${note}`);
      }
    }
    return exitCode.fine;
  };
}
