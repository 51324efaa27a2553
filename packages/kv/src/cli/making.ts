// What is common to commands that make a database beside another: what is told of how far they are, and when they stop.

import type { SkippedSnapshot } from "../fold/fold.js";
import type { FoldProgress } from "../fold/fold-to-file.js";
import { Ended } from "./exit-codes.js";
import type { Fact } from "./facts.js";
import { StoppedError } from "./failure.js";
import type { Run } from "./run.js";

/** Shows how far a fold is: its commits first, then its entries. */
export function showFold(
  { progress }: Run,
  { commits, commitsTotal, entries }: FoldProgress,
): void {
  if (commits < commitsTotal || entries === 0) progress.update("commits", commits, commitsTotal);
  else progress.update("entries", entries);
}

/** Runs what leaves nothing if it fails, and says so if Ctrl-C ends it. */
export async function wholeOrNothing<T>(
  { signal }: Run,
  destination: string,
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof Ended) || !signal.aborted) throw error;
    const hint = "run the command again to make it";
    throw new StoppedError(error, `nothing was made at ${destination}`, hint);
  }
}

/** Files that were not used, for `printFacts`. */
export function skippedFacts(skipped: readonly SkippedSnapshot[]): Fact[] {
  return skipped.map(({ file, reason }) => ["passed over", `${file}: ${reason}`]);
}
