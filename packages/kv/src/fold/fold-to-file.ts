// A fold into a snapshot file, and reading one whole to be sure of it.

import type { FileSystem } from "@tidemark/wal";
import type { SnapshotFile } from "../formats/layout.js";
import type { SnapshotHeader } from "../formats/snapshot-format.js";
import { SnapshotWriter, type WrittenSnapshot } from "../formats/snapshot-writer.js";
import type { Pace } from "../pace.js";
import {
  damageOf,
  type Folded,
  type Folding,
  type FoldSource,
  fold,
  openBase,
  type SnapshotOwner,
} from "./fold.js";

/** How far a fold is. */
export interface FoldProgress {
  /** Commits of the log that were taken in, of `commitsTotal`. */
  readonly commits: number;
  readonly commitsTotal: number;
  /** Entries that were written. */
  readonly entries: number;
}

/** Where the file goes, and the log that it then belongs to. */
export interface SnapshotPlace {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly logId: string;
}

export interface FoldToFileOptions {
  readonly pace: Pace;
  /** ms since the Unix epoch. */
  readonly createdAt: number;
  readonly onProgress: ((progress: FoldProgress) => void) | undefined;
}

/** Writes the state of all commits below `endOffset`; durable when it resolves. Leaves no file when it rejects. */
export function foldToFile(
  source: FoldSource,
  endOffset: number,
  place: SnapshotPlace,
  { pace, createdAt, onProgress }: FoldToFileOptions,
): Promise<Folded<WrittenSnapshot>> {
  let progress: FoldProgress = { commits: 0, commitsTotal: 0, entries: 0 };
  const tell = (news: Partial<FoldProgress>) => {
    progress = { ...progress, ...news };
    onProgress?.(progress);
  };
  const onCommits = (commits: number, commitsTotal: number) => tell({ commits, commitsTotal });
  return fold(source, endOffset, { pace, onCommits }, async (folding) => {
    const { fileSystem, directory, logId } = place;
    const { keys } = source;
    const origin = { keys, logId, endOffset, time: folding.time, createdAt };
    const writer = await SnapshotWriter.create(fileSystem, directory, origin);
    return write(writer, folding, pace, (entries) => tell({ entries }));
  });
}

async function write(
  writer: SnapshotWriter,
  folding: Folding,
  pace: Pace,
  onEntries: (entries: number) => void,
): Promise<WrittenSnapshot> {
  let entries = 0;
  try {
    for await (const batch of folding.batches()) {
      for (const entry of batch) {
        writer.append(entry);
        // A batch is bounded by count: what it has of bytes may be a thousand times what a write takes.
        if (!writer.isFull) continue;
        await writer.drain();
        if (pace.due) await pace.rest();
      }
      entries += batch.length;
      onEntries(entries);
    }
    return await writer.finish(folding.marks());
  } catch (error) {
    // What cannot be removed now is removed by the next opening; why the fold failed matters more.
    await writer.abandon().catch(() => undefined);
    throw error;
  }
}

/** Reads a file to its end. Rejects with `KV_CORRUPT`. */
export async function verifySnapshot(
  owner: SnapshotOwner,
  file: SnapshotFile,
  pace: Pace,
): Promise<{ header: SnapshotHeader; size: number }> {
  const reader = await openBase(owner, file);
  try {
    for (const _ of reader.blocks()) if (pace.due) await pace.rest();
    return { header: reader.header, size: reader.size };
  } finally {
    reader.close();
  }
}

/** Whether a file reads back whole; rejects if that cannot be told. */
export async function isSound(
  owner: SnapshotOwner,
  file: SnapshotFile,
  pace: Pace,
): Promise<boolean> {
  try {
    await verifySnapshot(owner, file, pace);
    return true;
  } catch (error) {
    if (damageOf(file, error) === undefined) throw error;
    return false;
  }
}
