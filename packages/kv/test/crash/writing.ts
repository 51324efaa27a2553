// The steps of a program that write: what is asked of the database, and what the model makes of it.

import { type BatchOperation, type Database, DatabaseError, type Transaction } from "@tidemark/kv";
import { contentsOf, hasExpired, lastOfEach, type Operation, tagOf, textOf } from "./contents.js";
import { marksBelow } from "./model.js";
import { type Change, type Condition, keyText, markName, type Step, valueText } from "./program.js";
import { ProgramError } from "./program-error.js";
import type { Session } from "./session.js";

export type WriteStep = Extract<Step, { do: "write" | "batch" | "transaction" | "mark" }>;

/** What a function throws that makes a transaction come to nothing. */
class OnPurpose extends Error {}

type Asked = BatchOperation<unknown, string>;

/** What is asked of the database, what that is in the log, and why it is refused, if it is to be. */
interface Write {
  readonly operations: readonly Operation[];
  readonly refused?: Refused | undefined;
  readonly start: (database: Database) => Promise<number | undefined>;
}

/** An error that is expected, and what it says. */
interface Refused {
  readonly code: "KV_CONFLICT" | "KV_MARK_EXISTS";
  /** The version that the key has, or the offset of the mark. */
  readonly found: number | undefined;
}

export function startWrite(session: Session, step: WriteStep): void {
  const { database, model, poisoned } = session;
  const { operations, refused, start } = writeOf(session, step);
  const throws = step.do === "transaction" && step.throws === true;
  const none = operations.length === 0 || throws || refused !== undefined;
  // What a poisoned log refuses leaves the model as it is: it may yet hold what it refused before.
  const commit = none || poisoned ? undefined : session.commit(operations);
  const durable = step.sync === true || session.program.durability === "commit";
  const done = (offset: number | undefined) => {
    if (commit === undefined && !none) throw new ProgramError("a poisoned log took a commit");
    if (commit === undefined) return;
    session.expect("the offset of a commit", offset, commit.offset);
    model.spare(commit.offset + 1, durable);
  };
  session.under(expecting(start(database), refused), done, ({ code }) => {
    if (poisoned && !none) session.expect("the error of a poisoned log", code, "KV_FAILED");
    // What was refused by a log that has just failed may be there or not: opening says which.
    if (commit !== undefined && code !== "KV_FAILED") model.reject(commit);
  });
}

function writeOf(session: Session, step: WriteStep): Write {
  const { sync = false } = step;
  if (step.do === "mark") return markOf(session, step.number, sync);
  const asked = (step.do === "write" ? [step.change] : step.changes).map((change) =>
    askedOf(session, change),
  );
  const operations = asked.map((one) => operationOf(one, session.now));
  if (step.do === "batch") {
    return { operations, start: (database) => database.batch(asked, { sync }) };
  }
  if (step.do === "transaction") {
    const throws = step.throws === true;
    return {
      operations: lastOfEach(operations),
      start: () => startTransaction(session, asked, operations, throws, sync),
    };
  }
  const [first] = asked;
  if (first === undefined) throw new Error("a write has one change");
  const condition = first.type === "clear" ? undefined : step.if;
  const has = first.type === "clear" ? undefined : versionOf(session, first.key);
  const wanted = condition === undefined ? undefined : versionMeant(condition, has);
  const refused =
    wanted === undefined || wanted === (has ?? null)
      ? undefined
      : ({ code: "KV_CONFLICT", found: has } as const);
  const options = wanted === undefined ? { sync } : { sync, ifVersion: wanted };
  return { operations, refused, start: (database) => startOne(database, first, options) };
}

function markOf({ database, model }: Session, number: number, sync: boolean): Write {
  const name = markName(number);
  const standing = marksBelow(model.commits, database.endOffset).find((mark) => mark.name === name);
  return {
    operations: [{ type: "mark", name }],
    refused: standing && { code: "KV_MARK_EXISTS", found: standing.offset },
    start: () => database.mark(name, { sync }),
  };
}

/** Resolves with nothing where the error comes that is expected; nothing else may come then. */
async function expecting(
  written: Promise<number | undefined>,
  refused: Refused | undefined,
): Promise<number | undefined> {
  if (refused === undefined) return await written;
  try {
    await written;
  } catch (error) {
    const { code, found } = refused;
    if (!(error instanceof DatabaseError) || error.code !== code) throw error;
    const told = code === "KV_CONFLICT" ? error.version : error.offset;
    if (told === found) return undefined;
    throw new ProgramError(`${code} tells of ${told}, not ${found}`);
  }
  throw new ProgramError(`a write was not refused with ${refused.code}`);
}

/** The version that a key has now. */
function versionOf({ database, model, now }: Session, key: string): number | undefined {
  const held = model.stateAt(database.endOffset).get(key);
  return held === undefined || hasExpired(held, now) ? undefined : held.version;
}

function versionMeant(condition: Condition, version: number | undefined): number | null {
  if (condition === "absent") return null;
  if (condition === "current") return version ?? null;
  return version === undefined ? 0 : version + 1;
}

function askedOf(session: Session, change: Change): Asked {
  if ("clear" in change) {
    return { type: "clear", gte: keyText(change.clear), lt: keyText(change.to) };
  }
  const key = keyText(change.key);
  const { bytes, ttl } = change;
  if (bytes === undefined) return { type: "del", key };
  return { type: "put", key, value: valueText(session.serial++, bytes), ttl };
}

function operationOf(asked: Asked, now: number): Operation {
  if (asked.type === "del") return asked;
  if (asked.type === "clear") return { type: "clear", gte: asked.gte ?? "", lt: asked.lt ?? "" };
  const { key, value, ttl } = asked;
  return { type: "put", key, tag: tagOf(value), expiry: ttl === undefined ? undefined : now + ttl };
}

interface OneOptions {
  readonly sync: boolean;
  readonly ifVersion?: number | null;
}

function startOne(database: Database, asked: Asked, options: OneOptions): Promise<number> {
  switch (asked.type) {
    case "put":
      return database.put(asked.key, asked.value, { ...options, ttl: asked.ttl });
    case "del":
      return database.del(asked.key, options);
    case "clear":
      return database.clear({ gte: asked.gte, lt: asked.lt }, { sync: options.sync });
  }
}

function startTransaction(
  session: Session,
  asked: readonly Asked[],
  operations: readonly Operation[],
  throws: boolean,
  sync: boolean,
): Promise<number | undefined> {
  const { database, now } = session;
  const after = textOf(session.stateAfter(operations), now);
  const run = (transaction: Transaction) => {
    for (const one of asked) {
      if (one.type === "clear") transaction.clear({ gte: one.gte, lt: one.lt });
      else if (one.type === "del") transaction.del(one.key);
      else transaction.put(one.key, one.value, { ttl: one.ttl });
    }
    session.expect("what a transaction reads of its own", contentsOf(transaction), after);
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
