// The state that changes, and its agreement with the log: a commit is visible at the call and undone if the log
// rejects it.
// Invariant: the state is that of exactly the commits below `endOffset`. Between calls that is the log's own end:
// the log lowers its end before any rejection is delivered, so every call begins with `settle`. Only the log of a
// read-only database goes ahead of the state, with commits that its writer makes.

import type { CommitLog } from "../commit-log.js";
import { assert, databaseError } from "../errors.js";
import type { WrittenCommit, WrittenOperation } from "../formats/operations.js";
import type { Mark } from "./entry.js";
import type { PreImage, State } from "./state.js";

/** A commit that is not acknowledged yet, and what each of its operations took the place of, in order. */
interface PendingCommit {
  readonly offset: number;
  /** ms since the Unix epoch. */
  readonly time: number;
  /** Length of its payload. */
  readonly bytes: number;
  readonly operations: readonly WrittenOperation[];
  readonly previous: readonly PreImage[];
  readonly acknowledged: Promise<number>;
}

/** Is told of the operations of a commit once they are applied. If the log rejects it, they are undone without a word. */
export type Watcher = (operations: readonly WrittenOperation[]) => void;

export class Present {
  readonly state: State;
  /** Told of each commit once it is acknowledged, with the length of its payload in bytes; must not throw. */
  onAcknowledged: (bytes: number) => void = () => undefined;
  /** Told after each change of the state, with the time of the log's newest record in ms; must not throw. */
  onChanged: (time: number) => void = () => undefined;
  readonly #marks: Map<string, Mark>;
  readonly #log: CommitLog;
  /** Ascending by offset, from `#pendingFrom` on; what is before is done with. */
  #pending: PendingCommit[] = [];
  #pendingFrom = 0;
  #endOffset: number;
  /** Told what each commit does, from its call on. */
  readonly #watchers = new Set<Watcher>();

  /** `state` and `marks`, which it takes over, are those of all commits below `endOffset`. */
  constructor(
    state: State,
    log: CommitLog,
    endOffset: number,
    marks: Map<string, Mark> = new Map(),
  ) {
    this.state = state;
    this.#marks = marks;
    this.#log = log;
    this.#endOffset = endOffset;
  }

  /** Offset that the next commit gets: the state includes every commit below it and no other. */
  get endOffset(): number {
    this.settle();
    return this.#endOffset;
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  /** By name. */
  get marks(): ReadonlyMap<string, Mark> {
    this.settle();
    return this.#marks;
  }

  /** Shows a later state, for a database that is not written here: with these marks besides, up to `endOffset`. */
  advance(state: State, marks: ReadonlyMap<string, Mark>, endOffset: number): void {
    this.state.become(state);
    for (const [name, mark] of marks) this.#marks.set(name, mark);
    this.#endOffset = endOffset;
  }

  /** As `advance`, with no other marks. */
  replace(state: State, marks: ReadonlyMap<string, Mark>, endOffset: number): void {
    this.#marks.clear();
    this.advance(state, marks, endOffset);
  }

  /** Count of commits that are not acknowledged. */
  get pendingCommits(): number {
    return this.#pending.length - this.#pendingFrom;
  }

  /** Time in ms of the first commit that is not acknowledged; infinity if there is none. */
  get pendingSince(): number {
    return this.#pending[this.#pendingFrom]?.time ?? Number.POSITIVE_INFINITY;
  }

  /** Undoes what the log has rejected, newest first. */
  settle(): void {
    const end = this.#log.endOffset;
    while (this.#pending.length > this.#pendingFrom) {
      const last = this.#pending.at(-1);
      if (last === undefined || last.offset < end) return;
      this.#undo(last);
      this.#pending.pop();
      this.#endOffset = last.offset;
      this.onChanged(this.#log.lastTime);
    }
  }

  #undo({ operations, previous }: PendingCommit): void {
    for (let i = operations.length - 1; i >= 0; i--) {
      const operation = operations[i];
      if (operation?.kind === "mark") this.#marks.delete(operation.name);
      else if (operation !== undefined) this.state.revert(operation, previous[i]);
    }
  }

  /** Appends a commit and applies it; resolves with its offset once it is acknowledged. */
  commit({ operations, payload, memory }: WrittenCommit, sync: boolean): Promise<number> {
    this.settle();
    const offset = this.#log.endOffset;
    const acknowledged = this.#log.append(payload, { sync }).then(this.#release, this.#rejected);
    // What the log does not take at the call it rejects; nothing of it is seen.
    if (this.#log.endOffset === offset) return acknowledged;
    assert(offset === this.#endOffset, "the state is that of the log's end when a commit comes");
    const time = this.#log.lastTime;
    const previous = operations.map((operation) => this.#apply(operation, memory, offset, time));
    const bytes = payload.length;
    this.#pending.push({ offset, time, bytes, operations, previous, acknowledged });
    this.#endOffset = offset + 1;
    for (const watcher of this.#watchers) watcher(operations);
    this.onChanged(time);
    return acknowledged;
  }

  #apply(operation: WrittenOperation, memory: Buffer, offset: number, time: number): PreImage {
    if (operation.kind === "encodedPut") return this.state.put(operation, memory, offset, time);
    if (operation.kind !== "mark") return this.state.apply(operation, offset, time);
    assert(!this.#marks.has(operation.name), "a commit marks with a name that is new");
    this.#marks.set(operation.name, { offset, time });
    return undefined;
  }

  // These two are made once and not for each commit, which would show among its costs.

  /** The log has acknowledged a commit, and so never falls back below it. */
  readonly #release = (offset: number): number => {
    const first = this.#pending[this.#pendingFrom];
    assert(first?.offset === offset, "the log acknowledges commits in the order of their offsets");
    this.#pendingFrom += 1;
    this.onAcknowledged(first.bytes);
    if (this.#pendingFrom === this.#pending.length || this.#pendingFrom > 4096) {
      this.#pending = this.#pending.slice(this.#pendingFrom);
      this.#pendingFrom = 0;
    }
    return offset;
  };

  readonly #rejected = (error: unknown): never => {
    this.settle();
    throw databaseError(error);
  };

  /** Resolves once everything that can be seen now is acknowledged, with the offset of the last commit. */
  async acknowledged(): Promise<number> {
    const offset = this.endOffset - 1;
    const last = this.#pending.at(-1);
    if (last !== undefined) await last.acknowledged;
    return offset;
  }
}
