// The lines of an export: JSON, one line for the export itself, one for each entry in key order, and one that says it is
// whole. Documented in docs/exports.md. Pure: knows nothing of files.

import type { Key, KeyKind } from "../arguments/keys.js";
import { BadInputError } from "./failure.js";
import { escapeUnsafe } from "./printable.js";
import { fromNotation, NotationError, toNotation } from "./value-notation.js";

const FORMAT = 1;

/** What the first line says. */
export interface ExportHead {
  readonly keys: KeyKind;
  readonly logId: string;
  /** The last commit of the state. */
  readonly offset: number;
  /** As of which keys have expired, in ms since the Unix epoch. */
  readonly time: number;
}

/** What the line of an entry says. */
export interface ExportEntry {
  readonly key: Key;
  readonly value: unknown;
  /** ms since the Unix epoch from which on the key counts as gone; undefined for never. */
  readonly expiry: number | undefined;
}

export type ExportLine =
  | { readonly kind: "head"; readonly head: ExportHead }
  | { readonly kind: "entry"; readonly entry: ExportEntry }
  | { readonly kind: "end"; readonly entries: number };

/** Each is one line, with its end. */
export function headLine({ keys, logId, offset, time }: ExportHead): string {
  return line({ tidemark: "export", format: FORMAT, keys, logId, offset, time });
}

export function entryLine({ key, value, expiry }: ExportEntry): string {
  return line({ key: toNotation(key), value: toNotation(value), expiry });
}

export function endLine(entries: number): string {
  return line({ tidemark: "end", entries });
}

function line(json: object): string {
  return `${escapeUnsafe(JSON.stringify(json))}\n`;
}

/** Properties that a line of `range --json` has besides, which say nothing to whoever reads it in. */
const ENTRY = ["key", "value", "expiry", "version", "time"];

/** What the JSON of a line says. Throws BadInputError, whose message names the property at fault first. */
export function readLine(json: unknown): ExportLine {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new BadInputError("a line is an object with key and value");
  }
  const fields: Readonly<Record<string, unknown>> = { ...json };
  if (fields["tidemark"] === "export") return { kind: "head", head: readHead(fields) };
  if (fields["tidemark"] === "end") return { kind: "end", entries: count(fields, "entries") };
  const unknown = Object.keys(fields).find((name) => !ENTRY.includes(name));
  if (unknown !== undefined) throw new BadInputError(`${unknown}: an entry has no such property`);
  return { kind: "entry", entry: readEntry(fields) };
}

function readHead(fields: Readonly<Record<string, unknown>>): ExportHead {
  const { format, keys, logId } = fields;
  if (format !== FORMAT) {
    throw new BadInputError(`format: this program reads exports of format ${FORMAT}`);
  }
  if (keys !== "string" && keys !== "bytes") {
    throw new BadInputError('keys: it has to be "string" or "bytes"');
  }
  if (typeof logId !== "string") throw new BadInputError("logId: it has to be a string");
  // Of a database without a commit it is -1.
  const offset = count(fields, "offset", -1);
  return { keys, logId, offset, time: count(fields, "time") };
}

function readEntry(fields: Readonly<Record<string, unknown>>): ExportEntry {
  for (const name of ["key", "value"]) {
    if (!Object.hasOwn(fields, name)) throw new BadInputError(`${name}: it is missing`);
  }
  const key = valueFrom("key", fields["key"]);
  if (typeof key !== "string" && !(key instanceof Uint8Array)) {
    throw new BadInputError('key: it has to be a string or {"$bytes": "…"}');
  }
  const expiry = Object.hasOwn(fields, "expiry") ? count(fields, "expiry") : undefined;
  return { key, value: valueFrom("value", fields["value"]), expiry };
}

function valueFrom(name: string, json: unknown): unknown {
  try {
    return fromNotation(json);
  } catch (error) {
    if (error instanceof NotationError) throw new BadInputError(`${name}: ${error.message}`);
    // The notation is read by recursion.
    if (error instanceof RangeError) throw new BadInputError(`${name}: it is nested too deeply`);
    throw error;
  }
}

function count(fields: Readonly<Record<string, unknown>>, name: string, min = 0): number {
  const given = fields[name];
  if (Number.isSafeInteger(given) && Number(given) >= min) return Number(given);
  throw new BadInputError(`${name}: it has to be a whole number`);
}
