// What a database shows: what it holds now, and held after each of its commits.

import { type Database, DatabaseError } from "@tidemark/kv";
import { contentsOf, marksText } from "./contents.js";
import type { Refusal, ShownDatabase, ShownPast } from "./model.js";

/** Goes back to so many states of a database at the most. */
const PAST_MAX = 12;

/** What a database shows that has just been opened, while the clock says `now` (ms). */
export async function show(database: Database, now: number): Promise<ShownDatabase> {
  const { endOffset, durableOffset, recovery } = database;
  return {
    endOffset,
    durableOffset,
    first: database.stats().history.first,
    contents: contentsOf(database),
    now,
    marks: marksText(database.marks()),
    past: await showPast(database),
    created: recovery.log.created,
    snapshotOffset: database.stats().snapshotOffset ?? 0,
    skipped: recovery.skipped.length,
  };
}

async function showPast(database: Database): Promise<ShownPast[]> {
  const { endOffset } = database;
  const past: ShownPast[] = [];
  for (const offset of chosen(database.stats().history.first ?? endOffset, endOffset)) {
    const state = await showState(database, offset);
    if (!isForgotten(database, state)) past.push(state);
  }
  return past;
}

/** Whether retention, which begins when a database is opened, has moved the window past a state since it was looked for. */
function isForgotten(database: Database, { offset, contents }: ShownPast): boolean {
  if (!contents.startsWith("KV_TARGET_OUT_OF_RANGE")) return false;
  const { first } = database.stats().history;
  return first !== undefined && first > offset;
}

async function showState(database: Database, offset: number): Promise<ShownPast> {
  try {
    const view = await database.at({ offset });
    return { offset, time: view.time, contents: contentsOf(view) };
  } catch (error) {
    const { refused, message } = refusalOf(error);
    return { offset, time: Number.NaN, contents: `${refused}: ${message}` };
  }
}

/** All offsets from `first` to `end` (exclusive), or some of them with both ends. */
function chosen(first: number, end: number): number[] {
  const count = Math.min(end - first, PAST_MAX);
  const step = count < 2 ? 0 : (end - 1 - first) / (count - 1);
  return Array.from({ length: Math.max(0, count) }, (_, index) => first + Math.round(index * step));
}

/** How something was refused; anything but a typed error is thrown. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof DatabaseError) return { refused: error.code, message: error.message };
  throw error;
}
