// The child: takes flights into the database until all are in or it is killed, and tells its parent what was
// acknowledged as durable. It keeps no place of its own: where to go on is read from the database, where each
// commit changes it together with what it counts.

import { setImmediate as nextTurn } from "node:timers/promises";
import { Database } from "@tidemark/kv";
import { FLIGHTS_PER_COMMIT } from "./commits.js";
import { type Flight, readFlights } from "./input.js";
import { add, DAY, keysOf, type Tally } from "./tally.js";

/** What the child tells. */
export interface IngestReport {
  /** Every commit below it has been acknowledged as durable. */
  readonly durableOffset: number;
  /** Flights that these hold. */
  readonly flights: number;
}

/** Commits that may wait at a time: those that wait together share one sync of the disk. */
const IN_FLIGHT = 256;
/** Commits made before the event loop turns: while these are written, the next are made. */
const PER_TURN = 32;

/** Adds flights to their tallies, in one commit; returns how many flights the database then holds. */
function commit(database: Database<Tally>, flights: readonly Flight[]) {
  return database.transaction((tx) => {
    for (const flight of flights) {
      for (const key of keysOf(flight)) tx.put(key, add(tx.get(key), flight));
    }
    return tx.get(DAY)?.flights ?? 0;
  });
}

/** Tells the newest report once per turn of the event loop: one group of commits is acknowledged together. */
function reporter(tell: (report: IngestReport) => void): (report: IngestReport) => void {
  let newest: IngestReport | undefined;
  return (report) => {
    if (newest === undefined) {
      setImmediate(() => {
        if (newest !== undefined) tell(newest);
        newest = undefined;
      });
    }
    newest = report;
  };
}

async function ingest(directory: string, limit: number, tell: (report: IngestReport) => void) {
  const flights = await readFlights(limit);
  await using database = await Database.open<Tally>(directory);
  let next = database.get(DAY)?.flights ?? 0;
  tell({ durableOffset: database.durableOffset, flights: next });
  const report = reporter(tell);
  const waiting: Promise<void>[] = [];
  for (; next < flights.length; next += FLIGHTS_PER_COMMIT) {
    const committed = commit(database, flights.slice(next, next + FLIGHTS_PER_COMMIT));
    waiting.push(
      committed.then(({ offset, result }) =>
        report({ durableOffset: offset + 1, flights: result }),
      ),
    );
    if (waiting.length === IN_FLIGHT) await waiting.shift();
    if (database.endOffset % PER_TURN === 0) await nextTurn();
  }
  await Promise.all(waiting);
}

const [directory, limit] = process.argv.slice(2);
if (directory === undefined || process.send === undefined) {
  throw new Error("this is the child of main.js: run that");
}
const orphaned = () => process.exit(1);
process.on("disconnect", orphaned);
await ingest(directory, Number(limit), (report) => process.send?.(report));
process.off("disconnect", orphaned);
process.disconnect();
