// Values as JSON and back, without loss: what JSON has no form for is an object with one property, whose name begins
// with a dollar sign. The same in all that the program prints and reads. Documented in docs/cli.md, "Values".

import { types } from "node:util";
import { Malformed } from "../formats/byte-reader.js";
import { typedBuffer } from "../values/value-buffers.js";
import { errorWith } from "../values/value-decoder.js";
import {
  type BufferKind,
  bufferKinds,
  type ErrorName,
  errorClasses,
} from "../values/value-format.js";

/** What `JSON.stringify` takes as it is. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** Thrown for JSON that stands for no value. */
export class NotationError extends Error {
  override readonly name = "NotationError";
}

/** A value that a database gave. */
export function toNotation(value: unknown): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? "-0" : String(value) };
    case "undefined":
      return { $undefined: true };
    case "bigint":
      return { $bigint: String(value) };
    case "object":
      if (value === null) return null;
      return Array.isArray(value) ? value.map(toNotation) : objectToNotation(value);
    default:
      throw new NotationError(`a ${typeof value} is no value of a database`);
  }
}

function objectToNotation(value: object): Json {
  if (types.isMap(value)) {
    return { $map: Array.from(value, ([key, item]) => [toNotation(key), toNotation(item)]) };
  }
  if (types.isSet(value)) return { $set: Array.from(value, toNotation) };
  if (types.isDate(value)) {
    return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  }
  if (types.isRegExp(value)) return { $regexp: [value.source, value.flags] };
  if (types.isNativeError(value)) return errorToNotation(value);
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) return bufferToNotation(value);
  const properties = propertiesToNotation(value);
  return isTag(properties) ? { $object: properties } : properties;
}

function propertiesToNotation(value: object): { [name: string]: Json } {
  const properties: { [name: string]: Json } = {};
  for (const name of Object.getOwnPropertyNames(value)) {
    define(properties, name, toNotation(Reflect.get(value, name)));
  }
  return properties;
}

function errorToNotation(error: Error): Json {
  const { name } = Object.getPrototypeOf(error).constructor;
  return { $error: [name, propertiesToNotation(error)] };
}

function bufferToNotation(value: ArrayBufferView | ArrayBuffer): Json {
  const bytes = ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value);
  const text = bytes.toString("base64");
  const kind = Object.getPrototypeOf(value).constructor.name;
  return kind === "Uint8Array" ? { $bytes: text } : { $buffer: [kind, text] };
}

/** Whether JSON of this form stands for something else. */
function isTag(value: object): boolean {
  const names = Object.keys(value);
  return names.length === 1 && names[0]?.startsWith("$") === true;
}

/** The value that JSON stands for, made anew. Throws NotationError. */
export function fromNotation(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromNotation);
  if (typeof json !== "object" || json === null) return json;
  return isTag(json) ? untagged(json) : plainObject(json);
}

function plainObject(json: object): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(json)) define(value, name, fromNotation(item));
  return value;
}

function untagged(json: object): unknown {
  const [[tag, body] = ["", undefined]] = Object.entries(json);
  const read = Object.hasOwn(readers, tag) ? readers[tag] : undefined;
  if (read === undefined) {
    throw new NotationError(`there is no ${tag}; an object with that property is {"$object": …}`);
  }
  const value = read(body);
  if (value instanceof Refusal) throw new NotationError(`${tag} needs ${value.needed}`);
  return value;
}

/** What a reader returns for a body that it cannot take. */
class Refusal {
  readonly needed: string;

  constructor(needed: string) {
    this.needed = needed;
  }
}

const readers: Record<string, (body: unknown) => unknown> = {
  $undefined: (body) => (body === true ? undefined : new Refusal("true")),
  $number: readNumber,
  $bigint: (body) =>
    typeof body === "string" && /^-?\d+$/.test(body) ? BigInt(body) : new Refusal("digits"),
  $date: readDate,
  $map: (body) => (isPairs(body) ? new Map(body.map(readPair)) : new Refusal("an array of pairs")),
  $set: (body) => (Array.isArray(body) ? new Set(body.map(fromNotation)) : new Refusal("an array")),
  $bytes: (body) =>
    isBase64(body) ? Uint8Array.from(Buffer.from(body, "base64")) : new Refusal("base64"),
  $buffer: readBuffer,
  $regexp: readRegExp,
  $error: readError,
  $object: (body) =>
    typeof body === "object" && body !== null && !Array.isArray(body)
      ? plainObject(body)
      : new Refusal("an object"),
};

function readNumber(body: unknown): unknown {
  const isKnown = ["NaN", "Infinity", "-Infinity", "-0"].includes(String(body));
  return isKnown ? Number(body) : new Refusal("NaN, Infinity, -Infinity or -0, as a string");
}

function readDate(body: unknown): unknown {
  if (body === null) return new Date(Number.NaN);
  const ms = typeof body === "string" ? Date.parse(body) : Number.NaN;
  return Number.isNaN(ms) ? new Refusal("a date in ISO 8601, or null") : new Date(ms);
}

function isPairs(body: unknown): body is [unknown, unknown][] {
  return Array.isArray(body) && body.every((pair) => Array.isArray(pair) && pair.length === 2);
}

function readPair([key, value]: [unknown, unknown]): [unknown, unknown] {
  return [fromNotation(key), fromNotation(value)];
}

function isBase64(body: unknown): body is string {
  return typeof body === "string" && Buffer.from(body, "base64").toString("base64") === body;
}

function readBuffer(body: unknown): unknown {
  const [kind, text] = Array.isArray(body) ? body : [];
  if (!isBufferKind(kind) || !isBase64(text)) {
    return new Refusal(`one of ${bufferKinds.join(", ")}, and base64`);
  }
  const bytes = Buffer.from(text, "base64");
  try {
    const encoded = Buffer.concat([Buffer.of(bufferKinds.indexOf(kind)), bytes]);
    return typedBuffer(encoded, 0, encoded.length);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return new Refusal(`other than ${bytes.length} bytes`);
  }
}

function isBufferKind(kind: unknown): kind is BufferKind {
  return bufferKinds.some((known) => known === kind);
}

function readRegExp(body: unknown): unknown {
  const [source, flags] = Array.isArray(body) ? body : [];
  try {
    if (typeof source === "string" && typeof flags === "string") return new RegExp(source, flags);
  } catch {
    // What is no regular expression is refused like what is no text.
  }
  return new Refusal("a regular expression's source and flags");
}

function readError(body: unknown): unknown {
  const [name, properties] = Array.isArray(body) ? body : [];
  if (!isErrorName(name) || typeof properties !== "object" || properties === null) {
    return new Refusal("the name of a built-in error and its properties");
  }
  return errorWith(name, plainObject(properties));
}

function isErrorName(name: unknown): name is ErrorName {
  return typeof name === "string" && Object.hasOwn(errorClasses, name);
}

/** Assigning to __proto__ would set the prototype instead. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}
