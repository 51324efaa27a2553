// Two states of the past side by side: only keys that commits between them touch can differ, so of the earlier
// state only those are kept, and the later one is never built.

import { type FoldSource, fold, readDelta } from "../fold/fold.js";
import type { Pace } from "../pace.js";
import type { Entry } from "../state/entry.js";

/** What a key has in two states, expired or not. */
export interface Pair {
  readonly key: string;
  readonly earlier: Entry | undefined;
  readonly later: Entry | undefined;
}

/**
 * Keys that commits from `earlier + 1` to `later` (offsets) touch, in key order, and others whose entry is wanted all
 * the same. Both states are in reach. Memory holds the pairs, and for a while what the log changes.
 */
export async function compareStates(
  source: FoldSource,
  earlier: number,
  later: number,
  isWanted: (entry: Entry) => boolean,
  pace: Pace,
): Promise<Pair[]> {
  const between = await readDelta(source, earlier + 1, later + 1, { pace });
  const { result } = await fold(source, earlier + 1, { pace }, async (folding) => {
    const changes = await between.sorted(pace);
    const pairs: Pair[] = [];
    const takeNext = (key: string, before: Entry | undefined) =>
      pairs.push({ key, earlier: before, later: changes.takeNext() });
    const takeBelow = async (bound: string | undefined) => {
      for (let key = changes.nextKey; isBelow(key, bound); key = changes.nextKey) {
        takeNext(key, undefined);
        if (pace.due) await pace.rest();
      }
    };
    for await (const batch of folding.batches()) {
      for (const entry of batch) {
        const { key } = entry;
        if (isBelow(changes.nextKey, key)) await takeBelow(key);
        if (changes.nextKey === key) takeNext(key, entry);
        else if (changes.clears(key)) pairs.push({ key, earlier: entry, later: undefined });
        else if (isWanted(entry)) pairs.push({ key, earlier: entry, later: entry });
      }
    }
    await takeBelow(undefined);
    return pairs;
  });
  return result;
}

/** Whether there is such a key, below a bound (undefined for no bound). */
function isBelow(key: string | undefined, bound: string | undefined): key is string {
  return key !== undefined && (bound === undefined || key < bound);
}
