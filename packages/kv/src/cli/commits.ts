// Commits, as they are printed: one line for each operation, or one line of JSON for each commit.

import type { Key } from "../arguments/keys.js";
import type { Change, ChangeOperation } from "../past/changes.js";
import { type KeyFormat, keyToJson, showKey } from "./key-notation.js";
import { escapeUnsafe } from "./printable.js";
import type { Run } from "./run.js";
import { showTime } from "./times.js";
import { type Json, toNotation } from "./value-notation.js";

export async function printCommit(
  run: Run,
  { offset, time, operations }: Omit<Change<unknown, Key>, "logId">,
  format: KeyFormat,
): Promise<void> {
  if (run.json) {
    return await run.out.json({ offset, time, operations: operations.map(operationToJson) });
  }
  const where = run.style("dim", `${offset}  ${showTime(time)}`);
  for (const operation of operations) {
    await run.out.line(`${where}  ${showOperation(operation, format)}`);
  }
  if (operations.length === 0) await run.out.line(`${where}  nothing`);
}

function operationToJson(operation: ChangeOperation<unknown, Key>): Json {
  switch (operation.type) {
    case "put": {
      const { key, value, expiry } = operation;
      const put = { type: "put", key: keyToJson(key), value: toNotation(value) };
      return expiry === undefined ? put : { ...put, expiry };
    }
    case "del":
      return { type: "del", key: keyToJson(operation.key) };
    case "clear": {
      const { gte, lt } = operation;
      return { type: "clear", ...bound("gte", gte), ...bound("lt", lt) };
    }
    case "mark":
      return { type: "mark", name: operation.name };
  }
}

function bound(name: "gte" | "lt", key: Key | undefined) {
  return key === undefined ? {} : { [name]: keyToJson(key) };
}

function showOperation(operation: ChangeOperation<unknown, Key>, format: KeyFormat): string {
  switch (operation.type) {
    case "put":
      return `put ${showPair(operation.key, operation.value, operation.expiry, format)}`;
    case "del":
      return `del ${showKey(operation.key, format)}`;
    case "clear": {
      const { gte, lt } = operation;
      const from = gte === undefined ? "" : ` from ${showKey(gte, format)}`;
      const to = lt === undefined ? "" : ` to below ${showKey(lt, format)}`;
      return from + to === "" ? "clear all" : `clear${from}${to}`;
    }
    case "mark":
      return `mark ${showName(operation.name)}`;
  }
}

/** The name of a mark: as it is, or as JSON where it could be mistaken. */
export function showName(name: string): string {
  return showKey(name, "text");
}

/** "key = value", with its expiry if it has one. */
export function showPair(
  key: Key,
  value: unknown,
  expiry: number | undefined,
  format: KeyFormat,
): string {
  return `${showKey(key, format)} = ${showValue(value)}${showExpiry(expiry)}`;
}

/** A value in one line. */
export function showValue(value: unknown): string {
  return escapeUnsafe(JSON.stringify(toNotation(value)));
}

export function showExpiry(expiry: number | undefined): string {
  return expiry === undefined ? "" : `  (until ${showTime(expiry)})`;
}
