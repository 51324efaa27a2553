// Every record of a log as a commit: whether it can be replayed and its values read, and whether the snapshot
// files hold what the log makes. Records come in order, with gaps where the log is damaged.
// Memory holds no values: of a stretch between two snapshot files, a fingerprint for each key that it changes.

import type { LogRecord, OffsetRange } from "@tidemark/wal";
import { hasCode } from "../errors.js";
import { Delta } from "../fold/delta.js";
import { openBase, type SnapshotOwner } from "../fold/fold.js";
import { isFileSystemError, type SnapshotFile } from "../formats/layout.js";
import type { Operation } from "../formats/operations.js";
import { RecordedCommit } from "../formats/recorded-commit.js";
import type { SnapshotReader } from "../formats/snapshot-reader.js";
import type { Pace } from "../pace.js";
import { decodeValue } from "../values/values.js";
import { differenceOf, fingerprintOf, showKey } from "./snapshot-check.js";

/** A commit with which something is wrong. */
export interface CommitFault {
  readonly kind: "commit" | "value";
  readonly offset: number;
  readonly message: string;
}

/** Where the next snapshot file is reckoned from. */
interface Origin {
  /** Undefined for nothing, before the first commit. */
  readonly base: SnapshotFile | undefined;
  readonly delta: Delta;
}

export class LogCheck {
  readonly faults: CommitFault[] = [];
  /** Snapshot files, by path, that hold something else than the log makes, and what. */
  readonly differing = new Map<string, string>();
  commits = 0;
  operations = 0;
  readonly #runs: { from: number; to: number }[] = [];
  readonly #owner: SnapshotOwner;
  readonly #snapshots: readonly SnapshotFile[];
  readonly #pace: Pace;
  #origin: Origin | undefined;

  /** `snapshots` are whole. */
  constructor(owner: SnapshotOwner, snapshots: readonly SnapshotFile[], pace: Pace) {
    this.#owner = owner;
    this.#snapshots = snapshots;
    this.#pace = pace;
  }

  /** Runs of commits that can be replayed, in order. */
  get runs(): readonly OffsetRange[] {
    return this.#runs;
  }

  async visit(record: LogRecord): Promise<void> {
    const { offset } = record;
    const run = this.#runs.at(-1);
    if (run?.to !== offset) {
      await this.finish();
      this.#begin(offset);
    }
    await this.#pass(offset);
    if (!(await this.#check(record))) {
      this.#origin = undefined;
      return;
    }
    if (run?.to === offset) run.to = offset + 1;
    else this.#runs.push({ from: offset, to: offset + 1 });
    await this.#apply(record);
  }

  /** Where the records end, or a run of them. */
  async finish(): Promise<void> {
    const end = this.#runs.at(-1)?.to;
    if (end !== undefined) await this.#pass(end);
  }

  #begin(offset: number): void {
    const isFirst = offset === 0 && this.#snapshots.length > 0;
    this.#origin = isFirst ? { base: undefined, delta: this.#newDelta() } : undefined;
  }

  #newDelta(): Delta {
    return new Delta(this.#owner.keys, fingerprintOf);
  }

  /** All commits below the offset have been seen, as far as they are there. */
  async #pass(offset: number): Promise<void> {
    const file = this.#snapshots.find(({ endOffset }) => endOffset === offset);
    if (file === undefined) return;
    const reason = this.#origin && (await this.#compare(file, this.#origin));
    if (reason !== undefined) {
      this.differing.set(file.path, reason);
      return;
    }
    const isLast = !this.#snapshots.some(({ endOffset }) => endOffset > offset);
    this.#origin = isLast ? undefined : { base: file, delta: this.#newDelta() };
  }

  async #compare(file: SnapshotFile, { base, delta }: Origin): Promise<string | undefined> {
    const opened: SnapshotReader[] = [];
    try {
      const found = await openBase(this.#owner, file);
      opened.push(found);
      const from = base && (await openBase(this.#owner, base));
      if (from !== undefined) opened.push(from);
      return await differenceOf(found, { base: from, delta }, this.#pace);
    } catch (error) {
      // A live writer removes snapshot files that it no longer needs.
      if (isFileSystemError(error, "ENOENT")) return undefined;
      throw error;
    } finally {
      for (const reader of opened) reader.close();
    }
  }

  /** Whether a record is a commit that can be replayed. */
  async #check(record: LogRecord): Promise<boolean> {
    const { offset } = record;
    const commit = new RecordedCommit(record, this.#owner.keys);
    try {
      for (let complete = false; !complete; ) {
        const step = commit.next();
        for (const operation of step.operations) {
          this.#checkValue(operation, offset);
          if (this.#pace.due) await this.#pace.rest();
        }
        this.operations += step.operations.length;
        complete = step.complete;
      }
    } catch (error) {
      if (!hasCode(error, "KV_CORRUPT")) throw error;
      this.faults.push({ kind: "commit", offset, message: error.message });
      return false;
    }
    this.commits += 1;
    return true;
  }

  #checkValue(operation: Operation, offset: number): void {
    if (operation.kind !== "put") return;
    try {
      decodeValue(operation.value);
    } catch (error) {
      if (!hasCode(error, "KV_CORRUPT")) throw error;
      const message = `the value of key ${showKey(operation.key)}: ${error.message}`;
      this.faults.push({ kind: "value", offset, message });
    }
  }

  async #apply(record: LogRecord): Promise<void> {
    const delta = this.#origin?.delta;
    if (delta === undefined) return;
    while (!delta.apply(record)) if (this.#pace.due) await this.#pace.rest();
  }
}
