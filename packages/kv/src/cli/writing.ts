// Opening a database to write to it. What a program has chosen for it is not known here, so nothing of what the
// database does by itself may take anything away: neither history nor expired keys.

import type { KeyKind } from "../arguments/keys.js";
import { Database } from "../database.js";
import type { DatabaseOptions } from "../options.js";

/** Whichever kind its keys are of. */
export type AnyDatabase = Database<unknown, string> | Database<unknown, Uint8Array>;

const FOREVER = Number.POSITIVE_INFINITY;

/** Options with which nothing is removed: `history` is kept whole, and who removes what has expired is its program. */
export function keepingAll(keys: KeyKind): DatabaseOptions {
  const history = { maxBytes: FOREVER, maxAgeMs: FOREVER };
  return { keys, history, removeExpiredAfterMs: FOREVER };
}

/** Runs something with a database that is there, and closes it. Rejects as `Database.open` and `close`. */
export async function withDatabase<T>(
  directory: string,
  keys: KeyKind,
  run: (database: AnyDatabase) => Promise<T>,
): Promise<T> {
  const options = { ...keepingAll(keys), createIfMissing: false };
  const database: AnyDatabase = await Database.open(directory, options);
  try {
    return await run(database);
  } finally {
    await database.close();
  }
}
