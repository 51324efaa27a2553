// Reading at a target what another process has open, or nobody: what restoring and the command line begin with. The
// database is only read, and its owner may go on meanwhile.

import { setTimeout as sleep } from "node:timers/promises";
import type { FileSystem, Log } from "@tidemark/wal";
import type { ResolvedTarget } from "../arguments/target.js";
import { type FoldSource, fold } from "../fold/fold.js";
import { openExisting } from "../open-database.js";
import type { Pace } from "../pace.js";
import { unlessCut } from "../upkeep/moving-window.js";
import { type Destination, findDestination } from "./reach.js";

/** Five times what the log waits by default before it states what is durable. */
const CATCH_UP_MS = 250;
const CATCH_UP_STEP_MS = 10;

export interface ReadingOfExisting {
  readonly fileSystem: FileSystem;
  /** Whole ms since the Unix epoch. */
  readonly clock: () => number;
  readonly pace: Pace;
}

/**
 * Finds what a target means (undefined: now) in the database of a directory, and runs something with it; again if its owner removes
 * meanwhile what that reads. Rejects with `KV_NOT_FOUND`, `KV_TARGET_OUT_OF_RANGE`, `KV_CORRUPT`, `KV_UNSUPPORTED_VERSION`,
 * `KV_IO` or the signal's reason.
 */
export async function readExisting<T>(
  directory: string,
  target: ResolvedTarget | undefined,
  { fileSystem, clock, pace }: ReadingOfExisting,
  run: (source: FoldSource, destination: Destination) => Promise<T>,
): Promise<T> {
  const { source, log } = await openExisting(directory, fileSystem, clock);
  try {
    await catchUp(log, target);
    const find = async () => {
      const endOffset = log.acknowledgedOffset;
      const now = Math.max(clock(), log.lastTime);
      if (target === undefined) return await run(source, { offset: endOffset - 1, time: now });
      const marks = () => marksOf(source, endOffset, pace);
      return await run(source, await findDestination(target, { source, endOffset, now, marks }));
    };
    return await unlessCut(source, find, () => log.refresh());
  } finally {
    await log.close();
  }
}

/**
 * A writer that is at work, here or elsewhere, states what is durable a moment after it has acknowledged it (the
 * log's `noteAfterMs`), and only then does a reader see it: time is given for that.
 */
async function catchUp(log: Log, target: ResolvedTarget | undefined): Promise<void> {
  if (log.recovery.orderly) return;
  const untilMs = performance.now() + CATCH_UP_MS;
  while (performance.now() < untilMs) {
    if (target?.kind === "offset" && target.offset < log.endOffset) return;
    await sleep(CATCH_UP_STEP_MS);
    await log.refresh();
  }
}

async function marksOf(source: FoldSource, endOffset: number, pace: Pace) {
  const { result } = await fold(source, endOffset, { pace }, async (folding) => {
    for await (const _ of folding.batches()) void _;
    return folding.marks();
  });
  return result;
}
