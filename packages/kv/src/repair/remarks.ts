// What lies in a database's directories and harms nothing.

import { join } from "node:path";
import type { FileSystem } from "@tidemark/wal";
import {
  IDENTITY_NAME,
  IDENTITY_TEMPORARY_NAME,
  isAside,
  isUnfinishedSnapshot,
  LOG_NAME,
  listIfThere,
  listSnapshots,
  logDirectory,
  REPAIR_NAME,
  REPAIR_TEMPORARY_NAME,
  repairedName,
  SNAPSHOTS_NAME,
  snapshotsDirectory,
} from "../formats/layout.js";
import type { Inspection } from "./inspection.js";

/** Something that is no damage and worth knowing. */
export interface Remark {
  /** Path of a file or directory. */
  readonly file: string;
  readonly message: string;
}

const UNFINISHED = "unfinished, and no part of the database: the next writer removes it";
const REPAIRING =
  "made by a repair that is under way or was cut off: the next repair goes on from it or removes it";
const ASIDE = "set aside by a repair: neither read nor changed";
const FOREIGN = "not the database's: neither read nor changed";

export async function remarksOn(
  fileSystem: FileSystem,
  directory: string,
  { log, isCreated }: Inspection,
): Promise<Remark[]> {
  const remarks: Remark[] = [];
  const add = (parent: string, name: string, message: string) => {
    remarks.push({ file: join(parent, name), message });
  };
  if (!isCreated) add(directory, SNAPSHOTS_NAME, "missing: the next opening makes it");
  const ours = [IDENTITY_NAME, LOG_NAME, SNAPSHOTS_NAME, REPAIR_NAME];
  const underRepair = [REPAIR_TEMPORARY_NAME, repairedName(LOG_NAME), repairedName(SNAPSHOTS_NAME)];
  for (const { name } of (await listIfThere(fileSystem, directory)) ?? []) {
    if (name === IDENTITY_TEMPORARY_NAME) add(directory, name, UNFINISHED);
    else if (underRepair.includes(name)) add(directory, name, REPAIRING);
    else if (!ours.includes(name)) add(directory, name, isAside(name) ? ASIDE : FOREIGN);
  }
  const parent = snapshotsDirectory(directory);
  const files = (await listSnapshots(fileSystem, parent)).map(({ path }) => path);
  for (const { name } of (await listIfThere(fileSystem, parent)) ?? []) {
    if (isUnfinishedSnapshot(name)) add(parent, name, UNFINISHED);
    else if (!files.includes(join(parent, name))) {
      add(parent, name, isAside(name) ? ASIDE : FOREIGN);
    }
  }
  for (const name of log?.leftovers ?? []) add(logDirectory(directory), name, UNFINISHED);
  for (const name of log?.foreign ?? []) add(logDirectory(directory), name, FOREIGN);
  return remarks;
}
