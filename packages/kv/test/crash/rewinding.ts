// The step of a program that rewinds: one commit, with nothing else under way.

import { chosenTarget } from "./beside.js";
import { undoing } from "./contents.js";
import type { Step } from "./program.js";
import type { Session } from "./session.js";

export async function rewindAlone(
  session: Session,
  step: Extract<Step, { do: "rewind" }>,
): Promise<void> {
  await session.settle();
  const { database, model, poisoned, now } = session;
  const { endOffset } = database;
  const chosen = chosenTarget(model, step.percent, step.by, endOffset);
  if (poisoned || chosen === undefined) return;
  const { meant, target } = chosen;
  const operations = undoing(model.stateAt(endOffset), model.stateAt(meant + 1), now);
  const commit = operations.length === 0 ? undefined : session.commit(operations);
  const durable = session.program.durability === "commit";
  const done = (given: number | undefined) => {
    if (given === undefined) {
      if (commit !== undefined) model.reject(commit);
      return;
    }
    // What is given back has to be on stable storage itself.
    model.spare(meant + 1, true);
    session.expect("the offset of a rewind", given, commit?.offset ?? endOffset - 1);
    if (commit !== undefined) model.spare(commit.offset + 1, durable);
  };
  const rewound = session.unlessOutOfReach(database.rewind(target));
  session.under(rewound, done, ({ code }) => {
    if (commit !== undefined && code !== "KV_FAILED") model.reject(commit);
  });
  await session.settle();
}
