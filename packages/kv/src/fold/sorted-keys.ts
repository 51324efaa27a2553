// Sorting many keys without holding the event loop: sorted runs are merged pair by pair, in slices.

import type { Pace } from "../pace.js";

/** Merging this many takes far less than a slice. */
const STEP_LENGTH = 4096;

/** Sorts by code unit what comes in arrays that are short enough to be sorted at once. */
export async function sortKeys(
  given: readonly (readonly string[])[],
  pace: Pace,
): Promise<readonly string[]> {
  let runs: (readonly string[])[] = [];
  for (const run of given) {
    runs.push(run.toSorted());
    if (pace.due) await pace.rest();
  }
  while (runs.length > 1) {
    const merged: (readonly string[])[] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const [left, right] = [runs[i] ?? [], runs[i + 1] ?? []];
      merged.push(await merge(left, right, pace));
      if (pace.due) await pace.rest();
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(
  left: readonly string[],
  right: readonly string[],
  pace: Pace,
): Promise<readonly string[]> {
  // Keys that come in order anyway are the common case in loading.
  const last = left.at(-1);
  const first = right[0];
  if (last === undefined || first === undefined || last <= first) return left.concat(right);
  // Of its full length from the start: growing a long array copies it.
  const merged = new Array<string>(left.length + right.length);
  let [i, k] = [0, 0];
  for (let at = 0; at < merged.length; at++) {
    const takeLeft =
      i < left.length && (k === right.length || (left[i] as string) <= (right[k] as string));
    merged[at] = (takeLeft ? left[i++] : right[k++]) as string;
    if (at % STEP_LENGTH === 0 && pace.due) await pace.rest();
  }
  return merged;
}
