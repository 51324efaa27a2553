// Sorting many keys without holding the event loop: sorted runs are merged pair by pair, in slices.

import type { Pace } from "./pace.js";

/** Sorting this many at once takes a few ms. */
const RUN_LENGTH = 4096;
/** Merging this many takes far less than a slice. */
const STEP_LENGTH = 4096;

/** Sorts by code unit. Takes over the array that it is given. */
export async function sortKeys(keys: string[], pace: Pace): Promise<string[]> {
  let runs: string[][] = [];
  for (let start = 0; start < keys.length; start += RUN_LENGTH) {
    runs.push(keys.slice(start, start + RUN_LENGTH).sort());
    if (pace.due) await pace.rest();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const [left, right] = [runs[i] ?? [], runs[i + 1] ?? []];
      merged.push(await merge(left, right, pace));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(left: string[], right: string[], pace: Pace): Promise<string[]> {
  // Keys that come in order anyway are the common case in loading.
  const last = left.at(-1);
  const first = right[0];
  if (last === undefined || first === undefined || last <= first) return left.concat(right);
  const merged: string[] = [];
  let [i, k] = [0, 0];
  while (i < left.length && k < right.length) {
    const end = merged.length + STEP_LENGTH;
    while (merged.length < end && i < left.length && k < right.length) {
      const [a, b] = [left[i] as string, right[k] as string];
      if (a <= b) {
        merged.push(a);
        i += 1;
      } else {
        merged.push(b);
        k += 1;
      }
    }
    if (pace.due) await pace.rest();
  }
  return merged.concat(i < left.length ? left.slice(i) : right.slice(k));
}
