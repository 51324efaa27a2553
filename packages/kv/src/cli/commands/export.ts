// `tidemark export`: all entries of a state as lines of JSON, to standard output or to a file.

import { nodeFileSystem } from "@tidemark/wal";
import type { Command } from "commander";
import type { Target } from "../../arguments/target.js";
import { showBytes, showNumber } from "../amounts.js";
import { findDatabase } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { ExportFile } from "../export-file.js";
import { endLine, entryLine, headLine } from "../export-format.js";
import { exportState, type Sink } from "../exporting.js";
import { printFacts } from "../facts.js";
import { StoppedError, UsageError } from "../failure.js";
import type { Action, Run } from "../run.js";
import { addTargets, TARGET_HELP } from "../targets.js";
import { showTime } from "../times.js";

interface Given {
  readonly output?: string;
  readonly resume?: boolean;
  readonly force?: boolean;
}

const HELP = `
The first line says what it is of, the last that it is whole; between them is an entry a line, {"key": …, "value": …} and "expiry" in ms
since the Unix epoch where there is one. Values have no form of their own in JSON where they need one, such as
{"$date": "2026-01-31T10:00:00.000Z"}. With --output, the file has its name once it is whole and on stable storage;
until then it is FILE.unfinished, with which --resume goes on.`;

export function define(command: Command): Action {
  const targets = addTargets(command);
  command
    .description("Prints keys and values as lines of JSON, in the order of keys, without loss.")
    .argument("<directory>", "of the database")
    .option("-o, --output <file>", "write to this file, which is not there or whole")
    .option("--resume", "go on with the file where an export was cut off, if it was")
    .option("--force", "replace a file that is there, once the new one is whole")
    .addHelpText("after", HELP)
    .addHelpText("after", TARGET_HELP)
    .addHelpText(
      "after",
      examples(
        ["export ./ledger --output ledger.jsonl", "all that there is now"],
        ["export ./ledger --output ledger.jsonl --resume", "go on after Ctrl-C or a crash"],
        ["export ./ledger --mark before-migration | gzip > then.jsonl.gz", "as it was, packed"],
        ["export ./ledger | tidemark import ./copy --create string", "into another database"],
      ),
    );
  return async (run, given) => {
    const { output, resume = false, force = false } = command.opts<Given>();
    if (output === undefined && (resume || force)) {
      throw new UsageError("--resume and --force are for a file: say which with --output");
    }
    const target = targets.one();
    const directory = await findDatabase(given);
    run.progress.start("exporting");
    if (output === undefined) await toStandardOutput(run, directory, target);
    else await toFile(run, directory, target, { output, resume, force });
    return exitCode.fine;
  };
}

async function toStandardOutput(
  run: Run,
  directory: string,
  target: Target | undefined,
): Promise<void> {
  let entries = 0;
  const sink: Sink = {
    head: (head) => run.out.text(headLine(head)),
    entry: (entry) => {
      entries += 1;
      return run.out.text(entryLine(entry));
    },
  };
  await exportState(run, directory, target, undefined, sink);
  await run.out.text(endLine(entries));
}

interface ToFile extends Given {
  readonly output: string;
}

async function toFile(
  run: Run,
  directory: string,
  target: Target | undefined,
  { output, resume = false, force = false }: ToFile,
): Promise<void> {
  const resumed = resume ? await ExportFile.resume(nodeFileSystem, output, force) : undefined;
  const file = resumed?.file ?? (await ExportFile.create(nodeFileSystem, output, force));
  const begun = resumed?.begun;
  let entries = begun?.entries ?? 0;
  try {
    const sink: Sink = {
      head: (head) => file.write(headLine(head)),
      entry: (entry) => {
        entries += 1;
        return file.write(entryLine(entry));
      },
    };
    const { offset, time } = await exportState(run, directory, target, begun, sink);
    await file.write(endLine(entries));
    const bytes = await file.publish();
    run.progress.clear();
    await tell(run, {
      file: file.path,
      offset,
      time,
      entries,
      bytes,
      resumedAfter: begun?.entries,
    });
  } catch (error) {
    throw stopped(error, file.path, await file.leave(error));
  }
}

interface Exported {
  readonly file: string;
  readonly offset: number;
  readonly time: number;
  readonly entries: number;
  readonly bytes: number;
  /** Entries that were there from before. */
  readonly resumedAfter: number | undefined;
}

async function tell(run: Run, exported: Exported): Promise<void> {
  if (run.json) return await run.out.json(exported);
  const { file, offset, time, entries, bytes, resumedAfter } = exported;
  await printFacts(run, [
    ["exported to", file],
    ["state at", `offset ${offset}, ${showTime(time)}`],
    ["entries", showNumber(entries)],
    ["there before", resumedAfter === undefined ? undefined : showNumber(resumedAfter)],
    ["size", showBytes(bytes)],
  ]);
}

function stopped(error: unknown, path: string, left: string | undefined): StoppedError {
  if (left === undefined) return new StoppedError(error, `nothing was made at ${path}`);
  const hint = "run the command again with --resume to go on, or remove that file";
  return new StoppedError(error, `what was exported so far is in ${left}`, hint);
}
