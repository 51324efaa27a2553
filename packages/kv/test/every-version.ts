// A model that keeps every version: the commits as lists of operations, and the state after each, as plain maps.

import type { BatchOperation, Change, ChangeOperation } from "@tidemark/kv";

export type Value = number | string | undefined;

export interface ModelEntry {
  readonly value: Value;
  readonly version: number;
  readonly time: number;
  readonly expiry: number | undefined;
}

/** Everything under a key, expired or not. */
export type ModelState = ReadonlyMap<string, ModelEntry>;

export interface ModelCommit {
  readonly time: number;
  readonly operations: readonly ChangeOperation<Value>[];
  /** After it. */
  readonly state: ModelState;
}

/** What a commit leaves under a key. */
export type ModelVersion =
  | { offset: number; time: number; deleted: true }
  | { offset: number; time: number; deleted: false; value: Value; expiry: number | undefined };

export interface ModelDifference {
  readonly key: string;
  readonly before: ModelEntry | undefined;
  readonly after: ModelEntry | undefined;
}

export class EveryVersion {
  readonly commits: ModelCommit[] = [];

  get last(): number {
    return this.commits.length - 1;
  }

  get present(): ModelState {
    return this.commits.at(-1)?.state ?? new Map();
  }

  at(offset: number): ModelCommit {
    const commit = this.commits[offset];
    if (commit === undefined) throw new Error(`there is no commit ${offset}`);
    return commit;
  }

  commit(operations: readonly ChangeOperation<Value>[], time: number): void {
    const state = new Map(this.present);
    const version = this.commits.length;
    for (const operation of operations) apply(state, operation, version, time);
    this.commits.push({ time, operations, state });
  }

  /** What can be seen after a commit; expiry is decided at its time. */
  visibleAt(offset: number): Map<string, ModelEntry> {
    const { state, time } = this.at(offset);
    return visible(state, time);
  }

  /** Offset of the last commit at or before a time. */
  lastAt(time: number): number {
    return this.commits.findLastIndex((commit) => commit.time <= time);
  }

  /** The versions of a key from what it has at `from` to the commit `to`. */
  history(key: string, from: number, to: number): ModelVersion[] {
    const versions: ModelVersion[] = [];
    const first = this.visibleAt(from).get(key);
    if (first !== undefined) versions.push(versionOf(first));
    for (let offset = from + 1; offset <= to; offset++) {
      const { state, time } = this.at(offset);
      const before = visible(this.at(offset - 1).state, time).get(key);
      const after = state.get(key);
      if (after?.version === offset) versions.push(versionOf(after));
      else if (before !== undefined && after === undefined) {
        versions.push({ offset, time, deleted: true });
      }
    }
    return versions;
  }

  /** What differs between two states, in key order. */
  diff(a: number, b: number): ModelDifference[] {
    const [first, second] = [this.visibleAt(a), this.visibleAt(b)];
    return inOrder([...new Set([...first.keys(), ...second.keys()])])
      .map((key) => ({ key, before: first.get(key), after: second.get(key) }))
      .filter(({ before, after }) => !before || !after || before.value !== after.value);
  }

  /** What a rewind has to write at a time, in key order. */
  undoing(target: number, now: number): ChangeOperation<Value>[] {
    const then = visible(this.at(target).state, now);
    const present = visible(this.present, now);
    const operations: ChangeOperation<Value>[] = [];
    for (const key of inOrder([...new Set([...then.keys(), ...present.keys()])])) {
      const [wanted, has] = [then.get(key), present.get(key)];
      if (wanted === undefined) operations.push({ type: "del", key });
      else if (!has || has.value !== wanted.value || has.expiry !== wanted.expiry) {
        operations.push({ type: "put", key, value: wanted.value, expiry: wanted.expiry });
      }
    }
    return operations;
  }

  /** The feed from a commit on. */
  changes(logId: string, from: number): Change<Value>[] {
    return this.commits
      .map(({ time, operations }, offset) => ({ logId, offset, time, operations }))
      .slice(from);
  }
}

export function visible(state: ModelState, now: number): Map<string, ModelEntry> {
  return new Map([...state].filter(([, { expiry }]) => expiry === undefined || expiry > now));
}

/** As the bytes of UTF-8 have it. */
export function inOrder(keys: readonly string[]): string[] {
  return keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** What a batch puts into a commit that is written at a time. */
export function operationsOf(
  batch: readonly BatchOperation<Value>[],
  now: number,
): ChangeOperation<Value>[] {
  return batch.map((operation) => {
    if (operation.type === "del") return { type: "del", key: operation.key };
    // No key is below the empty one: as a lower bound it is none.
    if (operation.type === "clear") {
      return { type: "clear", gte: operation.gte || undefined, lt: operation.lt };
    }
    const { key, value, ttl } = operation;
    return { type: "put", key, value, expiry: ttl === undefined ? undefined : now + ttl };
  });
}

function apply(
  state: Map<string, ModelEntry>,
  operation: ChangeOperation<Value>,
  version: number,
  time: number,
): void {
  if (operation.type === "put") {
    const { key, value, expiry } = operation;
    state.set(key, { value, version, time, expiry });
  } else if (operation.type === "del") state.delete(operation.key);
  else if (operation.type === "clear") {
    const { gte, lt } = operation;
    for (const key of inOrder([...state.keys()])) {
      const bytes = Buffer.from(key);
      if (gte !== undefined && Buffer.compare(bytes, Buffer.from(gte)) < 0) continue;
      if (lt === undefined || Buffer.compare(bytes, Buffer.from(lt)) < 0) state.delete(key);
    }
  }
}

function versionOf({ version: offset, time, value, expiry }: ModelEntry): ModelVersion {
  return { offset, time, deleted: false, value, expiry };
}
