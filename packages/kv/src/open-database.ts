// Opening: the directory, then the log, then the state. Nothing is changed in a directory that is something
// else, and nothing is believed of a snapshot file that the log does not bear out.

import { join, resolve } from "node:path";
import { type DirectoryEntry, type FileSystem, Log, LogError } from "@tidemark/wal";
import { checkPath, invalidArgument } from "./arguments/arguments.js";
import { tellRecovery } from "./channels.js";
import type { CommitLog, OpenedLog, OpenLog } from "./commit-log.js";
import { corrupt, DatabaseError, hasCode } from "./errors.js";
import { type FoldSource, openBase, type SkippedSnapshot } from "./fold/fold.js";
import { foldToState } from "./fold/fold-to-state.js";
import type { Identity } from "./formats/identity.js";
import { createIdentity, readIdentity } from "./formats/identity-file.js";
import {
  IDENTITY_NAME,
  IDENTITY_TEMPORARY_NAME,
  isFileSystemError,
  LOG_NAME,
  listIfThere,
  listSnapshots,
  logDirectory,
  makeDirectoryIfMissing,
  REPAIR_NAME,
  removeOutdatedSnapshots,
  removeUnfinishedSnapshots,
  SNAPSHOTS_NAME,
  type SnapshotFile,
  snapshotsDirectory,
} from "./formats/layout.js";
import { COMMIT_BYTES_MAX } from "./formats/operations.js";
import type { ResolvedOptions } from "./options.js";
import { OPENING_SLICE_MS, Pace } from "./pace.js";
import { syncName } from "./past/destination.js";
import type { RecoveryReport } from "./recovery-report.js";
import type { Mark } from "./state/entry.js";
import type { State } from "./state/state.js";
import { unlessCut } from "./upkeep/moving-window.js";
import { Pins } from "./upkeep/pins.js";

/** The parts of an open database. */
export interface OpenedDatabase {
  readonly directory: string;
  readonly log: OpenedLog;
  readonly source: FoldSource;
  readonly state: State;
  /** The state is that of all commits below it; the log of a reader may learn of more. */
  readonly endOffset: number;
  readonly marks: Map<string, Mark>;
  /** End offset of the snapshot file that the state began from. */
  readonly snapshotOffset: number | undefined;
  readonly recovery: RecoveryReport;
}

/** `openLog` gives the log that stands behind the database: here one of files, by default. */
export async function openDatabase(
  given: string,
  options: ResolvedOptions,
  openLog: OpenLog<OpenedLog> = openLogOfFiles,
): Promise<OpenedDatabase> {
  const startMs = performance.now();
  const directory = resolve(checkPath("directory", given));
  await readyDirectory(directory, options);
  const { log, source, snapshots } = await openSource(directory, options, openLog);
  try {
    const settled = !options.readOnly || log.recovery.orderly;
    const ahead = await checkFit(source, snapshots, settled);
    if (!options.readOnly) await finishCreation(directory, options, log);
    const { endOffset, folded } = await foldWhole(source, log, options.readOnly);
    const { fileSystem } = options;
    if (!options.readOnly) {
      await removeOutdatedSnapshots(fileSystem, source.snapshots, log.startOffset);
    }
    const recovery = {
      log: log.recovery,
      snapshot: folded.base?.path,
      skipped: [...ahead, ...folded.skipped],
      commits: folded.commits,
      durationMs: performance.now() - startMs,
    };
    const snapshotOffset = folded.base?.endOffset;
    tellRecovery(directory, options.readOnly, recovery);
    return { directory, log, source, endOffset, ...folded.result, snapshotOffset, recovery };
  } catch (error) {
    // Why it could not be opened matters more than how letting go of the log went.
    await log.close().catch(() => undefined);
    throw error;
  }
}

/** The state of all commits. What the owner of a read-only database removes meanwhile is looked for elsewhere. */
async function foldWhole(source: FoldSource, log: OpenedLog, readOnly: boolean) {
  const run = async () => {
    const endOffset = log.acknowledgedOffset;
    return {
      endOffset,
      folded: await foldToState(source, endOffset, {
        pace: new Pace(undefined, OPENING_SLICE_MS),
      }),
    };
  };
  if (!readOnly) return await run();
  return await unlessCut(source, run, () => log.refresh());
}

