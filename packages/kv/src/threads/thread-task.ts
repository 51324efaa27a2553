// What a thread of its own is asked to do with the files of a database, and what it answers: plain values, which
// cross between threads by being copied.

import type { KeyKind } from "../arguments/keys.js";
import type { MadeBackup } from "../backup/backup-report.js";
import type { PlainError } from "../errors.js";
import type { Folded } from "../fold/fold.js";
import type { FoldProgress } from "../fold/fold-to-file.js";
import type { SnapshotFile } from "../formats/layout.js";
import type { WrittenSnapshot } from "../formats/snapshot-writer.js";

/** Writes the snapshot file of all commits below `endOffset`. */
export interface FoldTask {
  readonly kind: "fold";
  /** Directory of the log, which its writer has open in this process. */
  readonly log: string;
  readonly snapshots: string;
  readonly keys: KeyKind;
  /** The log's `sync` has resolved with it, or more. */
  readonly endOffset: number;
  /** ms since the Unix epoch. */
  readonly createdAt: number;
}

/** Reads a snapshot file to its end. */
export interface VerifyTask {
  readonly kind: "verify";
  readonly file: SnapshotFile;
  readonly keys: KeyKind;
  readonly logId: string;
}

/** Makes a backup. */
export interface BackupTask {
  readonly kind: "backup";
  /** As of a fold. */
  readonly log: string;
  readonly snapshots: string;
  readonly keys: KeyKind;
  readonly endOffset: number;
  readonly createdAt: number;
  /** From this offset on its owner holds everything, until the thread has ended. */
  readonly heldFrom: number;
  /** As of a backup's job. */
  readonly destination: string;
  readonly temporary: string;
  readonly segmentBytes: number | undefined;
}

export type ThreadTask = FoldTask | VerifyTask | BackupTask;

/** What the thread begins with. */
export interface ThreadStart {
  readonly task: ThreadTask;
  /** Whether anyone wants to know how far it is. */
  readonly tells: boolean;
}

export type ThreadResult =
  | { readonly kind: "fold"; readonly folded: Folded<WrittenSnapshot> }
  | { readonly kind: "verify"; readonly sound: boolean }
  | { readonly kind: "backup"; readonly made: MadeBackup };

/** The last of these is `done`, `failed` or `ended`, unless the thread dies. */
export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly progress: FoldProgress }
  | { readonly kind: "done"; readonly result: ThreadResult }
  | { readonly kind: "failed"; readonly error: PlainError }
  | { readonly kind: "ended" };

/** Whatever is sent to the thread ends it at the next slice. */
export const END = "end";
