// What a database shows: what it holds now, and held after each of its commits.

import { type Database, DatabaseError, type Reading } from "@tidemark/kv";
import type { Contents, Refusal, ShownDatabase, ShownPast } from "./model.js";
import { valueText } from "./program.js";

/** Goes back to so many states of a database at the most. */
const PAST_MAX = 12;

export function contentsOf(reading: Reading<unknown, string>): Contents {
  const parts: string[] = [];
  let last: string | undefined;
  for (const [key, value] of reading.entries()) {
    if (last !== undefined && last >= key) parts.push("out of order:");
    parts.push(`${key}=${tagOf(value)}`);
    last = key;
  }
  if (reading.size !== parts.length) parts.push(`of ${reading.size}`);
  return parts.join(", ");
}

/** Which value it is, and its length. */
export function tagOf(value: unknown): string {
  const text = String(value);
  const serial = Number.parseInt(text, 10);
  return text === valueText(serial, text.length)
    ? `${serial}:${text.length}`
    : `not a value: ${text}`;
}

/** What a database shows that has just been opened. `first`: its oldest state, for all of them are gone back to. */
export async function show(database: Database): Promise<ShownDatabase> {
  const { endOffset, durableOffset, recovery } = database;
  return {
    endOffset,
    durableOffset,
    first: database.stats().history.first,
    contents: contentsOf(database),
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
    past.push(await showState(database, offset));
  }
  return past;
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
