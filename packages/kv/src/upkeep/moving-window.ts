// Reading the past of a database whose owner, in another process, may let go of it meanwhile. That process knows
// nothing of our pins: we find out that something is gone, and look again at what there is.

import { DatabaseError, databaseError, hasCode } from "../errors.js";
import type { FoldSource } from "../fold/fold.js";
import { listSnapshots } from "../formats/layout.js";
import { firstReachable } from "../past/reach.js";

/** Each means that history was cut meanwhile, which takes a checkpoint. */
const ATTEMPTS_MAX = 10;

/**
 * Runs something that reads the past, again if it fails and history was cut under it: then it finds what it wants elsewhere, or
 * says that it is out of range. What was cut is never taken for damage. `renew` makes the source's log look for its start
 * anew; a read of it that fails has done so already.
 */
export async function unlessCut<T>(
  source: FoldSource,
  run: () => Promise<T>,
  renew: () => unknown = () => undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const before = await firstOf(source);
    try {
      return await run();
    } catch (error) {
      if (mayBeCut(error)) await renew();
      await throwUnlessCut(source, before, error, attempt < ATTEMPTS_MAX);
    }
  }
}

/** As `unlessCut`, for what is given out bit by bit: again only as long as nothing has been. */
export async function* eachUnlessCut<T>(
  source: FoldSource,
  run: () => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  let given = false;
  for (let attempt = 1; ; attempt++) {
    const before = await firstOf(source);
    try {
      for await (const item of run()) {
        given = true;
        yield item;
      }
      return;
    } catch (error) {
      await throwUnlessCut(source, before, error, !given && attempt < ATTEMPTS_MAX);
    }
  }
}

/** Throws an error that is not for what was cut since `before` was the first that could be reached, and any if it is not to be tried `again`. */
async function throwUnlessCut(
  source: FoldSource,
  before: number | undefined,
  error: unknown,
  again: boolean,
): Promise<void> {
  if (!mayBeCut(error)) throw error;
  const first = await firstOf(source);
  if (first === before) throw error;
  if (again) return;
  const last = source.log.acknowledgedOffset - 1;
  const reachable = first === undefined || first > last ? undefined : { first, last };
  const message = "history was cut while it was read";
  throw new DatabaseError("KV_TARGET_OUT_OF_RANGE", message, { reachable, cause: error });
}

async function firstOf(source: FoldSource): Promise<number | undefined> {
  return firstReachable(source, await listSnapshots(source.fileSystem, source.snapshots));
}

function mayBeCut(error: unknown): boolean {
  return hasCode(databaseError(error), "KV_CORRUPT", "KV_IO", "KV_TARGET_OUT_OF_RANGE");
}
