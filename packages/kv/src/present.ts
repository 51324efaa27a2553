// The state that changes, and its agreement with the log: a commit is visible at the call and undone if the log
// rejects it.
// Invariant: between calls, the state is that of exactly the commits below the log's end offset. The log lowers
// that offset before any rejection is delivered, so every call begins with `settle`.

import type { CommitLog } from "./commit-log.js";
import type { Entry } from "./entry.js";
import { assert, databaseError } from "./errors.js";
import type { State } from "./state.js";
import type { StoredValue } from "./stored-value.js";

/** What a commit does to one key. */
export interface KeyChange {
  readonly key: string;
  /** Undefined deletes it. */
  readonly value: StoredValue | undefined;
}

/** A commit that is not acknowledged yet, and what the keys that it changed had before, in order. */
interface PendingCommit {
  readonly offset: number;
  readonly changes: readonly KeyChange[];
  readonly previous: readonly (Entry | undefined)[];
  readonly acknowledged: Promise<number>;
}

export class Present {
  readonly state: State;
  readonly #log: CommitLog;
  /** Ascending by offset, from `#pendingFrom` on; what is before is done with. */
  #pending: PendingCommit[] = [];
  #pendingFrom = 0;

  constructor(state: State, log: CommitLog) {
    this.state = state;
    this.#log = log;
  }

  /** Offset that the next commit gets. */
  get endOffset(): number {
    return this.#log.endOffset;
  }

  /** Count of commits that are not acknowledged. */
  get pendingCommits(): number {
    return this.#pending.length - this.#pendingFrom;
  }

  /** Undoes what the log has rejected, newest first. */
  settle(): void {
    const end = this.#log.endOffset;
    while (this.#pending.length > this.#pendingFrom) {
      const last = this.#pending.at(-1);
      if (last === undefined || last.offset < end) return;
      this.#undo(last);
      this.#pending.pop();
    }
  }

  #undo({ changes, previous }: PendingCommit): void {
    for (let i = changes.length - 1; i >= 0; i--) {
      const change = changes[i];
      if (change !== undefined) this.state.restore(change.key, previous[i]);
    }
  }

  /** Appends a commit and applies it; resolves with its offset once it is acknowledged. */
  commit(payload: Uint8Array, changes: readonly KeyChange[], sync: boolean): Promise<number> {
    this.settle();
    const offset = this.#log.endOffset;
    const acknowledged = this.#log.append(payload, { sync });
    // What the log does not take at the call it rejects; nothing of it is seen.
    if (this.#log.endOffset === offset) return this.#outcome(acknowledged, offset);
    const previous = changes.map((change) => this.#apply(change, offset));
    this.#pending.push({ offset, changes, previous, acknowledged });
    return this.#outcome(acknowledged, offset);
  }

  #apply({ key, value }: KeyChange, offset: number): Entry | undefined {
    if (value === undefined) return this.state.delete(key);
    return this.state.set(key, { value, offset, expiry: undefined });
  }

  async #outcome(acknowledged: Promise<number>, offset: number): Promise<number> {
    try {
      const given = await acknowledged;
      assert(given === offset, "the log gives a commit the offset that it had at the call");
    } catch (error) {
      this.settle();
      throw databaseError(error);
    }
    this.#release(offset);
    return offset;
  }

  /** A log that has acknowledged a commit never falls back below it. */
  #release(offset: number): void {
    let first = this.#pending[this.#pendingFrom];
    while (first !== undefined && first.offset <= offset) {
      this.#pendingFrom += 1;
      first = this.#pending[this.#pendingFrom];
    }
    if (this.#pendingFrom === this.#pending.length || this.#pendingFrom > 4096) {
      this.#pending = this.#pending.slice(this.#pendingFrom);
      this.#pendingFrom = 0;
    }
  }

  /** Resolves once everything that can be seen now is acknowledged, with the offset of the last commit. */
  async acknowledged(): Promise<number> {
    const offset = this.#log.endOffset - 1;
    const last = this.#pending.at(-1);
    if (last !== undefined) await this.#outcome(last.acknowledged, last.offset);
    return offset;
  }
}
