// All that is fuzzed.

import type { Target } from "../target.js";
import { batches } from "./batches.js";
import { databaseDirectory } from "./database-directory.js";
import { commit, identity, value } from "./database-structures.js";
import { logDirectory } from "./log-directory.js";
import { batchIndex, lockText, manifest, segmentHeader } from "./log-structures.js";
import { snapshotFile } from "./snapshot-file.js";

export const targets: readonly Target[] = [
  manifest,
  segmentHeader,
  batches,
  batchIndex,
  lockText,
  identity,
  commit,
  value,
  snapshotFile,
  logDirectory,
  databaseDirectory,
];
