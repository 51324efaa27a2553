// The steps of a program that another process takes, or that look back, while the database is open: none of them
// changes it, and none sees what the model does not know.

import { join } from "node:path";
import { Database, type Target } from "@tidemark/kv";
import { verifyLog } from "@tidemark/wal";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import { marksText } from "./contents.js";
import { difference } from "./judge.js";
import { type Commit, type DatabaseModel, marksBelow, type ShownDatabase } from "./model.js";
import type { By, Step } from "./program.js";
import { ProgramError } from "./program-error.js";
import type { Session } from "./session.js";
import { show } from "./show.js";

interface ChosenTarget {
  readonly target: Target;
  readonly commit: Commit;
  /** Offset of the last commit of what the target means now. */
  readonly meant: number;
}

/** This percentage of all commits below an offset back, or the mark that comes next to that; undefined if there is none. */
export function chosenTarget(
  model: DatabaseModel,
  percent: number,
  by: By,
  endOffset = model.commits.length,
): ChosenTarget | undefined {
  const commits = model.commits.slice(0, endOffset);
  const near = model.first + percentOf(percent, endOffset - model.first);
  const mark = marksBelow(commits, near + 1).findLast(({ offset }) => offset >= model.first);
  if (by === "mark" && mark === undefined) return undefined;
  const offset = by === "mark" && mark !== undefined ? mark.offset : near;
  const commit = commits[offset];
  if (commit === undefined) return undefined;
  if (by === "mark" && mark !== undefined)
    return { target: { mark: mark.name }, commit, meant: offset };
  if (by === "offset") return { target: { offset }, commit, meant: offset };
  const { time } = commit;
  return { target: { time }, commit, meant: commits.findLastIndex((one) => one.time <= time) };
}

/** Looks at the state after a commit, at the time of one or at a mark, and holds it. */
export function startLookBack(session: Session, step: Extract<Step, { do: "at" }>): void {
  const { database, model, now } = session;
  const chosen = chosenTarget(model, step.percent, step.by, database.endOffset);
  if (chosen === undefined) return;
  const { target, commit } = chosen;
  const { offset } = commit;
  session.under(session.unlessOutOfReach(database.at(target)), (view) => {
    if (view === undefined) return;
    model.spare(offset + 1, true);
    session.hold(view, model.at(view.offset + 1));
    session.expect("the time of a view", view.time, commit.time);
    // At this very time there may be commits after it, and more may yet come.
    const next = model.commits[view.offset + 1];
    const isLast = next === undefined || next.time > commit.time || commit.time === now;
    if (step.by !== "time" ? view.offset !== offset : view.offset < offset || !isLast)
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
    session.expect("entries of a checkpoint", entries, model.stateAt(endOffset).size);
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
    return await show(database, session.now);
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
    contents: model.at(endOffset, shown.now),
    marks: marksText(marksBelow(commits, endOffset)),
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