/** Sees to it that there is a DATABASE of the right kind, and refuses every directory where there cannot be. */
async function readyDirectory(directory: string, options: ResolvedOptions): Promise<void> {
  const { fileSystem, createIfMissing, errorIfExists, clock } = options;
  const entries = await listIfThere(fileSystem, directory);
  refuseUnfinishedRepair(directory, entries);
  const found = await readIdentity(fileSystem, directory);
  if (found !== undefined) {
    const complete = entries?.some(({ name }) => name === SNAPSHOTS_NAME);
    if (errorIfExists && complete) {
      throw new DatabaseError("KV_EXISTS", "there is a database already", { file: directory });
    }
    checkKeys(found, options);
    return;
  }
  const names = entries?.map(({ name }) => name) ?? [];
  await refuseForeign(directory, names, fileSystem);
  if (!createIfMissing) throw noDatabase(directory);
  await checkLogOptions(directory, options);
  await makeDirectoryIfMissing(fileSystem, directory);
  await createIdentity(fileSystem, directory, { keys: options.keys, createdAt: clock() });
  // Someone else may have been faster.
  const made = await readIdentity(fileSystem, directory);
  if (made !== undefined) checkKeys(made, options);
}

/** A repair that was cut off may have put one part in place and not the other. */
function refuseUnfinishedRepair(
  directory: string,
  entries: readonly DirectoryEntry[] | undefined,
): void {
  if (!entries?.some(({ name }) => name === REPAIR_NAME)) return;
  const file = join(directory, REPAIR_NAME);
  throw corrupt("a repair of this database was cut off: call repairDatabase again", file);
}

/** Options that the log would refuse are refused before anything is made: it looks at them first. */
async function checkLogOptions(directory: string, { log }: ResolvedOptions): Promise<void> {
  try {
    const unexpected = await Log.open(logDirectory(directory), { ...log, createIfMissing: false });
    await unexpected.close();
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== "LOG_NOT_FOUND") throw error;
  }
}

function noDatabase(directory: string): DatabaseError {
  return new DatabaseError("KV_NOT_FOUND", "there is no database here", { file: directory });
}

function checkKeys({ keys }: Identity, options: ResolvedOptions): void {
  if (keys === options.keys) return;
  throw invalidArgument(
    `the keys of this database are ${JSON.stringify(keys)}: open it with that as its option \`keys\``,
  );
}

/** For a directory without DATABASE: empty, or what an unfinished creation left, or not ours to touch. */
async function refuseForeign(
  directory: string,
  names: readonly string[],
  fileSystem: FileSystem,
): Promise<void> {
  const others = names.filter((name) => name !== IDENTITY_TEMPORARY_NAME);
  if (others.length === 0) return;
  if (others.includes(LOG_NAME)) {
    const log = await listIfThere(fileSystem, logDirectory(directory));
    if (log?.some(({ name }) => name === "MANIFEST")) {
      throw corrupt(`${IDENTITY_NAME} is missing beside a log`, directory);
    }
  }
  throw invalidArgument(
    `${directory} is not empty and holds no database: there is ${JSON.stringify(others[0])}`,
  );
}

interface OpenedSource<L extends OpenedLog> {
  readonly log: L;
  readonly source: FoldSource;
  /** Snapshot files, newest first, as they were before the log was opened. */
  readonly snapshots: readonly SnapshotFile[];
}

/** Opens what earlier states of a database are made from, to be read only; its owner may be at work or dead. */
export async function openExisting(
  directory: string,
  fileSystem: FileSystem,
  clock: () => number,
): Promise<OpenedSource<Log>> {
  refuseUnfinishedRepair(directory, await listIfThere(fileSystem, directory));
  const identity = await readIdentity(fileSystem, directory);
  if (identity === undefined) throw noDatabase(directory);
  const log = { fileSystem, clock, maxRecordBytes: COMMIT_BYTES_MAX, readOnly: true };
  const opened = await openSource(
    directory,
    { fileSystem, log, keys: identity.keys },
    openLogOfFiles,
  );
  try {
    await checkFit(opened.source, opened.snapshots, opened.log.recovery.orderly);
    return opened;
  } catch (error) {
    await opened.log.close().catch(() => undefined);
    throw error;
  }
}

