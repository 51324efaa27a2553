// All entries of a state, in key order, from the files at once: the database is not loaded for it. Its owner may go on
// meanwhile; where that removes what is being read, it is gone on from the last key, at the same offset.

import { nodeFileSystem } from "@tidemark/wal";
import { byteKeys, type Key, type KeyCodec, stringKeys } from "../arguments/keys.js";
import { resolveTarget, type Target } from "../arguments/target.js";
import { DatabaseError } from "../errors.js";
import { type FoldSource, fold } from "../fold/fold.js";
import { Pace } from "../pace.js";
import { readExisting } from "../past/existing.js";
import { timeOf } from "../past/reach.js";
import { hasExpired, type SnapshotEntry } from "../state/entry.js";
import { readBack } from "../state/reading.js";
import type { Begun } from "./export-file.js";
import type { ExportEntry, ExportHead } from "./export-format.js";
import type { Run } from "./run.js";

/** Where entries go. */
export interface Sink {
  head(head: ExportHead): Promise<void>;
  entry(entry: ExportEntry): Promise<void>;
}

/** Gives all entries to `sink`, but for those that an export had `begun` with; resolves with the head. */
export async function exportState(
  run: Run,
  directory: string,
  target: Target | undefined,
  begun: Begun | undefined,
  sink: Sink,
): Promise<ExportHead> {
  const pace = new Pace(run.signal);
  const reading = { fileSystem: nodeFileSystem, clock: Date.now, pace };
  const from = begun === undefined ? target : (target ?? { offset: begun.head.offset });
  const resolved = from && resolveTarget(from);
  let head = begun?.head;
  let last: string | undefined;
  return await readExisting(directory, resolved, reading, async (source, destination) => {
    const codec: KeyCodec<Key> = source.keys === "string" ? stringKeys : byteKeys;
    if (begun !== undefined) checkSame(begun.head, source, destination.offset);
    if (last === undefined && begun?.last !== undefined) last = codec.encode(begun.last);
    const time = head?.time ?? (await timeOf(source, destination));
    const { keys } = source;
    const found = head ?? { keys, logId: source.log.id, offset: destination.offset, time };
    if (head === undefined) await sink.head(found);
    head = found;
    const give = async (entry: SnapshotEntry) => {
      if (hasExpired(entry, found.time) || (last !== undefined && entry.key <= last)) return;
      const { key, expiry } = entry;
      await sink.entry({ key: codec.decode(key), value: readBack(entry, codec, entry), expiry });
      last = key;
    };
    await eachEntry(run, source, found, pace, give);
    return found;
  });
}

function checkSame(head: ExportHead, { log, keys }: FoldSource, offset: number): void {
  if (head.logId === log.id && head.offset === offset && head.keys === keys) return;
  const told = `the export that was cut off is of log ${head.logId} at offset ${head.offset}`;
  throw new DatabaseError("KV_INVALID_ARGUMENT", `${told}, and this is another`, { offset });
}

async function eachEntry(
  { progress }: Run,
  source: FoldSource,
  { offset }: ExportHead,
  pace: Pace,
  give: (entry: SnapshotEntry) => Promise<void>,
): Promise<void> {
  const onCommits = (done: number, total: number) => progress.update("commits", done, total);
  let entries = 0;
  await fold(source, offset + 1, { pace, onCommits }, async (folding) => {
    for await (const batch of folding.batches()) {
      for (const entry of batch) {
        await give(entry);
        if (pace.due) await pace.rest();
      }
      entries += batch.length;
      progress.update("entries", entries);
    }
  });
}
