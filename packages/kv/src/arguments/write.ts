// What callers give to write: options and batches, checked before anything is encoded.

import {
  checkBoolean,
  checkInteger,
  checkProperties,
  hasOnly,
  invalid,
  invalidArgument,
} from "./arguments.js";
import type { Key } from "./keys.js";
import { BOUNDS, type KeyBounds } from "./range.js";

/** Options of one write. */
export interface WriteOptions {
  /** Resolve once on stable storage, whatever the log's durability. */
  readonly sync?: boolean | undefined;
}

/** Options of `del`. */
export interface DelOptions extends WriteOptions {
  /**
   * Write only if the key has this version, which is the offset of the commit that wrote its entry (see `getEntry`);
   * null: only if there is no such key. Any other is refused with `KV_CONFLICT`. Undefined is not allowed: it is what
   * a forgotten version looks like.
   */
  readonly ifVersion?: number | null;
}

/** Options of a put, in a transaction too. */
export interface ExpiryOptions {
  /** Whole ms, 1 to 2^52, after which the key counts as gone; default never. */
  readonly ttl?: number | undefined;
}

/** Options of `put`. */
export interface PutOptions extends DelOptions, ExpiryOptions {}

/** One operation of a batch. */
export type BatchOperation<V = unknown, K extends Key = string> =
  | ({ readonly type: "put"; readonly key: K; readonly value: V } & ExpiryOptions)
  | Deletion<K>
  | Clearing<K>;

/** Deletes a key; no error where there is none. */
export interface Deletion<K extends Key> {
  readonly type: "del";
  readonly key: K;
}

/** Deletes all keys within bounds; without any, all. */
export type Clearing<K extends Key> = { readonly type: "clear" } & KeyBounds<K>;

/** The version that a key has to have; null for none, undefined for any. */
export type Condition = number | null | undefined;

export interface ResolvedWrite {
  readonly sync: boolean;
  readonly condition: Condition;
  /** ms from now on; undefined for ever. */
  readonly ttl: number | undefined;
}

/** Added to any time that a clock of ours gives, it is one that the format holds. */
export const TTL_MAX = 2 ** 52;

const unconditional: ResolvedWrite = { sync: false, condition: undefined, ttl: undefined };

export function resolvePut(options: PutOptions | undefined): ResolvedWrite {
  return resolveWrite(options, ["sync", "ifVersion", "ttl"]);
}

export function resolveDel(options: DelOptions | undefined): ResolvedWrite {
  return resolveWrite(options, ["sync", "ifVersion"]);
}

/** Whether the write asks for stable storage. */
export function resolveSync(options: WriteOptions | undefined): boolean {
  return resolveWrite(options, ["sync"]).sync;
}

function resolveWrite(options: PutOptions | undefined, known: readonly string[]): ResolvedWrite {
  if (options === undefined) return unconditional;
  checkProperties("options", options, known);
  const { sync, ttl } = options;
  return {
    sync: sync === undefined ? false : checkBoolean("sync", sync),
    condition: "ifVersion" in options ? checkVersion(options.ifVersion) : undefined,
    ttl: checkTtl("ttl", ttl),
  };
}

function checkVersion(given: unknown): number | null {
  if (given === null) return null;
  if (Number.isSafeInteger(given) && Number(given) >= 0) return Number(given);
  throw invalid("ifVersion", "the version of an entry, or null for no entry", given);
}

function checkTtl(name: string, given: unknown): number | undefined {
  return given === undefined ? undefined : checkInteger(name, given, 1, TTL_MAX);
}

/** The ttl of a put in a transaction. */
export function resolveTtl(options: ExpiryOptions | undefined): number | undefined {
  if (options === undefined) return undefined;
  checkProperties("options", options, ["ttl"]);
  return checkTtl("ttl", options.ttl);
}

/** The operations as they are at the call, each read once: encoding them runs getters, which may change the array. */
export function takeBatch<V, K extends Key>(
  operations: readonly BatchOperation<V, K>[],
): readonly BatchOperation<V, K>[] {
  if (!Array.isArray(operations)) throw invalid("operations", "an array", operations);
  return Array.from(operations, (operation, index) => takeOperation(operation, index));
}

const PROPERTIES = {
  put: ["type", "key", "value", "ttl"],
  del: ["type", "key"],
  clear: ["type", ...BOUNDS],
};

const ALL_PROPERTIES = [...PROPERTIES.put, ...BOUNDS];

function takeOperation<V, K extends Key>(
  operation: BatchOperation<V, K>,
  index: number,
): BatchOperation<V, K> {
  checkOperation(index, operation, ALL_PROPERTIES);
  const { type } = operation;
  if (type !== "put" && type !== "del" && type !== "clear") {
    throw invalid(`${nameOf(index)}.type`, '"put", "del" or "clear"', type);
  }
  checkOperation(index, operation, PROPERTIES[type]);
  if (type === "del") return { type, key: (operation as Deletion<K>).key };
  if (type === "clear") {
    const { gt, gte, lt, lte, prefix } = operation as Clearing<K>;
    return { type, gt, gte, lt, lte, prefix };
  }
  if (!("value" in operation)) throw invalidArgument(`${nameOf(index)} has no value`);
  const { key, value, ttl } = operation;
  if (ttl === undefined) return { type, key, value, ttl };
  return { type, key, value, ttl: checkTtl(`${nameOf(index)}.ttl`, ttl) };
}

/** In words, which cost more than all that is checked: only for messages. */
function nameOf(index: number): string {
  return `operations[${index}]`;
}

function checkOperation(index: number, operation: unknown, known: readonly string[]): void {
  if (!hasOnly(operation, known)) checkProperties(nameOf(index), operation, known);
}