/** Opens the log of a database that is there; it is made where an unfinished creation has not come to it. */
async function openSource<L extends OpenedLog>(
  directory: string,
  { fileSystem, log: logOptions, keys }: Pick<ResolvedOptions, "fileSystem" | "log" | "keys">,
  openLog: OpenLog<L>,
): Promise<OpenedSource<L>> {
  // Listed before the log is opened: a writer beside a reader syncs its log before it writes a snapshot file.
  const directoryOfSnapshots = snapshotsDirectory(directory);
  const snapshots = await listSnapshots(fileSystem, directoryOfSnapshots);
  const complete = (await listIfThere(fileSystem, directoryOfSnapshots)) !== undefined;
  const logPath = logDirectory(directory);
  const log = await openLog(logPath, complete, logOptions);
  const source = { fileSystem, log, snapshots: directoryOfSnapshots, keys, pins: new Pins() };
  return { log, source, snapshots };
}

async function openLogOfFiles(
  path: string,
  mustExist: boolean,
  options: ResolvedOptions["log"],
): Promise<Log> {
  const { readOnly } = options;
  try {
    return await Log.open(path, readOnly ? options : { ...options, createIfMissing: !mustExist });
  } catch (error) {
    if (!mustExist || !(error instanceof LogError) || error.code !== "LOG_NOT_FOUND") throw error;
    throw new DatabaseError("KV_CORRUPT", "the log of this database is missing", {
      file: path,
      cause: error,
    });
  }
}

/**
 * Judges snapshot files that claim commits which the log does not have. A checkpoint covers only what is on stable
 * storage, so the log has lost acknowledged commits, and opening is refused. Beside a live writer, though, a
 * reader's log ends where the writer has stated it durable, which may be a moment before: then such files are
 * passed over. Returns those.
 */
async function checkFit(
  source: FoldSource,
  snapshots: readonly SnapshotFile[],
  settled: boolean,
): Promise<SkippedSnapshot[]> {
  const { endOffset } = source.log;
  const ahead: SkippedSnapshot[] = [];
  for (const { path, endOffset: claimed } of snapshots) {
    if (claimed <= endOffset || !(await isSound(source, { path, endOffset: claimed }))) continue;
    const reason = `it holds the commits below ${claimed}, but the log ends at ${endOffset}`;
    if (settled) {
      throw new DatabaseError("KV_CORRUPT", `this snapshot file does not fit the log: ${reason}`, {
        file: path,
        offset: endOffset,
      });
    }
    ahead.push({ file: path, reason });
  }
  return ahead;
}

/** Whether a file's header is that of a snapshot of this log: anything else claims nothing. */
async function isSound(source: FoldSource, file: SnapshotFile): Promise<boolean> {
  try {
    const reader = await openBase(source, file);
    reader.close();
    return true;
  } catch (error) {
    // Or its owner, in another process, has removed it since it was listed.
    if (hasCode(error, "KV_CORRUPT") || isFileSystemError(error, "ENOENT")) return false;
    throw error;
  }
}

/** The directory of snapshots comes last of all: where it is, there must be a log. */
async function finishCreation(
  directory: string,
  { fileSystem }: ResolvedOptions,
  log: CommitLog,
): Promise<void> {
  // Without this, a crash could take the name of a copy from under its first commits: who made it may have died
  // before the name was durable.
  if (log.ancestry !== undefined && log.endOffset <= log.ancestry.offset) {
    await syncName(fileSystem, directory);
  }
  const snapshots = snapshotsDirectory(directory);
  const made = await makeDirectoryIfMissing(fileSystem, snapshots);
  // Without this sync, a crash could take the directory, and with it snapshot files that were reported as durable.
  if (!made) await fileSystem.syncDirectory(directory);
  await removeUnfinishedSnapshots(fileSystem, snapshots);
}
