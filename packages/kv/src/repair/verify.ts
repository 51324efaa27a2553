// Verifying a database, at rest or beside its writer: its files one by one, and how they fit. Read-only; damage is
// listed, not thrown.

import { resolve } from "node:path";
import type { FileSystem, VerifyReport } from "@tidemark/wal";
import { checkCallable, checkPath, checkProperties, checkSignal } from "../arguments/arguments.js";
import { resolveFileSystem } from "../environment.js";
import { databaseError, type ReachableRange } from "../errors.js";
import { listSnapshots, snapshotsDirectory } from "../formats/layout.js";
import { type DatabaseDamage, damageIn } from "./damage.js";
import { type Inspection, type InspectionProgress, inspect } from "./inspection.js";
import { reachableRanges } from "./reachable.js";
import { type Remark, remarksOn } from "./remarks.js";

/** What ends verifying early, and who is told how far it is. */
export interface VerifyDatabaseOptions {
  readonly fileSystem?: FileSystem | undefined;
  /** Rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told a few times a second. */
  readonly onProgress?: ((progress: InspectionProgress) => void) | undefined;
}

/** A snapshot file as it was found. */
export interface VerifiedSnapshot {
  readonly file: string;
  /** It is named for holding every commit below this offset. */
  readonly endOffset: number;
  /** It is whole and holds what it is to hold. */
  readonly ok: boolean;
  /** Entries and marks that it says it has; 0 if even its header is damaged. */
  readonly entries: number;
  readonly marks: number;
  /** Bytes. */
  readonly size: number;
}

/** All that verifying has found. */
export interface VerifyDatabaseReport {
  /** No damage. Torn bytes at the log's end are none (see `log.torn`), nor is anything among the remarks. */
  readonly ok: boolean;
  readonly damage: readonly DatabaseDamage[];
  /** What is odd and harms nothing: unfinished and foreign files, a creation that was cut off. */
  readonly remarks: readonly Remark[];
  /** The commits whose state the files make, in ranges; `Database.at` reaches those, once the database opens. */
  readonly reachable: readonly ReachableRange[];
  /** What `verifyLog` says of the log; undefined if there is none. */
  readonly log: VerifyReport | undefined;
  /** Newest first. */
  readonly snapshots: readonly VerifiedSnapshot[];
  /** Commits of the log that can be replayed, and their operations. */
  readonly commits: number;
  readonly operations: number;
  /** Bytes that were read and checked, of the log and of snapshot files. */
  readonly bytes: number;
  readonly durationMs: number;
}

/** Attempts while a live writer changes the snapshot files under the reading. */
const ATTEMPTS_MAX = 5;

/**
 * Reads a whole database: every checksum of the log and of the snapshot files, every commit and every value, and
 * whether each snapshot file holds what the one before it and the log make. Changes nothing and takes no lock; beside a live
 * writer it raises no false alarm. It takes less memory than the open database: for each key that changed between two
 * snapshot files a fingerprint, no values. Resolves with all the damage that it finds. Rejects with
 * `KV_NOT_FOUND`, `KV_UNSUPPORTED_VERSION`, `KV_IO`, `KV_INVALID_ARGUMENT` or the signal's reason.
 */
export async function verifyDatabase(
  directory: string,
  options: VerifyDatabaseOptions = {},
): Promise<VerifyDatabaseReport> {
  try {
    const startMs = performance.now();
    checkProperties("options", options, ["fileSystem", "signal", "onProgress"]);
    const { onProgress } = options;
    if (onProgress !== undefined) checkCallable("onProgress", onProgress);
    const signal = checkSignal(options.signal);
    const fileSystem = resolveFileSystem(options.fileSystem);
    const path = resolve(checkPath("directory", directory));
    const report = await verify(path, { fileSystem, signal, onProgress });
    return { ...report, durationMs: performance.now() - startMs };
  } catch (error) {
    throw databaseError(error);
  }
}

type InspectionArguments = Parameters<typeof inspect>;

async function verify(...[directory, options]: InspectionArguments) {
  const { fileSystem } = options;
  for (let attempt = 1; ; attempt++) {
    const before = await namesOf(fileSystem, directory);
    const inspection = await inspect(directory, options);
    const damage = damageIn(directory, inspection);
    const stands = damage.length === 0 || before === (await namesOf(fileSystem, directory));
    if (!stands && attempt < ATTEMPTS_MAX) continue;
    const remarks = await remarksOn(fileSystem, directory, inspection);
    return { ...reportOf(inspection, damage), remarks };
  }
}

/** The snapshot files that there are: a writer that cuts its log has written one before, and removes old ones. */
async function namesOf(fileSystem: FileSystem, directory: string): Promise<string> {
  const files = await listSnapshots(fileSystem, snapshotsDirectory(directory));
  return files.map(({ path }) => path).join("\n");
}

function reportOf(inspection: Inspection, damage: readonly DatabaseDamage[]) {
  const { log, snapshots, commits } = inspection;
  const verified = snapshots.map(({ path, endOffset, header, size, fault }) => ({
    file: path,
    endOffset,
    ok: fault === undefined && !commits.differing.has(path),
    entries: header?.entryCount ?? 0,
    marks: header?.markCount ?? 0,
    size,
  }));
  return {
    ok: damage.length === 0,
    damage,
    reachable: reachableRanges(inspection),
    log,
    snapshots: verified,
    commits: commits.commits,
    operations: commits.operations,
    bytes: verified.reduce((sum, { size }) => sum + size, log?.bytes ?? 0),
  };
}
