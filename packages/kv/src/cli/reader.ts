// A database opened to be read only, for what needs more of it than one state.

import type { Key, KeyKind } from "../arguments/keys.js";
import { Database } from "../database.js";
import { findDatabase, identityOf } from "./directory.js";
import type { Run } from "./run.js";

export interface Reader {
  readonly database: Database<unknown, Key>;
  readonly keys: KeyKind;
}

/** Opens a database beside its writer, for `read`, and closes it. It looks once for what there is. */
export async function withReader(
  given: string,
  run: Run,
  read: (reader: Reader) => Promise<void>,
): Promise<void> {
  const directory = await findDatabase(given);
  const { keys } = await identityOf(directory);
  run.progress.start("opening the database");
  const options = { keys, readOnly: true, refreshMs: 0 };
  const database: Database<unknown, Key> = await Database.open<unknown>(directory, options);
  try {
    run.progress.start("reading");
    await read({ database, keys });
  } finally {
    run.progress.clear();
    await database.close();
  }
}
