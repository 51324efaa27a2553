// All that there is to know of a database's files, sound or not: what verifying reports and repairing works from.
// Read-only. Damage is found, not thrown; only what prevents looking throws.

import { basename } from "node:path";
import {
  type FileSystem,
  FileSystemError,
  LogError,
  type VerifyReport,
  verifyLog,
} from "@tidemark/wal";
import type { KeyKind } from "../arguments/keys.js";
import { DatabaseError, hasCode } from "../errors.js";
import { misfitOf } from "../fold/fold.js";
import type { Identity } from "../formats/identity.js";
import { readIdentity } from "../formats/identity-file.js";
import {
  IDENTITY_NAME,
  listIfThere,
  listSnapshots,
  partsOf,
  REPAIR_NAME,
  type SnapshotFile,
} from "../formats/layout.js";
import { Pace } from "../pace.js";
import { LogCheck } from "./log-check.js";
import { type CheckedSnapshot, checkSnapshot } from "./snapshot-check.js";

/** How far an inspection is: of the snapshot files first, then of the log. */
export interface InspectionProgress {
  readonly part: "snapshots" | "log";
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface InspectionOptions {
  readonly fileSystem: FileSystem;
  readonly signal: AbortSignal | undefined;
  /** What keys are where no file tells. */
  readonly keys?: KeyKind | undefined;
  readonly onProgress: ((progress: InspectionProgress) => void) | undefined;
}

export interface Inspection {
  /** Undefined if it is missing or damaged. */
  readonly identity: Identity | undefined;
  /** Why DATABASE does not make the directory a database. */
  readonly identityFault: string | undefined;
  /** As DATABASE says, or else the newest snapshot file; undefined if nothing tells. */
  readonly keys: KeyKind | undefined;
  /** Undefined if there is none. */
  readonly log: VerifyReport | undefined;
  /** As the log says, or else the newest snapshot file; undefined if nothing tells. */
  readonly logId: string | undefined;
  /** What the log's records are as commits. */
  readonly commits: LogCheck;
  /** Newest first. */
  readonly snapshots: readonly CheckedSnapshot[];
  /** Creation comes to the directory of snapshots last of all: without it, a log may not be there yet. */
  readonly isCreated: boolean;
  /** A repair was cut off while it put things in place. */
  readonly isUnderRepair: boolean;
}

/** Looks at everything. Rejects with `KV_NOT_FOUND` where there is nothing of a database, or why it cannot look. */
export async function inspect(
  directory: string,
  options: InspectionOptions,
  parts = partsOf(directory),
): Promise<Inspection> {
  const { fileSystem, signal } = options;
  const pace = new Pace(signal);
  const names = (await listIfThere(fileSystem, directory))?.map(({ name }) => name) ?? [];
  const { identity, fault: identityFault } = await identityIn(fileSystem, directory);
  // Before the log: beside a live writer it has what a snapshot file has, once that is there.
  const files = await listSnapshots(fileSystem, parts.snapshots);
  const checked = await checkSnapshots(files, pace, options);
  const newest = checked.find(({ fault }) => fault === undefined)?.header;
  const keys = identity?.keys ?? newest?.keys ?? options.keys;
  // Where nothing tells the kind, every key of either is one of bytes.
  const owner = { fileSystem, keys: keys ?? "bytes" };
  const checkOf = (id: string) => {
    const own = belonging(checked, id, owner.keys).filter(({ fault }) => fault === undefined);
    return new LogCheck({ ...owner, log: { id } }, own, pace);
  };
  const { log, commits } = await inspectLog(parts.log, checkOf, options);
  const isCreated = names.includes(basename(parts.snapshots));
  const isUnderRepair = names.includes(REPAIR_NAME);
  if (!names.includes(IDENTITY_NAME) && log === undefined && files.length === 0) {
    throw new DatabaseError("KV_NOT_FOUND", "there is no database here", { file: directory });
  }
  const logId = log?.logId ?? newest?.logId;
  const snapshots = belonging(checked, logId, owner.keys);
  const found = { identity, identityFault, keys, log, logId, commits, snapshots };
  return { ...found, isCreated, isUnderRepair };
}

async function identityIn(
  fileSystem: FileSystem,
  directory: string,
): Promise<{ identity?: Identity; fault?: string }> {
  try {
    const identity = await readIdentity(fileSystem, directory);
    return identity === undefined ? { fault: `${IDENTITY_NAME} is missing` } : { identity };
  } catch (error) {
    if (!hasCode(error, "KV_CORRUPT")) throw error;
    return { fault: error.message };
  }
}

async function checkSnapshots(
  files: readonly SnapshotFile[],
  pace: Pace,
  { fileSystem, onProgress }: InspectionOptions,
): Promise<CheckedSnapshot[]> {
  const checked: CheckedSnapshot[] = [];
  const sizes = files.map(({ path }) => sizeIfThere(fileSystem, path));
  const bytesTotal = sizes.reduce((sum, size) => sum + size, 0);
  let before = 0;
  for (const [index, file] of files.entries()) {
    const tell = (bytes: number) => {
      onProgress?.({ part: "snapshots", bytesDone: before + bytes, bytesTotal });
    };
    const found = await checkSnapshot(fileSystem, file, pace, tell);
    before += sizes[index] ?? 0;
    if (found !== undefined) checked.push(found);
  }
  return checked;
}

/** For progress alone: what cannot be looked at is found when its turn comes. */
function sizeIfThere(fileSystem: FileSystem, path: string): number {
  try {
    return fileSystem.sizeSync(path);
  } catch (error) {
    if (error instanceof FileSystemError) return 0;
    throw error;
  }
}

/** Whole files of another log, or with keys of another kind, are at fault here. */
function belonging(
  checked: readonly CheckedSnapshot[],
  logId: string | undefined,
  keys: KeyKind,
): CheckedSnapshot[] {
  return checked.map((file) => {
    const { header, fault } = file;
    if (header === undefined || fault !== undefined) return file;
    const message = misfitOf(header, file, logId ?? header.logId, keys);
    return message === undefined ? file : { ...file, fault: { message, position: 0 } };
  });
}

async function inspectLog(
  path: string,
  checkOf: (logId: string) => LogCheck,
  { fileSystem, signal, onProgress }: InspectionOptions,
): Promise<{ log: VerifyReport | undefined; commits: LogCheck }> {
  let commits = checkOf("");
  try {
    const log = await verifyLog(path, {
      fileSystem,
      ...(signal && { signal }),
      onProgress: (progress) => onProgress?.({ part: "log", ...progress }),
      visit: (logId) => {
        const check = checkOf(logId);
        commits = check;
        return (record) => check.visit(record);
      },
    });
    await commits.finish();
    return { log, commits };
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== "LOG_NOT_FOUND") throw error;
    return { log: undefined, commits };
  }
}
