// What a stretch of the log changes, key by key: the one thing that memory holds while a snapshot file and the
// log after it are folded.

import type { LogRecord } from "@tidemark/wal";
import type { KeyKind } from "../arguments/keys.js";
import type { Operation } from "../formats/operations.js";
import { RecordedCommit } from "../formats/recorded-commit.js";
import type { Pace } from "../pace.js";
import type { Mark, SnapshotEntry } from "../state/entry.js";
import type { StoredValue } from "../values/stored-value.js";
import { ClearedRanges, type ClearedSweep } from "./cleared-ranges.js";
import { KeyTable } from "./key-table.js";
import { sortKeys } from "./sorted-keys.js";

/** Entries that are merged before whoever takes them can rest. */
const BATCH_LENGTH = 512;

/** The last that happened to a key. */
interface Change {
  /** Undefined if it was deleted. */
  readonly value: StoredValue | undefined;
  readonly offset: number;
  readonly time: number;
  readonly expiry: number | undefined;
  /** Number of the operation, to tell whether a range was cleared before or after it. */
  readonly sequence: number;
}

export class Delta {
  readonly marks = new Map<string, Mark>();
  readonly #keys: KeyKind;
  readonly #hold: (value: StoredValue) => StoredValue;
  readonly #changes = new KeyTable<Change>();
  readonly #cleared = new ClearedRanges();
  #sequence = 0;
  /** The commit of which some has been taken in. */
  #begun: RecordedCommit | undefined;
  /** Time of the last commit; undefined if there was none. */
  lastTime: number | undefined;
  /** Count of commits. */
  commits = 0;

  /** `hold` gives what is held in the place of a value; by default the value. */
  constructor(keys: KeyKind, hold = (value: StoredValue): StoredValue => value) {
    this.#keys = keys;
    this.#hold = hold;
  }

  /**
   * Takes in the next commit, or of a long one a step: false if there is more of it, to be called for again. Throws
   * `KV_CORRUPT` or `KV_UNSUPPORTED_VERSION`; then the delta is of no more use.
   */
  apply(record: LogRecord): boolean {
    const commit = this.#begun ?? new RecordedCommit(record, this.#keys);
    const { operations, complete } = commit.next();
    for (const operation of operations) {
      this.#sequence += 1;
      this.#apply(operation, record);
    }
    this.#begun = complete ? undefined : commit;
    if (!complete) return false;
    this.lastTime = record.time;
    this.commits += 1;
    return true;
  }

  #apply(operation: Operation, { offset, time }: LogRecord): void {
    const sequence = this.#sequence;
    switch (operation.kind) {
      case "put": {
        const { expiry } = operation;
        const value = this.#hold(operation.value);
        this.#changes.set(operation.key, { value, offset, time, expiry, sequence });
        break;
      }
      case "delete": {
        const gone = { value: undefined, offset, time, expiry: undefined, sequence };
        this.#changes.set(operation.key, gone);
        break;
      }
      case "deleteRange": {
        const { gte = "", lt } = operation;
        if (gte === "" && lt === undefined) this.#changes.clear();
        this.#cleared.clear({ gte, lt }, sequence);
        break;
      }
      case "mark":
        this.marks.set(operation.name, { offset, time });
        break;
    }
  }

  /** What to merge with the entries before. Nothing more may be applied until that is done. */
  async sorted(pace: Pace): Promise<SortedDelta> {
    const keys = await sortKeys(this.#changes.runs, pace);
    return new SortedDelta(keys, this.#changes, this.#cleared.sweep());
  }
}

/** A delta in key order, to be gone through once: merged, or key by key. */
export class SortedDelta {
  readonly #keys: readonly string[];
  readonly #changes: KeyTable<Change>;
  readonly #cleared: ClearedSweep;
  #merged: SnapshotEntry[] = [];
  /** Where going through it key by key has come to. */
  #next = 0;

  constructor(keys: readonly string[], changes: KeyTable<Change>, cleared: ClearedSweep) {
    this.#keys = keys;
    this.#changes = changes;
    this.#cleared = cleared;
  }

  /** What becomes of these entries, which come in key order, and of the keys between; some at a time, or none, in key order. */
  *merge(blocks: Iterable<readonly SnapshotEntry[]>): Generator<SnapshotEntry[], void, void> {
    const keys = this.#keys;
    let at = 0;
    for (const block of blocks) {
      for (const entry of block) {
        for (; at < keys.length && (keys[at] as string) < entry.key; at++) {
          this.#appendChange(keys[at] as string);
          if (this.#merged.length >= BATCH_LENGTH) yield this.#take();
        }
        if (keys[at] === entry.key) this.#appendChange(keys[at++] as string);
        else if (this.#cleared.sequenceAt(entry.key) < 0) this.#merged.push(entry);
      }
      // Also of a block of which nothing is left: reading it has taken time.
      yield this.#take();
    }
    for (; at < keys.length; at++) {
      this.#appendChange(keys[at] as string);
      if (this.#merged.length >= BATCH_LENGTH) yield this.#take();
    }
    if (this.#merged.length > 0) yield this.#take();
  }

  /** The next key of its own; undefined if there is none left. */
  get nextKey(): string | undefined {
    return this.#keys[this.#next];
  }

  /** What becomes of the next key. */
  takeNext(): SnapshotEntry | undefined {
    const key = this.#keys[this.#next++];
    return key === undefined ? undefined : this.#outcome(key);
  }

  /** Whether it clears a key that is none of its own; asked for in key order, with the next ones taken between. */
  clears(key: string): boolean {
    return this.#cleared.sequenceAt(key) >= 0;
  }

  #take(): SnapshotEntry[] {
    const merged = this.#merged;
    this.#merged = [];
    return merged;
  }

  #appendChange(key: string): void {
    const entry = this.#outcome(key);
    if (entry !== undefined) this.#merged.push(entry);
  }

  #outcome(key: string): SnapshotEntry | undefined {
    const change = this.#changes.get(key);
    if (change === undefined || this.#cleared.sequenceAt(key) > change.sequence) return undefined;
    const { value, offset, time, expiry } = change;
    return value === undefined ? undefined : { key, value, offset, time, expiry };
  }
}
