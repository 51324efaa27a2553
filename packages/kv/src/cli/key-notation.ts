// Keys on the command line and in what it prints. As text, a key is what it says and nothing else, so that scripts
// can pass any; as JSON or hex, all keys can be written. Documented in docs/cli.md, "Keys".

import { type Command, Option } from "commander";
import type { Key, KeyKind } from "../arguments/keys.js";
import type { KeyBounds, Range } from "../arguments/range.js";
import { UsageError } from "./failure.js";
import { isSafe } from "./printable.js";
import { fromNotation, type Json, NotationError, toNotation } from "./value-notation.js";

const FORMATS = ["text", "json", "hex"] as const;

export type KeyFormat = (typeof FORMATS)[number];

export const KEY_HELP = `
A key is given as text, which for keys of bytes is its UTF-8. With --key-format json it is a JSON string, or bytes as
{"$bytes": "<base64>"}, as --json prints them; with --key-format hex it is the digits of its bytes.`;

/** Lets a command take keys; all of them are written alike. */
export function addKeyFormat(command: Command): () => KeyFormat {
  const option = new Option("--key-format <format>", "how keys are written").choices(FORMATS);
  command.addOption(option.default("text"));
  return () => command.opts<{ keyFormat: KeyFormat }>().keyFormat;
}

/** A key of a database of this kind. Throws UsageError. */
export function readKey(text: string, format: KeyFormat, kind: KeyKind): Key {
  const key = read(text, format);
  if (kind === "bytes") return typeof key === "string" ? Buffer.from(key, "utf8") : key;
  if (typeof key === "string") return key;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(key);
  } catch {
    throw new UsageError("the keys of this database are strings, and these bytes are no UTF-8");
  }
}

function read(text: string, format: KeyFormat): Key {
  if (format === "text") return text;
  if (format === "hex") {
    if (/^([0-9a-f]{2})*$/i.test(text)) return Buffer.from(text, "hex");
    throw new UsageError(`a key in hex has two digits for each byte, not ${JSON.stringify(text)}`);
  }
  const key = parse(text);
  if (typeof key === "string" || key instanceof Uint8Array) return key;
  throw new UsageError(`a key in JSON is a string or {"$bytes": "…"}, not ${text}`);
}

function parse(text: string): unknown {
  try {
    return fromNotation(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof NotationError)) throw error;
    throw new UsageError(
      `${JSON.stringify(text)} is no key in JSON (is it quoted for the shell?): ${error.message}`,
    );
  }
}

/** For JSON. */
export function keyToJson(key: Key): Json {
  return toNotation(key);
}

/** For a line of text: plain where that can be mistaken for nothing else, or else as JSON. */
export function showKey(key: Key, format: KeyFormat): string {
  if (format === "hex") return Buffer.from(key as string).toString("hex");
  const text = format === "json" ? undefined : plainText(key);
  return text ?? JSON.stringify(toNotation(key));
}

const PLAIN = /^[^"{\s][^\s]*$/;

function plainText(key: Key): string | undefined {
  const text = typeof key === "string" ? key : utf8(key);
  return text !== undefined && PLAIN.test(text) && isSafe(text) ? text : undefined;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Lets a command take a range of keys. */
export function addRange(command: Command): (format: KeyFormat, kind: KeyKind) => Range<Key> {
  command
    .option("--gt <key>", "only keys above this one")
    .option("--gte <key>", "only this key and those above")
    .option("--lt <key>", "only keys below this one")
    .option("--lte <key>", "only this key and those below")
    .option("--prefix <key>", "only keys that begin with this")
    .option("--reverse", "from the last to the first")
    .addOption(new Option("--limit <n>", "entries at most").argParser(readCount));
  return (format, kind) => {
    const { reverse, limit, ...given } = command.opts<GivenRange>();
    const bounds: { -readonly [name in keyof KeyBounds<Key>]: Key } = {};
    for (const name of ["gt", "gte", "lt", "lte", "prefix"] as const) {
      const text = given[name];
      if (text !== undefined) bounds[name] = readKey(text, format, kind);
    }
    return { ...bounds, reverse, limit };
  };
}

interface GivenRange extends KeyBounds<string> {
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** For options that are a count. Throws UsageError. */
export function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new UsageError(`a count is a whole number, not ${JSON.stringify(text)}`);
}
