// Everything that goes back in time against a model that keeps every version: whatever was done, for every commit
// of the window, `at`, `changes`, `history`, `diff`, `restore` and `rewind` show what the model has.

import { type BatchOperation, Database, restore } from "@tidemark/kv";
import { SimulatedDisk } from "@tidemark/wal/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  EveryVersion,
  inOrder,
  type ModelEntry,
  operationsOf,
  type Value,
  visible,
} from "./every-version.js";
import { letGo } from "./fixture.js";

const KEYS = ["", "a", "ab", "b", "é", "\u{1f600}"];

type Step =
  | { readonly kind: "write"; readonly operations: readonly BatchOperation<Value>[] }
  | { readonly kind: "transaction"; readonly writes: readonly BatchOperation<Value>[] }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "mark" }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "reopen" }
  | { readonly kind: "rewind"; readonly back: number };

const key = fc.constantFrom(...KEYS);
const bound = fc.option(key, { nil: undefined });
// Of the long ones a few fill a segment of the log.
const value = fc.oneof(fc.nat(3), fc.constantFrom("x".repeat(1500), "y".repeat(1500), undefined));
const put = fc.record(
  { type: fc.constant("put" as const), key, value, ttl: fc.integer({ min: 1, max: 60 }) },
  { requiredKeys: ["type", "key", "value"] },
);
const del = fc.record({ type: fc.constant("del" as const), key });
const clear = fc.record({ type: fc.constant("clear" as const), gte: bound, lt: bound });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      operations: fc.array(
        fc.oneof({ weight: 5, arbitrary: put }, { weight: 3, arbitrary: del }, clear),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("transaction" as const),
      writes: fc.uniqueArray(fc.oneof(put, del), { maxLength: 3, selector: (write) => write.key }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rewind" as const), back: fc.nat(12) }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step>({ kind: "mark" }, { kind: "checkpoint" }, { kind: "reopen" }),
  },
);

/** A database on a simulated disk, whose clock the test sets, and its model. */
class Subject {
  readonly model = new EveryVersion();
  readonly disk = new SimulatedDisk();
  readonly marks: { name: string; offset: number }[] = [];
  readonly #historyBytes: number;
  now = 1_000_000;
  #db: Database<Value> | undefined;

  constructor(historyBytes: number) {
    this.#historyBytes = historyBytes;
  }

  get db(): Database<Value> {
    if (this.#db === undefined) throw new Error("the database is open");
    return this.#db;
  }

  async open(path = "/db"): Promise<Database<Value>> {
    return await Database.open<Value>(path, {
      history: { maxBytes: this.#historyBytes },
      log: { fileSystem: this.disk, segmentBytes: 4096, noteAfterMs: 0, clock: () => this.now },
    });
  }

  async reopen(): Promise<void> {
    await this.#db?.close();
    this.#db = await this.open();
  }

  async run(given: Step): Promise<void> {
    this.now += 1;
    if (given.kind === "write") await this.#write(given.operations);
    else if (given.kind === "transaction") await this.#transaction(given.writes);
    else if (given.kind === "wait") this.now += given.ms;
    else if (given.kind === "mark") await this.#mark();
    else if (given.kind === "checkpoint") await this.db.checkpoint();
    else if (given.kind === "rewind") await this.#rewind(given.back);
    else await this.reopen();
  }

  async #write(operations: readonly BatchOperation<Value>[]): Promise<void> {
    const expected = operationsOf(operations, this.now);
    await this.committed(await this.db.batch(operations), expected);
  }

  async #transaction(writes: readonly BatchOperation<Value>[]): Promise<void> {
    const { offset } = await this.db.transaction((tx) => {
      for (const write of writes) {
        if (write.type === "put") tx.put(write.key, write.value, { ttl: write.ttl });
        else if (write.type === "del") tx.del(write.key);
      }
    });
    if (writes.length > 0) await this.committed(offset, operationsOf(writes, this.now));
  }

  async #mark(): Promise<void> {
    const name = `mark ${this.marks.length}`;
    const offset = await this.db.mark(name);
    this.marks.push({ name, offset });
    await this.committed(offset, [{ type: "mark", name }]);
  }

  async #rewind(back: number): Promise<void> {
    const target = this.model.last - back;
    if (target >= this.first) await this.rewindTo(target);
  }

  async rewindTo(target: number): Promise<void> {
    const offset = await this.db.rewind({ offset: target });
    await this.learn(offset);
    const expected = this.model.undoing(target, this.now);
    if (expected.length > 0) await this.committed(offset, expected);
    else expect(offset).toBe(this.model.last);
  }

  /** Waits until nothing goes by itself any more: the second checkpoint comes after the retention that follows the first. */
  async settle(): Promise<void> {
    await this.db.checkpoint();
    await this.db.checkpoint();
  }

  /** The first commit that can be gone back to; infinite if there is none. */
  get first(): number {
    return this.db.stats().history.first ?? Number.POSITIVE_INFINITY;
  }

  async committed(
    offset: number,
    operations: Parameters<EveryVersion["commit"]>[0],
  ): Promise<void> {
    await this.learn(offset);
    expect(this.model.commits.length).toBe(offset);
    this.model.commit(operations, this.now);
  }

  /** Takes in commits below an offset that the database made by itself: they delete what has expired, and no more. */
  async learn(end: number): Promise<void> {
    if (end <= this.model.commits.length) return;
    for await (const { offset, time, operations } of this.db.changes({ since: this.model.last })) {
      if (offset === end) return;
      for (const operation of operations) {
        const had = operation.type === "del" && this.model.present.get(operation.key);
        expect(had && had.expiry !== undefined && had.expiry <= time).toBe(true);
      }
      this.model.commit(operations, time);
      if (offset === end - 1) return;
    }
  }
}

