// The steps of a program that another process takes, or that look back, while the database is open: none of them
// changes it, and none sees what the model does not know.

import { join } from "node:path";
import { Database } from "@tidemark/kv";
import { verifyLog } from "@tidemark/wal";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import { difference } from "./judge.js";
import type { DatabaseModel, ShownDatabase } from "./model.js";
import type { Step } from "./program.js";
import { ProgramError, type Session } from "./session.js";
import { show } from "./show.js";

/** Looks at the state after a commit, or at the time of one, and holds it. */
export function startLookBack(session: Session, step: Extract<Step, { do: "at" }>): void {
  const { database, model, now } = session;
  const { endOffset } = database;
  const offset = model.first + percentOf(step.percent, endOffset - model.first);
  const commit = model.commits[offset];
  if (commit === undefined || offset >= endOffset) return;
  const target = step.by === "offset" ? { offset } : { time: commit.time };
  session.under(session.unlessOutOfReach(database.at(target)), (view) => {
    if (view === undefined) return;
    model.spare(offset + 1, true);
    session.hold(view, model.at(view.offset + 1));
    session.expect("the time of a view", view.time, commit.time);
    // At this very time there may be commits after it, and more may yet come.
    const next = model.commits[view.offset + 1];
    const isLast = next === undefined || next.time > commit.time || commit.time === now;
    if (step.by === "offset" ? view.offset !== offset : view.offset < offset || !isLast)
      throw new ProgramError(`at ${JSON.stringify(target)} is the state after ${view.offset}`);
  });
}

export function startCheckpoint(session: Session): void {
  const { database, model } = session;
  const least = model.spared.machine;
  session.under(database.checkpoint(), ({ endOffset, entries }) => {
    model.spare(endOffset, true);
    model.snapshotOffset = Math.max(model.snapshotOffset, endOffset);
    if (endOffset < least) throw new ProgramError(`a checkpoint at ${endOffset}, not ${least}`);
    const contents = model.at(endOffset);
    session.expect(
      "entries of a checkpoint",
      entries,
      contents === "" ? 0 : contents.split(", ").length,
    );
  });
}

/** Opens the database read-only, and looks at all that it shows. */
export function startReader(session: Session): void {
  const { database, model, life } = session;
  const reader = session.disk.startProcess();
  session.under(showReadOnly(session, model, reader), (shown) => {
    if (life === session.life && shown.endOffset > database.durableOffset)
      throw new ProgramError(`a reader shows what is not durable, up to ${shown.endOffset}`);
    expectShown(shown, model);
  });
}

async function showReadOnly(
  session: Session,
  { directory }: DatabaseModel,
  disk: SimulatedDisk,
): Promise<ShownDatabase> {
  const database = await Database.open(directory, {
    log: session.options(disk).log,
    readOnly: true,
    refreshMs: 0,
  });
  try {
    return await show(database);
  } finally {
    await database.close();
  }
}

/** What is shown is what the model knows, as far as it goes. */
function expectShown(shown: ShownDatabase, model: DatabaseModel): void {
  const { commits, directory } = model;
  const { endOffset, past } = shown;
  const wanted: ShownDatabase = {
    ...shown,
    contents: model.at(endOffset),
    past: past.map(({ offset }) => ({
      offset,
      time: commits[offset]?.time ?? Number.NaN,
      contents: model.at(offset + 1),
    })),
  };
  const wrong = difference(new Map([[directory, shown]]), new Map([[directory, wanted]]));
  if (wrong !== undefined) throw new ProgramError(`a reader of ${wrong}`);
}

/** How far a process that only reads sees. */
export async function endBeside(session: Session, disk: SimulatedDisk): Promise<number> {
  const options = { log: session.options(disk).log, readOnly: true, refreshMs: 0 };
  const database = await Database.open(session.model.directory, options);
  const { endOffset } = database;
  await database.close();
  return endOffset;
}

export function startVerification(session: Session): void {
  const path = join(session.model.directory, "log");
  const verified = verifyLog(path, { fileSystem: session.disk.startProcess() });
  session.under(verified, ({ ok, damage }) => {
    if (!ok) throw new ProgramError(`a log is found damaged: ${JSON.stringify(damage)}`);
  });
}

/** This percentage of the way to the last of `count`. */
export function percentOf(percent: number, count: number): number {
  return Math.max(0, Math.floor(((count - 1) * percent) / 100));
}
