// Checks a database that a run of the job has kept: the present and some of its pasts, against the input.

import { Database } from "@tidemark/kv";
import { Checks } from "./checks.js";
import { commitsFor, flightsBelow } from "./commits.js";
import { readFlights } from "./input.js";
import { DAY, type Tally } from "./tally.js";
import { count } from "./terminal.js";

/** Shares of the commits to which it goes back. */
const PASTS = [0, 0.25, 0.5, 0.75];

/** Changes nothing in `directory`. Rejects with a Mismatch, or with the error of a database that is damaged. */
export async function checkKept(directory: string): Promise<void> {
  await using database = await Database.open<Tally>(directory, { readOnly: true });
  const total = database.get(DAY)?.flights ?? 0;
  const checks = new Checks(await readFlights());
  // Behind the flights there are a mark, a rewind and its undo.
  const endOffset = Math.min(database.endOffset, commitsFor(total));
  checks.equal("the commits hold that many flights", flightsBelow(endOffset, total), total);
  checks.holdsFlights("the present", database, total);
  // A restored database begins where it was restored to.
  const first = Math.max(0, database.stats().log.startOffset - 1);
  for (const share of endOffset === 0 ? [] : PASTS) {
    const offset = first + Math.floor(share * (endOffset - first));
    const view = await database.at({ offset });
    checks.holdsFlights(`offset ${count(offset)}`, view, flightsBelow(offset + 1, total));
  }
}
