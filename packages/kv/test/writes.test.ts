// Every kind of write against a model that knows versions, expiry and marks: several at once, on conditions that hold
// or do not, on a log that takes them or rejects them all, while what has expired is removed in the background.

import { Database, DatabaseError, type View } from "@tidemark/kv";
import { SimulatedDisk } from "@tidemark/wal/testing";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  EveryVersion,
  inOrder,
  type ModelEntry,
  operationsOf,
  type Value,
  visible,
} from "./every-version.js";
import { letGo } from "./fixture.js";

/** What `ifVersion` is given: the version that the key has, that there is no such key, or one that it never had. */
type Condition = "current" | "absent" | "other";

interface Put {
  readonly type: "put";
  readonly key: string;
  readonly value: Value;
  readonly ttl?: number;
}

interface Del {
  readonly type: "del";
  readonly key: string;
}

interface Clear {
  readonly type: "clear";
  readonly gte: string | undefined;
  readonly lt: string | undefined;
}

type Call =
  | { readonly call: "one"; readonly write: Put | Del; readonly condition?: Condition }
  | { readonly call: "clear"; readonly write: Clear }
  | { readonly call: "batch"; readonly writes: readonly (Put | Del | Clear)[] }
  | { readonly call: "transaction"; readonly writes: readonly (Put | Del | Clear)[] }
  | { readonly call: "mark"; readonly name: string };

type Step =
  | { readonly step: "calls"; readonly calls: readonly Call[]; readonly rejected: boolean }
  /** Time goes by, on the clock and for timers. */
  | { readonly step: "pass"; readonly ms: number }
  | { readonly step: "set back"; readonly ms: number }
  | { readonly step: "view" | "checkpoint" | "reopen" };

const KEYS = ["", "a", "ab", "b", "é", "\u{1f600}"];
const key = fc.constantFrom(...KEYS);
const bound = fc.option(key, { nil: undefined });
const value = fc.oneof(fc.nat(9), fc.constantFrom("x".repeat(1500), undefined));
const put: fc.Arbitrary<Put> = fc.record(
  { type: fc.constant("put" as const), key, value, ttl: fc.integer({ min: 1, max: 60 }) },
  { requiredKeys: ["type", "key", "value"] },
);
const del: fc.Arbitrary<Del> = fc.record({ type: fc.constant("del" as const), key });
const clear: fc.Arbitrary<Clear> = fc.record({
  type: fc.constant("clear" as const),
  gte: bound,
  lt: bound,
});
const condition = fc.constantFrom<Condition>("current", "current", "absent", "other");
const writes = fc.array(fc.oneof({ weight: 4, arbitrary: put }, del, clear), {
  minLength: 1,
  maxLength: 4,
});

