// What a database holds according to the model: under each key all that can be seen of it, and the marks.

import type { ChangeOperation, Reading } from "@tidemark/kv";
import { valueText } from "./program.js";

/** What can be seen, in key order, as text: of each value which one it is, its length, version, time and expiry. */
export type Contents = string;

/** What is under a key, expired or not. */
export interface Held {
  /** Which value it is, and its length. */
  readonly tag: string;
  /** Offset of the commit that put it. */
  readonly version: number;
  /** Of that commit, in ms. */
  readonly time: number;
  /** In ms; undefined for never. */
  readonly expiry: number | undefined;
}

/** What is under each key after a commit. */
export type State = ReadonlyMap<string, Held>;

export const NOTHING: State = new Map();

/** One operation of a commit. */
export type Operation =
  | {
      readonly type: "put";
      readonly key: string;
      readonly tag: string;
      readonly expiry: number | undefined;
    }
  | { readonly type: "del"; readonly key: string }
  | { readonly type: "clear"; readonly gte: string; readonly lt: string }
  | { readonly type: "mark"; readonly name: string };

/** What the operations of a commit make of a state. */
export function applied(
  state: State,
  operations: readonly Operation[],
  version: number,
  time: number,
): State {
  const held = new Map(state);
  for (const operation of operations) {
    if (operation.type === "put") {
      const { key, tag, expiry } = operation;
      held.set(key, { tag, version, time, expiry });
    } else if (operation.type === "del") held.delete(operation.key);
    else if (operation.type === "clear") {
      const { gte, lt } = operation;
      for (const key of held.keys()) if (key >= gte && key < lt) held.delete(key);
    }
  }
  return held;
}

/** What a transaction writes of its operations: of those on one key the last, up to the next range that it clears. */
export function lastOfEach(operations: readonly Operation[]): Operation[] {
  const written: Operation[] = [];
  let places = new Map<string, number>();
  for (const operation of operations) {
    if (operation.type === "clear") places = new Map();
    const place = "key" in operation ? places.get(operation.key) : undefined;
    if ("key" in operation && place === undefined) places.set(operation.key, written.length);
    written[place ?? written.length] = operation;
  }
  return written;
}

/** What a commit at a time has to do to one state so that what can be seen then is that of another, in key order. */
export function undoing(state: State, wanted: State, now: number): Operation[] {
  const [has, had] = [visible(state, now), visible(wanted, now)];
  const operations: Operation[] = [];
  for (const key of [...new Set([...has.keys(), ...had.keys()])].sort()) {
    const [one, other] = [has.get(key), had.get(key)];
    if (other === undefined) operations.push({ type: "del", key });
    else if (one?.tag !== other.tag || one.expiry !== other.expiry) {
      operations.push({ type: "put", key, tag: other.tag, expiry: other.expiry });
    }
  }
  return operations;
}

/** What has not expired at a time (ms). */
export function visible(state: State, now: number): State {
  return new Map([...state].filter(([, held]) => !hasExpired(held, now)));
}

export function hasExpired({ expiry }: Held, now: number): boolean {
  return expiry !== undefined && expiry <= now;
}

/** A state as it is seen at a time (ms). */
export function textOf(state: State, now: number): Contents {
  const seen = visible(state, now);
  const keys = [...seen.keys()].sort();
  return keys.map((key) => entryText(key, seen.get(key))).join(", ");
}

function entryText(key: string, held: Held | undefined): string {
  if (held === undefined) return `${key} has no entry`;
  const { tag, version, time, expiry } = held;
  const until = expiry === undefined ? "" : ` until ${expiry}`;
  return `${key}=${tag} by ${version} at ${time}${until}`;
}

/** What is seen. */
export function contentsOf(reading: Reading<unknown, string>): Contents {
  const parts: string[] = [];
  let last: string | undefined;
  for (const [key, value] of reading.entries()) {
    if (last !== undefined && last >= key) parts.push("out of order:");
    const entry = reading.getEntry(key);
    parts.push(entryText(key, entry && { ...entry, tag: tagOf(value) }));
    last = key;
  }
  if (reading.size !== parts.length) parts.push(`of ${reading.size}`);
  return parts.join(", ");
}

/** Which value it is, and its length. */
export function tagOf(value: unknown): string {
  const text = String(value);
  const serial = Number.parseInt(text, 10);
  return text === valueText(serial, text.length)
    ? `${serial}:${text.length}`
    : `not a value: ${text}`;
}

/** Marks in the order of their offsets. */
export function marksText(marks: Iterable<{ name: string; offset: number; time: number }>): string {
  return Array.from(marks, ({ name, offset, time }) => `${name} by ${offset} at ${time}`).join();
}

/** An operation as the feed shows it. */
export function shownOperation(operation: ChangeOperation): Operation {
  switch (operation.type) {
    case "put": {
      const { key, value, expiry } = operation;
      return { type: "put", key, tag: tagOf(value), expiry };
    }
    case "clear":
      return { type: "clear", gte: operation.gte ?? "", lt: operation.lt ?? "" };
    default:
      return operation;
  }
}

export function operationText(operation: Operation): string {
  switch (operation.type) {
    case "put":
      return `${operation.key}=${operation.tag} until ${operation.expiry}`;
    case "del":
      return `no ${operation.key}`;
    case "clear":
      // A range that ends before it begins holds nothing.
      return operation.gte < operation.lt
        ? `none from ${operation.gte} to ${operation.lt}`
        : "none";
    case "mark":
      return `mark ${operation.name}`;
  }
}
