// The step of a program that rewinds: one commit, with nothing else under way.

import { percentOf } from "./beside.js";
import type { Session } from "./session.js";

export async function rewindAlone(session: Session, percent: number): Promise<void> {
  await session.settle();
  const { database, model, poisoned } = session;
  const { endOffset } = database;
  const offset = model.first + percentOf(percent, endOffset - model.first);
  if (poisoned || offset >= endOffset || model.commits[offset] === undefined) return;
  const [then, now] = [model.at(offset + 1), model.at(endOffset)];
  const commit = session.commit(then);
  const durable = session.program.durability === "commit";
  const done = (given: number) => {
    // What is given back has to be on stable storage itself.
    model.spare(offset + 1, true);
    if (then === now) model.reject(commit);
    session.expect("the offset of a rewind", given, then === now ? endOffset - 1 : commit.offset);
    if (then !== now) model.spare(commit.offset + 1, durable);
  };
  session.under(database.rewind({ offset }), done, ({ code }) => {
    if (code !== "KV_FAILED") model.reject(commit);
  });
  await session.settle();
}
