// What callers give to write: options and batches, checked before anything is encoded.

import { checkBoolean, checkProperties, invalid, invalidArgument, show } from "./arguments.js";
import type { Key } from "./keys.js";

/** Options of one write. */
export interface WriteOptions {
  /** Resolve once on stable storage, whatever the log's durability. */
  readonly sync?: boolean | undefined;
}

/** One operation of a batch. */
export type BatchOperation<V = unknown, K extends Key = string> =
  | { readonly type: "put"; readonly key: K; readonly value: V }
  | { readonly type: "del"; readonly key: K };

/** Whether the write asks for stable storage. */
export function resolveSync(options: WriteOptions | undefined): boolean {
  if (options === undefined) return false;
  checkProperties("options", options, ["sync"]);
  return options.sync === undefined ? false : checkBoolean("sync", options.sync);
}

/** The operations as they are at the call, each read once: encoding them runs getters, which may change the array. */
export function takeBatch<V, K extends Key>(
  operations: readonly BatchOperation<V, K>[],
): readonly BatchOperation<V, K>[] {
  if (!Array.isArray(operations)) throw invalid("operations", "an array", operations);
  return Array.from(operations, (operation, i) => takeOperation(`operations[${i}]`, operation));
}

function takeOperation<V, K extends Key>(
  name: string,
  operation: BatchOperation<V, K>,
): BatchOperation<V, K> {
  checkProperties(name, operation, ["type", "key", "value"]);
  const { type, key } = operation;
  if (type === "del") return { type, key };
  if (type !== "put") {
    throw invalidArgument(`${name}.type has to be "put" or "del", not ${show(type)}`);
  }
  if (!("value" in operation)) throw invalidArgument(`${name} has no value`);
  return { type, key, value: operation.value };
}
