// `tidemark import`: entries from lines of JSON, in batches that are one commit each.

import { type Command, Option } from "commander";
import { byteKeys, type Key, type KeyKind, stringKeys } from "../../arguments/keys.js";
import { Database } from "../../database.js";
import { databaseError, hasCode } from "../../errors.js";
import { showCount, showNumber } from "../amounts.js";
import { findDatabase, identityOf } from "../directory.js";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { printFacts } from "../facts.js";
import { BadInputError, StoppedError, UsageError } from "../failure.js";
import { HeldClock, type Imported, type Importing, importLines } from "../importing.js";
import { type Input, openInput } from "../lines.js";
import type { Action, Run } from "../run.js";
import { keepingAll } from "../writing.js";

interface Given {
  readonly create?: KeyKind;
  readonly ifEmpty?: boolean;
  readonly mark?: string;
}

const HELP = `
A line is {"key": …, "value": …}, with "expiry" in ms since the Unix epoch where there is one, as export writes it. Up to 1,000 lines
are one commit. A line that is there already writes nothing: an import that was cut off, by a crash too, is gone on with by
running it again. A bad line ends it with nothing of its batch written. Ctrl-C ends it after the batch under way.`;

export function define(command: Command): Action {
  command
    .description("Reads entries in from lines of JSON, from a file or from standard input.")
    .argument("<directory>", "of the database")
    .argument("[file]", "what export has written, or - for standard input", "-")
    .addOption(
      new Option(
        "--create <keys>",
        "make the database if there is none, with keys of this kind",
      ).choices(["string", "bytes"]),
    )
    .option("--if-empty", "only into a database without keys")
    .option("--mark <name>", "set this mark first, to be gone back to with rewind")
    .addHelpText("after", HELP)
    .addHelpText(
      "after",
      examples(
        ["import ./ledger ledger.jsonl --mark before-import", "with a way back"],
        ["import ./copy ledger.jsonl --create string --if-empty", "into a new database"],
        ["import ./copy < ledger.jsonl", "from standard input"],
      ),
    );
  return async (run, directory, path) => {
    const given = command.opts<Given>();
    const input = await openInput(path, run.signal);
    try {
      const imported = await importInto(run, directory, input, given);
      run.progress.clear();
      if (run.json) await run.out.json(imported);
      else await show(run, imported);
      return exitCode.fine;
    } finally {
      await input.close();
    }
  };
}

async function importInto(run: Run, directory: string, input: Input, given: Given) {
  const keys = await kindOf(directory, given);
  const clock = new HeldClock();
  const createIfMissing = given.create !== undefined;
  const options = { ...keepingAll(keys), createIfMissing, log: { clock: clock.now } };
  return keys === "string"
    ? await importAll(
        run,
        input,
        given,
        clock,
        await Database.open(directory, { ...options, keys }),
        asString,
      )
    : await importAll(
        run,
        input,
        given,
        clock,
        await Database.open(directory, { ...options, keys }),
        asBytes,
      );
}

async function kindOf(directory: string, { create }: Given): Promise<KeyKind> {
  try {
    const { keys } = await identityOf(await findDatabase(directory));
    if (create === undefined || create === keys) return keys;
    throw new UsageError(`there is a database here already, whose keys are of the kind ${keys}`);
  } catch (error) {
    if (create === undefined || !hasCode(error, "KV_NOT_FOUND")) throw error;
    return create;
  }
}

function asString(key: Key): string {
  if (typeof key !== "string")
    throw new BadInputError("key: the keys of this database are strings");
  return checked(key, () => stringKeys.encode(key));
}

function asBytes(key: Key): Uint8Array {
  if (typeof key === "string") {
    throw new BadInputError('key: the keys of this database are bytes, written {"$bytes": "…"}');
  }
  return checked(key, () => byteKeys.encode(key));
}

function checked<K extends Key>(key: K, check: () => unknown): K {
  try {
    check();
    return key;
  } catch (error) {
    if (!hasCode(error, "KV_INVALID_KEY")) throw error;
    throw new BadInputError(`key: ${error.message}`);
  }
}

async function importAll<K extends Key>(
  run: Run,
  input: Input,
  { ifEmpty = false, mark }: Given,
  clock: HeldClock,
  database: Database<unknown, K>,
  keyOf: (key: Key) => K,
): Promise<Imported & { readonly offset: number }> {
  const imported: Imported = { lines: 0, written: 0, unchanged: 0, expired: 0, bytes: 0 };
  try {
    if (ifEmpty && database.size > 0) throw notEmpty(database.size);
    if (mark !== undefined) await setMark(database, mark);
    const { signal, progress } = run;
    progress.start("importing");
    const onBatch = ({ bytes }: Imported) => progress.update("bytes", bytes, input.size);
    const importing: Importing<K> = { database, keyOf, clock, signal, onBatch };
    await importLines(importing, input.pieces, imported).catch((error: unknown) => {
      throw stopped(error, imported);
    });
  } catch (error) {
    // Why it failed matters more than that closing did too.
    await database.close().catch(() => undefined);
    throw error;
  }
  const offset = database.endOffset - 1;
  await database.close();
  return { ...imported, offset };
}

function notEmpty(size: number): UsageError {
  return new UsageError(`the database has ${showCount(size, "keys")}, and --if-empty was given`);
}

async function setMark<K extends Key>(database: Database<unknown, K>, name: string): Promise<void> {
  try {
    await database.mark(name);
  } catch (error) {
    if (!hasCode(error, "KV_MARK_EXISTS")) throw error;
    const hint = "if an earlier run of this import has set it, leave out --mark to go on";
    throw new StoppedError(error, "nothing was imported", hint);
  }
}

function stopped(error: unknown, { lines, written, bytes: _, ...others }: Imported): StoppedError {
  const stands =
    lines === 0
      ? "nothing was imported"
      : `committed: lines 1 to ${lines} (${showCount(written, "entries")} written)`;
  const known = databaseError(error);
  const isBad = known instanceof BadInputError;
  const hint = `${isBad ? "mend it and run" : "run"} the command again to go on: what is there already is passed over`;
  const first = hasCode(known, "KV_NO_SPACE") ? "free some space and " : "";
  return new StoppedError(known, stands, first + hint, { lines, written, ...others });
}

async function show(run: Run, imported: Imported & { readonly offset: number }): Promise<void> {
  const { lines, written, unchanged, expired, offset } = imported;
  await printFacts(run, [
    ["lines", showNumber(lines)],
    ["written", showCount(written, "entries")],
    ["there already", unchanged === 0 ? undefined : showCount(unchanged, "entries")],
    ["expired", expired === 0 ? undefined : showCount(expired, "entries")],
    ["last commit", `offset ${offset}`],
  ]);
}
