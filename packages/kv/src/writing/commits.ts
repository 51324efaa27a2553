// Writing: from what callers give to commits of the present.

import { types } from "node:util";
import { invalid, invalidArgument, show } from "../arguments/arguments.js";
import type { Key, KeyCodec } from "../arguments/keys.js";
import { deletionOf, intervalOf, type KeyBounds, resolveBounds } from "../arguments/range.js";
import {
  type BatchOperation,
  type Condition,
  type DelOptions,
  type ExpiryOptions,
  type PutOptions,
  resolveDel,
  resolvePut,
  resolveSync,
  takeBatch,
  type WriteOptions,
} from "../arguments/write.js";
import { DatabaseError } from "../errors.js";
import { isMarkName } from "../formats/mark-name.js";
import {
  CommitWriter,
  type EncodedPut,
  type StateOperation,
  type WrittenOperation,
} from "../formats/operations.js";
import type { Mark } from "../state/entry.js";
import type { Present } from "../state/present.js";
import type { ReadPoint } from "../state/reading.js";
import { type Before, undoing } from "./rewind.js";
import {
  type Immediate,
  Transaction,
  type TransactionOutcome,
  type TransactionScope,
} from "./transaction.js";
import { TransactionWrites } from "./transaction-writes.js";

export class Commits<V, K extends Key> {
  readonly #point: ReadPoint<K>;
  readonly #present: Present;
  /** Missing while a commit is built with it: a getter in a value may write too. */
  #writer: CommitWriter | undefined;
  #inTransaction = false;

  /** `point` reads the present. */
  constructor(point: ReadPoint<K>, present: Present) {
    this.#point = point;
    this.#present = present;
  }

  put(key: K, value: V, options: PutOptions | undefined): Promise<number> {
    this.#refuseInTransaction();
    const { sync, condition, ttl } = resolvePut(options);
    const { keys, clock } = this.#point;
    const stored = keys.encode(key);
    const expiry = ttl === undefined ? undefined : clock() + ttl;
    return this.#commit(sync, (writer) => {
      writer.begin(1);
      const operation = writer.put(stored, value, expiry);
      // Encoding runs getters, which may write: looked at only now.
      this.#check(stored, condition);
      return [operation];
    });
  }

  del(key: K, options: DelOptions | undefined): Promise<number> {
    this.#refuseInTransaction();
    const { sync, condition } = resolveDel(options);
    const stored = this.#point.keys.encode(key);
    this.#check(stored, condition);
    return this.#commit(sync, (writer) => {
      writer.begin(1);
      return [writer.delete(stored)];
    });
  }

  batch(
    operations: readonly BatchOperation<V, K>[],
    options: WriteOptions | undefined,
  ): Promise<number> {
    this.#refuseInTransaction();
    const sync = resolveSync(options);
    const taken = takeBatch(operations);
    if (taken.length === 0) return this.#present.acknowledged();
    const { keys, clock } = this.#point;
    const now = clock();
    return this.#commit(sync, (writer) => {
      writer.begin(taken.length);
      return taken.map((operation) => write(writer, operation, keys, now));
    });
  }

  clear(range: KeyBounds<K> | undefined, options: WriteOptions | undefined): Promise<number> {
    this.#refuseInTransaction();
    const sync = resolveSync(options);
    const operation = deletionOf(resolveBounds(range, this.#point.keys));
    return this.#commit(sync, (writer) => writeOperations(writer, [operation]));
  }

  /** Deletes keys in their form in memory, in one commit. */
  remove(keys: readonly string[]): Promise<number> {
    const operations = keys.map((key) => ({ kind: "delete", key }) as const);
    return this.#commit(false, (writer) => writeOperations(writer, operations));
  }

  mark(name: string, options: WriteOptions | undefined): Promise<number> {
    this.#refuseInTransaction();
    const sync = resolveSync(options);
    if (!isMarkName(name)) throw invalid("name", "the name of a mark", name);
    const standing = this.#present.marks.get(name);
    if (standing !== undefined) throw markExists(name, standing);
    return this.#commit(sync, (writer) => {
      writer.begin(1);
      writer.mark(name);
      return [{ kind: "mark", name }];
    });
  }

  /** Gives keys back what they had before, as far as they have not, in one commit; where there is nothing to do, in none. */
  rewind(before: readonly Before[], sync: boolean): Promise<number> {
    this.#present.settle();
    const { state, clock } = this.#point;
    const operations = undoing(state, before, clock());
    if (operations.length === 0) return this.#present.acknowledged();
    return this.#commit(sync, (writer) => writeOperations(writer, operations));
  }

  /** Refuses a write to a key that has another version. */
  #check(stored: string, condition: Condition): void {
    if (condition === undefined) return;
    this.#present.settle();
    const { state, clock } = this.#point;
    const version = state.get(stored, clock)?.offset;
    if (version !== (condition ?? undefined)) throw conflict(condition, version);
  }

  async transaction<T>(
    point: ReadPoint<K>,
    run: (transaction: Transaction<V, K>) => Immediate<T>,
    options: WriteOptions | undefined,
  ): Promise<TransactionOutcome<T>> {
    this.#refuseInTransaction();
    const sync = resolveSync(options);
    if (typeof run !== "function") throw invalid("run", "a function", run);
    const offset = this.#present.endOffset;
    const scope = { point, offset, writes: new TransactionWrites(), ended: false };
    const result = this.#run(scope, run);
    const { operations } = scope.writes;
    if (operations.length === 0) return { offset: await this.#present.acknowledged(), result };
    const commit = this.#commit(sync, (writer) => writeOperations(writer, operations));
    return { offset: await commit, result };
  }

  #run<T>(scope: TransactionScope<K>, run: (transaction: Transaction<V, K>) => T): T {
    this.#inTransaction = true;
    try {
      const result = run(new Transaction<V, K>(scope));
      refuseLater(result);
      return result;
    } finally {
      this.#inTransaction = false;
      scope.ended = true;
    }
  }

  #refuseInTransaction(): void {
    if (!this.#inTransaction) return;
    throw invalidArgument("write through the transaction while it runs, not to the database");
  }

  #commit(
    sync: boolean,
    build: (writer: CommitWriter) => readonly WrittenOperation[],
  ): Promise<number> {
    const writer = this.#writer ?? new CommitWriter();
    this.#writer = undefined;
    try {
      return this.#present.commit(writer.commit(build(writer)), sync);
    } finally {
      // Log and state have copied what they took.
      writer.release();
      this.#writer = writer;
    }
  }
}

