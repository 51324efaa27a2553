// What a rewind would change, key by key, without doing it: found in the files, beside a live writer too.

import { nodeFileSystem } from "@tidemark/wal";
import { byteKeys, type Key, type KeyCodec, stringKeys } from "../arguments/keys.js";
import { resolveTarget, type Target } from "../arguments/target.js";
import { Pace } from "../pace.js";
import { compareStates, type Pair } from "../past/comparison.js";
import type { Difference } from "../past/diff.js";
import { readExisting } from "../past/existing.js";
import { type Entry, hasExpired } from "../state/entry.js";
import { entryRead } from "../state/reading.js";
import { isSameEntry } from "../writing/rewind.js";
import type { Run } from "./run.js";

/** In key order, with what each key has now (`before`) and would have (`after`). Rejects as `restore` does. */
export async function changesOfRewind(
  { signal }: Run,
  directory: string,
  target: Target,
): Promise<Difference<unknown, Key>[]> {
  const pace = new Pace(signal);
  const reading = { fileSystem: nodeFileSystem, clock: Date.now, pace };
  return await readExisting(
    directory,
    resolveTarget(target),
    reading,
    async (source, { offset }) => {
      const { log } = source;
      const now = Math.max(Date.now(), log.lastTime);
      const last = log.acknowledgedOffset - 1;
      const pairs = await compareStates(source, offset, last, () => false, pace);
      const keys: KeyCodec<Key> = source.keys === "string" ? stringKeys : byteKeys;
      return pairs.flatMap((pair) => changeOf(pair, now, keys));
    },
  );
}

function changeOf(
  { key, earlier, later }: Pair,
  now: number,
  keys: KeyCodec<Key>,
): Difference<unknown, Key>[] {
  const entries = [later, earlier].map((entry) => unexpired(entry, now));
  const [before, after] = entries;
  if (isSameEntry(before, after)) return [];
  const read = (entry: Entry | undefined) => entry && entryRead<unknown>(entry, keys, key);
  return [{ key: keys.decode(key), before: read(before), after: read(after) }];
}

/** An expired key has gone already, and does not come back. */
function unexpired(entry: Entry | undefined, now: number): Entry | undefined {
  return entry === undefined || hasExpired(entry, now) ? undefined : entry;
}
