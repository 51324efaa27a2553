// The database behind a TidemarkLevel: keys in both forms that Level has, in the order of their bytes.

import { invalid } from "../arguments/arguments.js";
import { Database } from "../database.js";
import { databaseError } from "../errors.js";
import { openDatabase } from "../open-database.js";
import { type DatabaseOptions, resolveOptions } from "../options.js";
import { levelError } from "./errors.js";
import { type LevelKey, levelKeys } from "./keys.js";
import type { LevelValue } from "./values.js";

/**
 * What a TidemarkLevel keeps its entries in. Keys may be given as text or as bytes and come out as bytes, in a `Buffer`;
 * values are text where Level's encoding made text, and bytes otherwise.
 */
export type LevelDatabase = Database<LevelValue, LevelKey>;

/** Options of the database; its keys are bytes. */
export type LevelStoreOptions = Omit<DatabaseOptions, "keys">;

/** Names of those options. Others are nothing to us: abstract-level lets hooks have options of their own. */
const KNOWN: readonly (keyof LevelStoreOptions)[] = [
  "log",
  "checkpointBytes",
  "removeExpiredAfterMs",
  "history",
  "onReport",
  "readOnly",
  "refreshMs",
  "createIfMissing",
  "errorIfExists",
];

/** `options` are as abstract-level hands them over: it says of every opening whether to create. */
export async function openLevelDatabase(
  location: string,
  options: LevelStoreOptions & { readonly keys?: unknown },
): Promise<LevelDatabase> {
  try {
    if (options.keys !== undefined) throw invalid("keys", "left out: they are bytes", options.keys);
    const given = Object.fromEntries(KNOWN.map((name) => [name, options[name]]));
    if (options.readOnly === true) given["createIfMissing"] = false;
    const resolved = resolveOptions({ ...given, keys: "bytes" });
    const opened = await openDatabase(location, resolved);
    return new Database<LevelValue, LevelKey>(opened, resolved, levelKeys);
  } catch (error) {
    throw levelError(databaseError(error));
  }
}