const call: fc.Arbitrary<Call> = fc.oneof(
  ...[put, put, put, del].map((write) =>
    fc.record(
      { call: fc.constant("one" as const), write, condition },
      { requiredKeys: ["call", "write"] },
    ),
  ),
  fc.record({ call: fc.constant("clear" as const), write: clear }),
  fc.record({ call: fc.constant("batch" as const), writes }),
  fc.record({ call: fc.constant("transaction" as const), writes }),
  fc.record({ call: fc.constant("mark" as const), name: fc.constantFrom("one", "two", "three") }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      step: fc.constant("calls" as const),
      calls: fc.array(call, { minLength: 1, maxLength: 4 }),
      rejected: fc.nat(3).map((n) => n === 0),
    }),
  },
  { weight: 5, arbitrary: fc.record({ step: fc.constant("pass" as const), ms: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant("set back" as const), ms: fc.nat(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({ step: fc.constantFrom("view" as const, "checkpoint", "reopen") }),
  },
);

/** What a call is to come to. */
type Outcome = { readonly offset: number } | { readonly code: string; readonly found: unknown };

class Subject {
  readonly disk = new SimulatedDisk();
  model = new EveryVersion();
  clock = 1_000_000;
  #db: Database<Value> | undefined;
  readonly #views: [View<Value>, Map<string, ModelEntry>][] = [];

  get db(): Database<Value> {
    if (this.#db === undefined) throw new Error("the database is open");
    return this.#db;
  }

  /** The clock's time, or that which the log has come to where the clock is behind. */
  get now(): number {
    const { time } = this.db.snapshot();
    expect(time).toBeGreaterThanOrEqual(Math.max(this.clock, this.model.commits.at(-1)?.time ?? 0));
    return time;
  }

  async open(): Promise<void> {
    const log = {
      fileSystem: this.disk,
      segmentBytes: 16_384,
      noteAfterMs: 0,
      clock: () => this.clock,
    };
    this.#db = await Database.open<Value>("/db", { log, removeExpiredAfterMs: 5 });
  }

  async run(given: Step): Promise<void> {
    if (given.step === "calls") await this.#calls(given.calls, given.rejected);
    else if (given.step === "pass") await this.#pass(given.ms);
    else if (given.step === "set back") this.clock -= given.ms;
    else if (given.step === "checkpoint") await this.db.checkpoint();
    else if (given.step === "view") {
      this.#views.push([this.db.snapshot(), visible(this.model.present, this.now)]);
    } else {
      await this.db.close();
      await this.open();
    }
    this.expectPresent(this.model);
  }

  /** Calls that are made at once: each is seen by the next, and all of them stand, or none. */
  async #calls(calls: readonly Call[], rejected: boolean): Promise<void> {
    const standing = this.model;
    const fault = rejected
      ? this.disk.fail({ path: /\.log$/, call: "write", code: "ENOSPC" })
      : undefined;
    this.model = copyOf(standing);
    const made = calls.map((one) => {
      const expected = this.#foresee(one);
      const outcome = this.#make(one).then(
        (offset) => ({ offset }),
        (error: unknown) => outcomeOf(error),
      );
      this.expectPresent(this.model);
      return { expected, outcome };
    });
    for (const { expected, outcome } of made) {
      const lost = { code: "KV_NO_SPACE", found: undefined };
      expect(await outcome).toEqual(rejected && "offset" in expected ? lost : expected);
    }
    fault?.lift();
    if (rejected) this.model = standing;
  }

  /** Says what a call comes to if the log takes it, and makes the model that. */
  #foresee(made: Call): Outcome {
    const { model, now } = this;
    const offset = model.commits.length;
    if (made.call === "mark") {
      const standing = this.marks(model).find(({ name }) => name === made.name);
      if (standing !== undefined) return { code: "KV_MARK_EXISTS", found: standing.offset };
      model.commit([{ type: "mark", name: made.name }], now);
      return { offset };
    }
    if (made.call === "one" && made.condition !== undefined) {
      const { version } = visible(model.present, now).get(made.write.key) ?? {};
      if (this.#ifVersion(made.write.key, made.condition) !== (version ?? null)) {
        return { code: "KV_CONFLICT", found: version };
      }
    }
    const operations = "write" in made ? [made.write] : made.writes;
    model.commit(operationsOf(operations, now), now);
    return { offset };
  }

  #ifVersion(name: string, given: Condition): number | null {
    if (given === "absent") return null;
    const { version } = this.db.getEntry(name) ?? {};
    if (given === "other") return (version ?? 0) + 1;
    return version ?? null;
  }

  #make(made: Call): Promise<number> {
    const { db } = this;
    if (made.call === "mark") return db.mark(made.name);
    if (made.call === "clear") return db.clear({ gte: made.write.gte, lt: made.write.lt });
    if (made.call === "batch") return db.batch(made.writes);
    if (made.call === "transaction") return this.#transaction(made.writes);
    return this.#makeOne(made);
  }

  #makeOne({ write, condition: given }: Extract<Call, { call: "one" }>): Promise<number> {
    const { db } = this;
    const options = given === undefined ? {} : { ifVersion: this.#ifVersion(write.key, given) };
    if (write.type === "del") return db.del(write.key, options);
    return db.put(write.key, write.value, { ...options, ttl: write.ttl });
  }

  async #transaction(given: readonly (Put | Del | Clear)[]): Promise<number> {
    const inside = copyOf(this.model);
    inside.commits.pop();
    const { offset } = await this.db.transaction((tx) => {
      for (const [n, write] of given.entries()) {
        if (write.type === "put") tx.put(write.key, write.value, { ttl: write.ttl });
        else if (write.type === "del") tx.del(write.key);
        else tx.clear({ gte: write.gte, lt: write.lt });
        const so = copyOf(inside);
        so.commit(operationsOf(given.slice(0, n + 1), this.now), this.now);
        expect(entriesOf(tx)).toEqual(inKeyOrder(visible(so.present, this.now)));
        expect(tx.size).toBe(visible(so.present, this.now).size);
      }
    });
    return offset;
  }

  async #pass(ms: number): Promise<void> {
    this.clock += ms;
    await vi.advanceTimersByTimeAsync(ms);
    await this.learn();
  }

  /** Takes in what the database did by itself: it deletes what has expired, and no more. */
  async learn(): Promise<void> {
    const end = await this.db.sync();
    while (this.model.commits.length < end) {
      for await (const { time, operations } of this.db.changes({ since: this.model.last })) {
        for (const operation of operations) {
          const had = operation.type === "del" && this.model.present.get(operation.key);
          expect(had && had.expiry !== undefined && had.expiry <= time).toBe(true);
        }
        this.model.commit(operations, time);
        break;
      }
    }
  }

  expectPresent(model: EveryVersion): void {
    const { db } = this;
    const expected = visible(model.present, this.now);
    expect(db.endOffset).toBe(model.commits.length);
    expect(entriesOf(db)).toEqual(inKeyOrder(expected));
    for (const name of KEYS) expect(db.getEntry(name)).toEqual(expected.get(name));
    expect(db.size).toBe(expected.size);
    expect(db.marks()).toEqual(this.marks(model));
  }

  marks(model: EveryVersion): { name: string; offset: number; time: number }[] {
    return model.commits.flatMap(({ operations, time }, offset) =>
      operations.flatMap((operation) =>
        operation.type === "mark" ? [{ name: operation.name, offset, time }] : [],
      ),
    );
  }

  async expectPast(): Promise<void> {
    await this.learn();
    for (const [view, then] of this.#views) expect(entriesOf(view)).toEqual(inKeyOrder(then));
    for (let offset = 0; offset <= this.model.last; offset++) {
      const view = await this.db.at({ offset });
      expect(entriesOf(view)).toEqual(inKeyOrder(this.model.visibleAt(offset)));
      expect(view.size).toBe(this.model.visibleAt(offset).size);
    }
    for (const { name, offset } of this.marks(this.model)) {
      expect((await this.db.at({ mark: name })).offset).toBe(offset);
    }
  }
}

function copyOf(model: EveryVersion): EveryVersion {
  const copy = new EveryVersion();
  copy.commits.push(...model.commits);
  return copy;
}

function entriesOf(reading: Pick<View<Value>, "entries">): [string, Value][] {
  return [...reading.entries()];
}

function inKeyOrder(entries: ReadonlyMap<string, ModelEntry>): [string, Value][] {
  return inOrder([...entries.keys()]).map((name) => [name, entries.get(name)?.value]);
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof DatabaseError)) throw error;
  const { code, version, offset } = error;
  return { code, found: code === "KV_CONFLICT" ? version : offset };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("whatever is written, on whatever condition, and taken back, is what the model has", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: "max" }), async (steps) => {
      const subject = new Subject();
      await subject.open();
      try {
        for (const given of steps) await subject.run(given);
        await subject.expectPast();
      } finally {
        await letGo(subject.db);
      }
    }),
    { numRuns: 30 },
  );
});
