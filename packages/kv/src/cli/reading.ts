// A state to read: now, or at a target. It is made from the files at once, without the present where that is not
// asked for, and nothing on disk changes.

import { nodeFileSystem } from "@tidemark/wal";
import { byteKeys, type Key, type KeyCodec, type KeyKind, stringKeys } from "../arguments/keys.js";
import { resolveTarget, type Target } from "../arguments/target.js";
import { foldToState } from "../fold/fold-to-state.js";
import { OPENING_SLICE_MS, Pace } from "../pace.js";
import { readExisting } from "../past/existing.js";
import { timeOf } from "../past/reach.js";
import { View } from "../state/view.js";
import { findDatabase, identityOf } from "./directory.js";
import type { Run } from "./run.js";

export interface ReadState {
  readonly directory: string;
  readonly keys: KeyKind;
  readonly view: View<unknown, Key>;
}

/** The state of a database at a target, by default now. Rejects as `findDatabase` and `Database.at` do. */
export async function readState(
  given: string,
  target: Target | undefined,
  run: Run,
): Promise<ReadState> {
  const directory = await findDatabase(given);
  const { keys } = await identityOf(directory);
  const resolved = target === undefined ? undefined : resolveTarget(target);
  const pace = new Pace(run.signal, OPENING_SLICE_MS);
  run.progress.start("reading the database");
  const onCommits = (done: number, total: number) => run.progress.update("commits", done, total);
  const environment = { fileSystem: nodeFileSystem, clock: Date.now, pace };
  const view = await readExisting(directory, resolved, environment, async (source, destination) => {
    const { offset } = destination;
    const { result } = await foldToState(source, offset + 1, { pace, onCommits });
    const codec: KeyCodec<Key> = keys === "string" ? stringKeys : byteKeys;
    return new View<unknown, Key>(result.state, codec, offset, await timeOf(source, destination));
  });
  run.progress.clear();
  return { directory, keys, view };
}
