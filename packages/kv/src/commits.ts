// Writing: from what callers give to commits of the present.

import { types } from "node:util";
import { invalid, invalidArgument } from "./arguments.js";
import type { Key, KeyCodec } from "./keys.js";
import { CommitWriter, type KeyOperation } from "./operations.js";
import type { Present } from "./present.js";
import type { ReadPoint } from "./reading.js";
import {
  type Immediate,
  Transaction,
  type TransactionOutcome,
  type TransactionScope,
} from "./transaction.js";
import { type BatchOperation, resolveSync, takeBatch, type WriteOptions } from "./write.js";

export class Commits<V, K extends Key> {
  readonly #keys: KeyCodec<K>;
  readonly #present: Present;
  /** Missing while a commit is built with it: a getter in a value may write too. */
  #writer: CommitWriter | undefined;
  #inTransaction = false;

  constructor(keys: KeyCodec<K>, present: Present) {
    this.#keys = keys;
    this.#present = present;
  }

  put(key: K, value: V, options: WriteOptions | undefined): Promise<number> {
    const sync = this.#begin(options);
    const stored = this.#keys.encode(key);
    return this.#commit(sync, (writer) => {
      writer.begin(1);
      return [writer.put(stored, value)];
    });
  }

  del(key: K, options: WriteOptions | undefined): Promise<number> {
    const sync = this.#begin(options);
    const stored = this.#keys.encode(key);
    return this.#commit(sync, (writer) => {
      writer.begin(1);
      return [writer.delete(stored)];
    });
  }

  batch(
    operations: readonly BatchOperation<V, K>[],
    options: WriteOptions | undefined,
  ): Promise<number> {
    const sync = this.#begin(options);
    const taken = takeBatch(operations);
    if (taken.length === 0) return this.#present.acknowledged();
    return this.#commit(sync, (writer) => {
      writer.begin(taken.length);
      return taken.map((operation) => this.#write(writer, operation));
    });
  }

  #write(writer: CommitWriter, operation: BatchOperation<V, K>): KeyOperation {
    const key = this.#keys.encode(operation.key);
    return operation.type === "put" ? writer.put(key, operation.value) : writer.delete(key);
  }

  async transaction<T>(
    point: ReadPoint<K>,
    run: (transaction: Transaction<V, K>) => Immediate<T>,
    options: WriteOptions | undefined,
  ): Promise<TransactionOutcome<T>> {
    const sync = this.#begin(options);
    if (typeof run !== "function") throw invalid("run", "a function", run);
    const offset = this.#present.endOffset;
    const scope: TransactionScope<K> = { point, offset, writes: new Map(), ended: false };
    const result = this.#run(scope, run);
    if (scope.writes.size === 0) return { offset: await this.#present.acknowledged(), result };
    return { offset: await this.#commit(sync, (writer) => writeAll(writer, scope)), result };
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

  #begin(options: WriteOptions | undefined): boolean {
    if (this.#inTransaction) {
      throw invalidArgument("write through the transaction while it runs, not to the database");
    }
    return resolveSync(options);
  }

  #commit(
    sync: boolean,
    build: (writer: CommitWriter) => readonly KeyOperation[],
  ): Promise<number> {
    const writer = this.#writer ?? new CommitWriter();
    this.#writer = undefined;
    try {
      const operations = build(writer);
      return this.#present.commit(writer.payload(), operations, sync);
    } finally {
      // The log has copied what it took.
      writer.release();
      this.#writer = writer;
    }
  }
}

function writeAll<K extends Key>(
  writer: CommitWriter,
  { writes }: TransactionScope<K>,
): readonly KeyOperation[] {
  const operations = [...writes.values()];
  writer.begin(operations.length);
  for (const operation of operations) writer.add(operation);
  return operations;
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
