// Restores the database, as it was after an earlier commit, into a new directory: the plan first, then the copy,
// which is opened and compared entry by entry.

import { Database, type RestoreReport, restore } from "@tidemark/kv";
import type { Checks } from "./checks.js";
import { flightsBelow } from "./commits.js";
import type { Tally } from "./tally.js";
import { count, line, milliseconds } from "./terminal.js";

export interface Restoring {
  /** Directory of a database; nothing in it is changed. */
  readonly source: string;
  /** Directory to be made. */
  readonly destination: string;
  /** Offset of the last commit to be in it. */
  readonly offset: number;
  /** Flights in the input. */
  readonly total: number;
  readonly checks: Checks;
  readonly signal: AbortSignal;
}

export async function restoreAndCompare(restoring: Restoring): Promise<void> {
  const { source, destination, offset, total, checks, signal } = restoring;
  const plan = await restore(source, destination, { offset }, { dryRun: true, signal });
  line(`plan: ${describe(plan)}`);
  const done = await restore(source, destination, { offset }, { signal });
  line(`done: ${describe(done)} in ${milliseconds(done.durationMs)}`);
  checks.equal("the restore did what was planned", outcome(plan), outcome(done));

  await using restored = await Database.open<Tally>(destination, { createIfMissing: false });
  checks.equal("the restored database goes on after that commit", offset + 1, restored.endOffset);
  checks.holdsFlights("the restored database", restored, flightsBelow(offset + 1, total));
}

function describe({ offset, entries, snapshot, commits, from }: RestoreReport): string {
  const base = snapshot === undefined ? "" : "a snapshot file and ";
  const log = commits === 0 ? "no commits" : `commits ${count(from)} to ${count(offset)}`;
  return `${count(entries)} entries as of offset ${count(offset)}, from ${base}${log}`;
}

/** What a plan and what came of it have to agree on. */
function outcome({ offset, time, entries, commits }: RestoreReport) {
  return { offset, time, entries, commits };
}
