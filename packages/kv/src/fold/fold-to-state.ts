// The fold that ends in a state in memory: a snapshot file builds it, and the commits after are applied to it one by
// one, as they were when they were written. Nothing is sorted or merged for it, and memory holds each entry once.

import type { SnapshotFile } from "../formats/layout.js";
import type { Operation } from "../formats/operations.js";
import { RecordedCommit } from "../formats/recorded-commit.js";
import type { SnapshotReader } from "../formats/snapshot-reader.js";
import type { Pace } from "../pace.js";
import type { Mark } from "../state/entry.js";
import { State, StateBuilder } from "../state/state.js";
import { type Folded, type FoldOptions, type FoldSource, openBase, withBase } from "./fold.js";

/** A state in memory, with the marks of all commits in it. */
export interface LoadedState {
  readonly state: State;
  readonly marks: Map<string, Mark>;
}

/** The state of all commits below `endOffset`, which are acknowledged. As `fold` otherwise. */
export async function foldToState(
  source: FoldSource,
  endOffset: number,
  options: FoldOptions,
): Promise<Folded<LoadedState>> {
  const { result, base, skipped } = await withBase(source, endOffset, (file) =>
    foldFrom(source, file, endOffset, options),
  );
  return { ...result, base, skipped };
}

async function foldFrom(
  source: FoldSource,
  file: SnapshotFile | undefined,
  endOffset: number,
  options: FoldOptions,
): Promise<Pick<Folded<LoadedState>, "result" | "commits" | "time">> {
  const loading = new Loading();
  if (file !== undefined) {
    const base = await openBase(source, file);
    try {
      await loading.build(base, options.pace);
    } finally {
      base.close();
    }
  }
  const from = file?.endOffset ?? source.log.startOffset;
  const commits = await applyCommits(loading, source, from, endOffset, options);
  const { state, marks, time } = loading;
  return { result: { state, marks }, commits, time };
}

/** Returns how many there were. */
async function applyCommits(
  loading: Loading,
  { log, keys }: FoldSource,
  from: number,
  to: number,
  { pace, onCommits }: FoldOptions,
): Promise<number> {
  let commits = 0;
  for (const record of log.records({ from, to })) {
    const commit = new RecordedCommit(record, keys);
    loading.time = record.time;
    for (;;) {
      const { operations, complete } = commit.next();
      for (const operation of operations) loading.apply(operation, record.offset, record.time);
      if (complete) break;
      if (pace.due) await pace.rest();
    }
    commits += 1;
    if (!pace.due) continue;
    onCommits?.(commits, to - from);
    await pace.rest();
  }
  onCommits?.(commits, to - from);
  return commits;
}

class Loading {
  state = new State();
  readonly marks = new Map<string, Mark>();
  /** Time of the last commit included, in ms; 0 if there is none. */
  time = 0;

  /** Takes in a snapshot file, before all commits. */
  async build(base: SnapshotReader, pace: Pace): Promise<void> {
    const builder = new StateBuilder();
    for (const block of base.blocks()) {
      for (const entry of block) builder.append(entry);
      if (pace.due) await pace.rest();
    }
    this.state = builder.build();
    this.time = base.header.time;
    for (const [name, mark] of base.marks) this.marks.set(name, mark);
  }

  apply(operation: Operation, offset: number, time: number): void {
    if (operation.kind === "mark") this.marks.set(operation.name, { offset, time });
    else this.state.apply(operation, offset, time);
  }
}
