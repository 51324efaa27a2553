// The marks of a database as callers see them.

import type { Mark } from "../state/entry.js";

/** A named point: the commit that set it, and when, in ms since the Unix epoch. */
export interface NamedMark extends Mark {
  readonly name: string;
}

/** In the order of their offsets. */
export function listMarks(marks: ReadonlyMap<string, Mark>): NamedMark[] {
  return Array.from(marks, ([name, { offset, time }]) => ({ name, offset, time })).sort(
    (a, b) => a.offset - b.offset,
  );
}
