// What a program asks of the open log, with what the model is told of it.

import { LogError } from "@tidemark/wal";
import type { ModelRecord } from "./model.js";
import { payloadOf } from "./program.js";
import type { Session } from "./session.js";

/** Appends records together. */
export function startBatch(session: Session, lengths: readonly number[], sync: boolean): void {
  session.under(append(session, lengths, sync, true), () => undefined);
}

export function startAppend(session: Session, bytes: number, sync: boolean): void {
  session.under(append(session, [bytes], sync, false), () => undefined);
}

/** Resolves with whether it was acknowledged. */
function append(
  session: Session,
  lengths: readonly number[],
  sync: boolean,
  together: boolean,
): Promise<boolean> {
  const { log, model, program } = session;
  const payloads = lengths.map((bytes) => payloadOf(model.serial++, bytes));
  const [first] = payloads;
  if (first === undefined) return Promise.resolve(true);
  const records: ModelRecord[] = [];
  const operation = model.begin({ kind: "append", records, rejected: false });
  const promise = together ? log.appendBatch(payloads, { sync }) : log.append(first, { sync });
  for (const payload of payloads) records.push({ payload, time: log.lastTime });
  const durable = sync || program.durability === "commit";
  session.under(promise, () => model.done(operation, durable), operation);
  return promise.then(
    () => true,
    () => false,
  );
}

/** So many at a time that each go on when they are told that what they appended is there. */
export function startAppenders(session: Session, count: number, each: number, bytes: number): void {
  const { log } = session;
  const one = async () => {
    for (let record = 0; record < each; record++) {
      if (!session.isOpenAs(log) || !(await append(session, [bytes], false, false))) return;
    }
  };
  for (let appender = 0; appender < count; appender++) session.under(one(), () => undefined);
}

export function startSync(session: Session): void {
  const { model, log } = session;
  const { count } = model;
  session.under(log.sync(), () => model.spare(count, true));
}

export function startTruncateFrom(session: Session, back: number): void {
  const { log, model } = session;
  const from = Math.max(log.startOffset, log.endOffset - back);
  const operation = model.begin({ kind: "truncation", from, rejected: false });
  session.under(log.truncateFrom(from), () => model.done(operation, true), operation);
}

export function startTruncateBefore(session: Session, percent: number): void {
  const { log, model } = session;
  const { startOffset, acknowledgedOffset } = log;
  const offset = startOffset + Math.floor(((acknowledgedOffset - startOffset) * percent) / 100);
  model.startMax = Math.max(model.startMax, offset);
  const truncation = log.truncateBefore(offset).catch((error: unknown) => {
    // A truncation of the end that was asked for meanwhile may have come first.
    if (!(error instanceof LogError) || error.code !== "LOG_OUT_OF_RANGE") throw error;
  });
  session.under(truncation, () => undefined);
}
