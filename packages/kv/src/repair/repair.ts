// Repairing a damaged database, only when asked to. Nothing is deleted: what cannot stay is set aside under another
// name, so that a repair can be undone by hand.

import { resolve } from "node:path";
import type { FileSystem } from "@tidemark/wal";
import {
  checkBoolean,
  checkCallable,
  checkPath,
  checkProperties,
  checkSignal,
  invalid,
} from "../arguments/arguments.js";
import type { KeyKind } from "../arguments/keys.js";
import { resolveClock, resolveFileSystem } from "../environment.js";
import { databaseError } from "../errors.js";
import type { InspectionProgress } from "./inspection.js";
import type { Keep } from "./repair-plan.js";
import type { RepairDatabaseReport } from "./repair-report.js";
import { type Repairing, repair } from "./repairing.js";

/** How to repair, or only to say what would be done. */
export interface RepairDatabaseOptions {
  /**
   * What stays where not everything can: `"history"`, the log up to its first damage, with every state up to there;
   * `"newest"`, the newest state, from a snapshot file and the whole commits that follow it. Where only one of them
   * is there, or the same, it need not be said.
   */
  readonly keep?: Keep | undefined;
  /** What keys are, where the file DATABASE is lost and no snapshot file tells. */
  readonly keys?: KeyKind | undefined;
  /** Only tells what would be done. Default false. */
  readonly dryRun?: boolean | undefined;
  readonly fileSystem?: FileSystem | undefined;
  /** Rejects with its reason, before anything that is there is changed. */
  readonly signal?: AbortSignal | undefined;
  /** Told a few times a second, through each time that the files are read. */
  readonly onProgress?: ((progress: InspectionProgress) => void) | undefined;
  /** ms since the Unix epoch; default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/**
 * Makes a damaged database one that opens again and passes `verifyDatabase` (but for values that cannot be read, which
 * stay as they are). Takes the writer's lock. Where acknowledged commits are lost, or the log's beginning, the log is made anew, with a
 * new id and the old one as its ancestry; offsets go on, and times stay. That needs room for a copy of what is kept. Durable when
 * it resolves; idempotent, also through a crash, after which nothing opens the database until it is called again.
 *
 * Rejects, with nothing changed, with `KV_INVALID_ARGUMENT` (also where `keep` or `keys` has to be given: the message says
 * what each choice keeps and loses), `KV_CORRUPT` (nothing is left to keep, or only the owner can know which of two files
 * is right), `KV_LOCKED`, `KV_NOT_FOUND`, `KV_UNSUPPORTED_VERSION`, `KV_NO_SPACE`, `KV_IO` or the signal's reason.
 */
export async function repairDatabase(
  directory: string,
  options: RepairDatabaseOptions = {},
): Promise<RepairDatabaseReport> {
  try {
    return await repair(resolveRepair(directory, options));
  } catch (error) {
    throw databaseError(error);
  }
}

function resolveRepair(directory: string, options: RepairDatabaseOptions): Repairing {
  const known = ["keep", "keys", "dryRun", "fileSystem", "signal", "onProgress", "clock"];
  checkProperties("options", options, known);
  const { keep, keys, dryRun = false, onProgress } = options;
  if (keep !== undefined && keep !== "history" && keep !== "newest") {
    throw invalid("keep", '"history" or "newest"', keep);
  }
  if (keys !== undefined && keys !== "string" && keys !== "bytes") {
    throw invalid("keys", '"string" or "bytes"', keys);
  }
  if (onProgress !== undefined) checkCallable("onProgress", onProgress);
  return {
    directory: resolve(checkPath("directory", directory)),
    keep,
    keys,
    dryRun: checkBoolean("dryRun", dryRun),
    fileSystem: resolveFileSystem(options.fileSystem),
    signal: checkSignal(options.signal),
    onProgress,
    clock: resolveClock(options.clock),
  };
}