function writeOperations(
  writer: CommitWriter,
  operations: readonly StateOperation[],
): readonly StateOperation[] {
  writer.begin(operations.length);
  for (const operation of operations) writer.add(operation);
  return operations;
}

/** One operation of a batch. */
function write<V, K extends Key>(
  writer: CommitWriter,
  operation: BatchOperation<V, K>,
  keys: KeyCodec<K>,
  now: number,
): StateOperation | EncodedPut {
  switch (operation.type) {
    case "put":
      return writer.put(keys.encode(operation.key), operation.value, expiryOf(operation, now));
    case "del":
      return writer.delete(keys.encode(operation.key));
    case "clear": {
      const deletion = deletionOf(intervalOf(operation, keys));
      writer.add(deletion);
      return deletion;
    }
  }
}

function expiryOf({ ttl }: ExpiryOptions, now: number): number | undefined {
  return ttl === undefined ? undefined : now + ttl;
}

function conflict(condition: number | null, version: number | undefined): DatabaseError {
  const expected = condition === null ? "no such key" : `version ${condition}`;
  const found = version === undefined ? "there is no such key" : `the key has version ${version}`;
  return new DatabaseError("KV_CONFLICT", `${found}, not ${expected}`, { version });
}

function markExists(name: string, { offset }: Mark): DatabaseError {
  return new DatabaseError("KV_MARK_EXISTS", `there is a mark ${show(name)} already`, { offset });
}

/** Refuses what shows that the function has not run to its end. */
function refuseLater(result: unknown): void {
  if (types.isGeneratorObject(result)) {
    throw invalidArgument("a transaction's function is no generator: nobody would run it");
  }
  if (typeof result !== "object" || result === null || !("then" in result)) return;
  if (typeof result.then !== "function") return;
  // Nobody else will hear of its failure, which our refusal may well have caused.
  Promise.resolve(result).catch(() => undefined);
  throw invalidArgument("a transaction's function returns no promise: it ends when it returns");
}
