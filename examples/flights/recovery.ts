// After the crash: opens what the killed child left, says what opening found, and holds it against what the child
// had been told.

import { Database, type RecoveryReport } from "@tidemark/kv";
import type { Checks } from "./checks.js";
import { flightsBelow } from "./commits.js";
import type { IngestReport } from "./ingest.js";
import { DAY, type Tally } from "./tally.js";
import { bytes, count, line, milliseconds, table } from "./terminal.js";

export interface Recovered {
  /** Commits that were found are those below it. */
  readonly endOffset: number;
  readonly durationMs: number;
}

/** `told` is the last that the child reported, of `total` flights in the input. */
export async function recover(
  directory: string,
  told: IngestReport,
  total: number,
  checks: Checks,
): Promise<Recovered> {
  await using database = await Database.open<Tally>(directory);
  const { recovery, endOffset } = database;
  showRecovery(recovery);

  const { durableOffset, flights } = told;
  checks.equal("what the child was told adds up", flightsBelow(durableOffset, total), flights);
  checks.atLeast(
    `the ${count(durableOffset)} commits that it was told are durable are there`,
    durableOffset,
    endOffset,
  );
  if (durableOffset > 0) {
    const offset = durableOffset - 1;
    const acknowledged = await database.at({ offset });
    checks.holdsFlights(`offset ${count(offset)}, the last it was told of,`, acknowledged, flights);
  }
  const found = flightsBelow(endOffset, total);
  checks.equal("the place to go on from fits the commits", found, database.get(DAY)?.flights ?? 0);
  checks.holdsFlights("the present", database, found);

  const checkpoint = await database.checkpoint();
  line(
    `checkpoint: ${count(checkpoint.entries)} entries, ${bytes(checkpoint.size)} ` +
      `in ${milliseconds(checkpoint.durationMs)}`,
  );
  return { endOffset, durationMs: recovery.durationMs };
}

function showRecovery({ log, commits, durationMs }: RecoveryReport): void {
  const { torn, rewrittenBytes, provedOffset, endOffset, takenOver } = log;
  const cut = torn?.trimmed.reduce((sum, trimmed) => sum + trimmed.bytes, 0) ?? 0;
  table([
    ["anything to recover", log.orderly ? "no" : "yes"],
    ["its lock", takenOver === undefined ? "gone" : "taken over from the dead"],
    ["commits found", count(endOffset)],
    ["of them proved durable", count(provedOffset)],
    ["the rest, made durable", bytes(rewrittenBytes)],
    ["torn at the end", torn === undefined ? "nothing" : `${bytes(cut)}, set aside`],
    ["commits replayed", count(commits)],
    ["time it took", milliseconds(durationMs)],
  ]);
}