function expectContents(
  shown: Database<Value> | Awaited<ReturnType<Database<Value>["at"]>>,
  expected: ReadonlyMap<string, ModelEntry>,
): void {
  const entries = [...shown.entries()];
  const keys = inOrder([...expected.keys()]);
  expect(entries).toEqual(keys.map((name) => [name, expected.get(name)?.value]));
}

async function all<T>(iterable: AsyncIterable<T>, count = Number.POSITIVE_INFINITY): Promise<T[]> {
  const found: T[] = [];
  if (count === 0) return found;
  for await (const item of iterable) if (found.push(item) === count) break;
  return found;
}

/** Views of every commit, by offset, time and mark. */
async function checkViews({ db, model, marks }: Subject, first: number): Promise<void> {
  for (let n = first; n <= model.last; n++) {
    const view = await db.at({ offset: n });
    const expected = model.visibleAt(n);
    expectContents(view, expected);
    for (const name of KEYS) expect(view.getEntry(name)).toEqual(expected.get(name));
    const { time } = model.at(n);
    expect((await db.at({ time })).offset).toBe(model.lastAt(time));
  }
  for (const { name, offset } of marks.filter((mark) => mark.offset >= first)) {
    const view = await db.at({ mark: name });
    expect(view.offset).toBe(offset);
    expectContents(view, model.visibleAt(offset));
  }
}

async function checkChanges({ db, model }: Subject, first: number): Promise<void> {
  for (let n = first; n <= model.last; n++) {
    const expected = model.changes(db.logId, n + 1);
    expect(await all(db.changes({ since: n }), expected.length)).toEqual(expected);
  }
}

async function checkHistory({ db, model }: Subject, first: number): Promise<void> {
  const { last } = model;
  for (const name of [...KEYS, "never"]) {
    expect(await all(db.history(name))).toEqual(model.history(name, first, last));
    for (let n = first; n <= last; n++) {
      const middle = { offset: n };
      expect(await all(db.history(name, { from: middle }))).toEqual(model.history(name, n, last));
      expect(await all(db.history(name, { to: middle }))).toEqual(model.history(name, first, n));
    }
  }
}

async function checkDiffs({ db, model }: Subject, first: number, salt: number): Promise<void> {
  const { last } = model;
  for (let n = first; n <= last; n++) {
    const other = first + ((n * 7 + salt) % (last - first + 1));
    for (const [a, b] of [
      [n, Math.min(n + 1, last)],
      [n, other],
      [other, n],
    ] as const) {
      expect(await all(db.diff({ offset: a }, { offset: b }))).toEqual(model.diff(a, b));
    }
  }
}

/** Of the database at rest: beside its writer, the newest commits are out of reach for a moment. */
async function checkRestores(subject: Subject, first: number): Promise<void> {
  const { db, model, disk } = subject;
  await db.close();
  for (let n = first; n <= model.last; n++) {
    const [path, clock] = [`/copy ${n}`, () => subject.now];
    const report = await restore("/db", path, { offset: n }, { fileSystem: disk, clock });
    const { state } = model.at(n);
    expect([report.entries, report.ancestry]).toEqual([
      state.size,
      { logId: db.logId, offset: n + 1 },
    ]);
    const copy = await subject.open(path);
    expectContents(copy, visible(state, subject.now));
    await letGo(copy);
  }
  await subject.reopen();
  await subject.settle();
}

async function checkRewinds(subject: Subject, first: number): Promise<void> {
  const { last } = subject.model;
  for (let n = first; n <= last; n++) {
    subject.now += 1;
    await subject.rewindTo(n);
    expectContents(subject.db, visible(subject.model.at(n).state, subject.now));
    expect(await subject.db.rewind({ offset: n })).toBe(subject.model.last);
  }
}

async function checkAll(steps: readonly Step[], historyBytes: number, salt: number): Promise<void> {
  const subject = new Subject(historyBytes);
  await subject.reopen();
  for (const given of steps) await subject.run(given);
  await subject.settle();
  const { db, model } = subject;
  await subject.learn(db.endOffset);
  const { first } = subject;

  if (first <= model.last) {
    await checkViews(subject, first);
    await checkChanges(subject, first);
    await checkHistory(subject, first);
    await checkDiffs(subject, first, salt);
    await checkRestores(subject, first);
    await checkRewinds(subject, first);
  }
  await subject.reopen();
  expectContents(subject.db, visible(model.present, subject.now));
  await subject.db.close();
}

test("every commit of the window is as a model that keeps every version has it", async () => {
  const programs = fc.array(step, { minLength: 5, maxLength: 30, size: "max" });
  const historyBytes = fc.constantFrom(2 ** 30, 1);
  await fc.assert(fc.asyncProperty(programs, historyBytes, fc.nat(1000), checkAll), {
    numRuns: 25,
  });
}, 300_000);
