// The steps of a program that write: what is asked of the database, and what the model makes of it.

import type { BatchOperation, Database, Transaction } from "@tidemark/kv";
import type { Contents } from "./model.js";
import { type Change, keyText, type Step, valueText } from "./program.js";
import { ProgramError, type Session } from "./session.js";
import { contentsOf, tagOf } from "./show.js";

export type WriteStep = Extract<Step, { do: "write" | "batch" | "transaction" }>;

/** What a function throws that makes a transaction come to nothing. */
class OnPurpose extends Error {}

type Operation = BatchOperation<unknown, string>;

export function startWrite(session: Session, step: WriteStep): void {
  const { database, model, poisoned } = session;
  const operations = (step.do === "write" ? [step.change] : step.changes).map((change) =>
    operationOf(session, change),
  );
  const before = model.at(database.endOffset);
  const after = applied(before, operations);
  const none = operations.length === 0 || (step.do === "transaction" && step.throws === true);
  // What a poisoned log refuses leaves the model as it is: it may yet hold what it refused before.
  const commit = none || poisoned ? undefined : session.commit(after);
  const durable = step.sync === true || session.program.durability === "commit";
  const done = (offset: number | undefined) => {
    if (commit === undefined && !none) throw new ProgramError("a poisoned log took a commit");
    if (commit === undefined) return;
    session.expect("the offset of a commit", offset, commit.offset);
    model.spare(commit.offset + 1, durable);
  };
  session.under(start(session, step, operations, after), done, ({ code }) => {
    if (poisoned && !none) session.expect("the error of a poisoned log", code, "KV_FAILED");
    // What was refused by a log that has just failed may be there or not: opening says which.
    if (commit !== undefined && code !== "KV_FAILED") model.reject(commit);
  });
}

function operationOf(session: Session, change: Change): Operation {
  if ("clear" in change) {
    return { type: "clear", gte: keyText(change.clear), lt: keyText(change.to) };
  }
  const key = keyText(change.key);
  if (change.bytes === undefined) return { type: "del", key };
  return { type: "put", key, value: valueText(session.serial++, change.bytes) };
}

/** What operations make of contents. */
export function applied(contents: Contents, operations: readonly Operation[]): Contents {
  const held = new Map<string, string>();
  for (const part of contents === "" ? [] : contents.split(", ")) {
    const [key = "", tag = ""] = part.split("=");
    held.set(key, tag);
  }
  for (const operation of operations) {
    if (operation.type === "clear") {
      const { gte = "", lt = "" } = operation;
      for (const key of held.keys()) if (key >= gte && key < lt) held.delete(key);
    } else if (operation.type === "del") held.delete(operation.key);
    else held.set(operation.key, tagOf(operation.value));
  }
  const keys = [...held.keys()].sort();
  return keys.map((key) => `${key}=${held.get(key)}`).join(", ");
}

function start(
  session: Session,
  { do: kind, sync = false, ...step }: WriteStep,
  operations: readonly Operation[],
  after: Contents,
): Promise<number | undefined> {
  const { database } = session;
  const [first] = operations;
  if (kind === "write" && first !== undefined) return startOne(database, first, sync);
  if (kind === "batch") return database.batch(operations, { sync });
  const throws = "throws" in step && step.throws === true;
  return startTransaction(session, operations, after, throws, sync);
}

function startOne(database: Database, operation: Operation, sync: boolean): Promise<number> {
  switch (operation.type) {
    case "put":
      return database.put(operation.key, operation.value, { sync });
    case "del":
      return database.del(operation.key, { sync });
    case "clear": {
      const { gte, lt } = operation;
      return database.clear({ gte, lt }, { sync });
    }
  }
}

function startTransaction(
  { database, expect }: Session,
  operations: readonly Operation[],
  after: Contents,
  throws: boolean,
  sync: boolean,
): Promise<number | undefined> {
  const run = (transaction: Transaction) => {
    for (const operation of operations) {
      if (operation.type === "clear") transaction.clear({ gte: operation.gte, lt: operation.lt });
      else if (operation.type === "del") transaction.del(operation.key);
      else transaction.put(operation.key, operation.value);
    }
    expect("what a transaction reads of its own", contentsOf(transaction), after);
    if (throws) throw new OnPurpose();
  };
  return database.transaction(run, { sync }).then(
    ({ offset }) => offset,
    (error: unknown) => {
      if (throws && error instanceof OnPurpose) return undefined;
      throw error;
    },
  );
}
