// A mark, a rewind of the whole database to an earlier commit, and the undo of that: one commit each, and nothing of
// what there was in between is lost.

import type { Database } from "@tidemark/kv";
import type { Checks } from "./checks.js";
import { flightsBelow } from "./commits.js";
import type { Tally } from "./tally.js";
import { count, line } from "./terminal.js";

export interface Undoing {
  /** Offset of a commit to rewind to. */
  readonly offset: number;
  /** Flights in the input, all of which are in. */
  readonly total: number;
  readonly signal: AbortSignal;
}

const MARK = "every flight is in";

export async function rewindAndUndo(
  database: Database<Tally>,
  checks: Checks,
  { offset, total, signal }: Undoing,
): Promise<void> {
  const marked = await database.mark(MARK);
  line(`commit ${count(marked)} marks that ${MARK}`);
  let differing = 0;
  for await (const _ of database.diff({ offset }, { mark: MARK }, { signal })) differing += 1;
  line(`${count(differing)} keys differ between offset ${count(offset)} and the mark`);

  const flights = flightsBelow(offset + 1, total);
  const rewound = await database.rewind({ offset }, { signal });
  line(`commit ${count(rewound)} rewinds all of them`);
  // Where nothing differs, nothing is committed.
  const rewinds = flights < total ? 1 : 0;
  checks.equal("a rewind is one commit", marked + rewinds, rewound);
  checks.holdsFlights("the present, rewound", database, flights);

  const undone = await database.rewind({ mark: MARK }, { signal });
  line(`commit ${count(undone)} undoes it`);
  checks.equal("so is its undo", rewound + rewinds, undone);
  checks.holdsFlights("the present, as it was", database, total);
  const between = await database.at({ offset: rewound }, { signal });
  checks.holdsFlights(`offset ${count(rewound)}, still`, between, flights);
}
