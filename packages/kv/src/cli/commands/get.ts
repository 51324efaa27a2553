// `tidemark get`: what one key has, now or at a target.

import type { Command } from "commander";
import { examples } from "../examples.js";
import { exitCode } from "../exit-codes.js";
import { NotFoundError, UsageError } from "../failure.js";
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
    .option("--raw", "the text or the bytes of the value as they are, and nothing else")
    .addHelpText("after", TARGET_HELP)
    .addHelpText("after", KEY_HELP)
    .addHelpText(
      "after",
      examples(
        ["get ./ledger balance", "the value now"],
        ["get ./ledger balance --mark before-migration", "what it was before that mark"],
        ["get ./ledger logo --raw > logo.png", "a value of bytes, or text, into a file"],
        ["get ./ledger balance --json", "with the offset of the commit that wrote it, and when"],
      ),
    );
  return async (run, directory, text) => {
    const { raw = false } = command.opts<{ raw?: boolean }>();
    if (raw && run.json) throw new UsageError("--raw and --json are two ways to print a value");
    const state = await readState(directory, targets.one(), run);
    if (raw) await run.out.raw(bytesOf(findEntry(state, text, keyFormat()).value));
    else await printEntry(run, state, text, keyFormat());
    return exitCode.fine;
  };
}

/** Prints what a key has in a state. Throws NotFoundError. */
export async function printEntry(
  run: Run,
  state: ReadState,
  text: string,
  format: KeyFormat,
): Promise<void> {
  const { value, version, time, expiry, key } = findEntry(state, text, format);
  const shown = toNotation(value);
  if (!run.json) return await run.out.json(shown);
  await run.out.json({ key: keyToJson(key), value: shown, version, time, expiry });
}

function findEntry({ view, keys }: ReadState, text: string, format: KeyFormat) {
  const key = readKey(text, format, keys);
  const entry = view.getEntry(key);
  if (entry !== undefined) return { key, ...entry };
  throw new NotFoundError(`there is no key ${showKey(key, format)} at offset ${view.offset}`);
}

/** The bytes of a value that is some, or a text. Throws UsageError. */
function bytesOf(value: unknown): Uint8Array {
  if (typeof value === "string") {
    if (!/\p{Surrogate}/u.test(value)) return Buffer.from(value, "utf8");
    throw new UsageError(
      "this text has half a character, which UTF-8 cannot hold: see it without --raw",
    );
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  throw new UsageError("this value is no text and no bytes: without --raw it is printed as JSON");
}
