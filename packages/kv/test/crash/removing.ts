// Time that goes by in a program: what has expired by then is removed by commits that nobody asked for.

import { hasExpired, type Operation } from "./contents.js";
import type { Session } from "./session.js";

/** Lets time pass, ms by ms, so that each commit has the time at which its timer went off. */
export function pass(session: Session, ms: number): void {
  for (let passed = 0; passed < ms; passed++) {
    const endOffset = session.isOpen ? session.database.endOffset : 0;
    session.time.pass(1);
    if (session.isOpen && session.database.endOffset > endOffset) learnRemoval(session, endOffset);
  }
}

/** The commit that has just been made deletes all that has expired. */
function learnRemoval(session: Session, endOffset: number): void {
  const { database, model, now } = session;
  const gone = [...model.stateAt(endOffset)].filter(([, held]) => hasExpired(held, now));
  const keys = gone.map(([key]) => key).sort();
  const operations = keys.map((key): Operation => ({ type: "del", key }));
  const commit = session.commitAt(endOffset, operations);
  session.expect("the end after a removal", database.endOffset, endOffset + 1);
  session.expect("that a removal deletes something", keys.length > 0, true);
  const durable = session.program.durability === "commit";
  // An empty batch is acknowledged when all is that came before.
  session.under(
    database.batch([]),
    () => model.spare(commit.offset + 1, durable),
    ({ code }) => {
      if (code !== "KV_FAILED") model.reject(commit);
    },
  );
}
