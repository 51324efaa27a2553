// Merging what a stretch of the log changes into sorted entries, against a Map that does it one by one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClearedRanges } from "../src/fold/cleared-ranges.js";
import { Delta } from "../src/fold/delta.js";
import { KeyTable, RUN_LENGTH } from "../src/fold/key-table.js";
import { sortKeys } from "../src/fold/sorted-keys.js";
import { CommitWriter, type Operation } from "../src/formats/operations.js";
import { Pace } from "../src/pace.js";
import type { SnapshotEntry } from "../src/state/entry.js";

const key = fc.integer({ min: 0, max: 40 }).map((n) => `k${String(n).padStart(2, "0")}`);
const bound = fc.option(fc.oneof(key, fc.constantFrom("", "k", "z")), { nil: undefined });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key,
      value: fc.string({ unit: "binary-ascii", maxLength: 3 }),
      expiry: fc.option(fc.nat(), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("deleteRange" as const), gte: bound, lt: bound }),
  },
);

const commits = fc.array(fc.array(operation, { maxLength: 5 }), { maxLength: 20 });

function payloadOf(operations: readonly Operation[]): Uint8Array {
  const writer = new CommitWriter();
  writer.begin(operations.length);
  for (const step of operations) {
    if (step.kind === "put") writer.putStored(step.key, step.value, step.expiry);
    else if (step.kind === "delete") writer.delete(step.key);
    else if (step.kind === "deleteRange") writer.deleteRange(step.gte, step.lt);
    else writer.mark(step.name);
  }
  return Uint8Array.from(writer.payload());
}

function applyTo(model: Map<string, SnapshotEntry>, step: Operation, offset: number): void {
  if (step.kind === "put") {
    const { value, expiry } = step;
    model.set(step.key, { key: step.key, value, offset, time: offset * 10, expiry });
  } else if (step.kind === "delete") model.delete(step.key);
  else if (step.kind === "deleteRange") {
    const { gte = "", lt } = step;
    for (const name of [...model.keys()]) {
      if (name >= gte && (lt === undefined || name < lt)) model.delete(name);
    }
  }
}

function inOrder(model: Map<string, SnapshotEntry>): SnapshotEntry[] {
  return [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Blocks of a few entries each. */
function* inBlocks(entries: readonly SnapshotEntry[]): Generator<SnapshotEntry[]> {
  for (let i = 0; i < entries.length; i += 3) yield entries.slice(i, i + 3);
}

describe("a delta merged into the entries before it", () => {
  test("gives what applying each operation in turn gives", async () => {
    await fc.assert(
      fc.asyncProperty(commits, commits, async (before, after) => {
        const model = new Map<string, SnapshotEntry>();
        for (const [i, step] of before.flat().entries()) applyTo(model, step, i);
        const base = inOrder(model);
        const delta = new Delta("string");
        for (const [i, operations] of after.entries()) {
          const offset = 1000 + i;
          delta.apply({ offset, time: offset * 10, payload: payloadOf(operations) });
          for (const step of operations) applyTo(model, step, offset);
        }
        const sorted = await delta.sorted(new Pace());
        expect([...sorted.merge(inBlocks(base))].flat()).toEqual(inOrder(model));
        expect(delta.commits).toBe(after.length);
      }),
      { numRuns: 500 },
    );
  });

  test("comes in batches that leave room for others, however many keys lie between two entries", async () => {
    const delta = new Delta("string");
    for (let n = 0; n < 5000; n++) {
      const name = `b${String(n).padStart(5, "0")}`;
      const payload = payloadOf([{ kind: "put", key: name, value: "v", expiry: undefined }]);
      delta.apply({ offset: n, time: 1, payload });
    }
    const base = ["a", "c"].map((name) => ({
      ...{ key: name, value: "v", offset: 0, time: 0, expiry: undefined },
    }));
    const batches = [...(await delta.sorted(new Pace())).merge([base])];
    expect(batches.flat()).toHaveLength(5002);
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(512);
  });

  test("leaves room for others after each block of which nothing is left", async () => {
    const delta = new Delta("string");
    const all = { kind: "deleteRange", gte: undefined, lt: undefined } as const;
    delta.apply({ offset: 1, time: 1, payload: payloadOf([all]) });
    const blocks = ["a", "b", "c"].map((name) => [
      { key: name, value: "v", offset: 0, time: 0, expiry: undefined },
    ]);
    expect([...(await delta.sorted(new Pace())).merge(blocks)]).toEqual([[], [], []]);
  });

  test("takes a commit of very many operations in steps, and gives what it gives at once", async () => {
    const count = 10_500;
    const operations = Array.from(
      { length: count },
      (_, n): Operation => ({ kind: "put", key: `k${n}`, value: "v", expiry: undefined }),
    );
    const record = { offset: 0, time: 5, payload: payloadOf(operations) };
    const delta = new Delta("string");
    let steps = 1;
    for (; !delta.apply(record); steps++) {
      expect(delta.commits).toBe(0);
      expect(delta.lastTime).toBeUndefined();
    }
    expect(steps).toBeGreaterThan(5);
    expect([delta.commits, delta.lastTime]).toEqual([1, 5]);
    expect(delta.apply({ ...record, offset: 1, payload: payloadOf([]) })).toBe(true);
    const merged = [...(await delta.sorted(new Pace())).merge([])].flat();
    expect(merged).toHaveLength(count);
  });

  test("keeps the last mark of a name", () => {
    const delta = new Delta("string");
    for (const offset of [3, 5]) {
      delta.apply({ offset, time: offset, payload: payloadOf([{ kind: "mark", name: "m" }]) });
    }
    expect(delta.marks).toEqual(new Map([["m", { offset: 5, time: 5 }]]));
  });

  test.each<[string, Uint8Array, string]>([
    ["damaged", new Uint8Array([1, 5]), "KV_CORRUPT"],
    ["newer", new Uint8Array([2, 0]), "KV_UNSUPPORTED_VERSION"],
  ])("refuses a %s commit with its offset", (_, payload, code) => {
    const delta = new Delta("string");
    expect(() => delta.apply({ offset: 7, time: 1, payload })).toThrowError(
      expect.objectContaining({ code, offset: 7 }),
    );
  });
});

describe("cleared ranges", () => {
  test("say of each key which operation cleared it last", () => {
    const ranges = fc.array(fc.record({ gte: key, lt: bound }), { maxLength: 30 });
    fc.assert(
      fc.property(ranges, (cleared) => {
        const tree = new ClearedRanges();
        const last = new Map<string, number>();
        const names = Array.from({ length: 41 }, (_, n) => `k${String(n).padStart(2, "0")}`);
        for (const [sequence, { gte, lt }] of cleared.entries()) {
          tree.clear({ gte, lt }, sequence);
          for (const name of names) {
            if (name >= gte && (lt === undefined || name < lt)) last.set(name, sequence);
          }
        }
        const sweep = tree.sweep();
        for (const name of names) expect(sweep.sequenceAt(name)).toBe(last.get(name) ?? -1);
      }),
      { numRuns: 1000 },
    );
  });
});

/** The keys of a table that were set in this order. */
function runsOf(keys: readonly string[]): readonly (readonly string[])[] {
  const table = new KeyTable<number>();
  for (const [at, name] of keys.entries()) table.set(name, at);
  return table.runs;
}

describe("sorting keys in slices", () => {
  test("gives the order of code units", async () => {
    const keys = Array.from({ length: 20_000 }, (_, n) => `k${(n * 7919) % 20_011}`);
    const sorted = keys.toSorted();
    expect(await sortKeys(runsOf(keys), new Pace())).toEqual(sorted);
    expect(await sortKeys(runsOf(sorted), new Pace())).toEqual(sorted);
    expect(await sortKeys([], new Pace())).toEqual([]);
  });

  test("ends with the reason of an aborted signal", async () => {
    const controller = new AbortController();
    const pace = new Pace(controller.signal);
    const keys = Array.from({ length: 300_000 }, (_, n) => `k${(n * 7919) % 300_007}`);
    const sorting = sortKeys(runsOf(keys), pace);
    controller.abort(new Error("enough"));
    await expect(sorting).rejects.toThrow("enough");
  });
});

describe("a table of keys", () => {
  test("has what a Map has, and each key once in the order of its first setting", () => {
    const name = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.string({ minLength: 30, maxLength: 200 }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.nat())), (settings) => {
        const [table, map] = [new KeyTable<number>(), new Map<string, number>()];
        for (const [set, value] of settings) {
          table.set(set, value);
          map.set(set, value);
        }
        expect(table.runs.flat()).toEqual([...map.keys()]);
        for (const [set, value] of map) expect(table.get(set)).toBe(value);
        table.clear();
        expect([table.runs, table.get("")]).toEqual([[], undefined]);
      }),
    );
  });

  test("keeps its runs short", () => {
    const keys = Array.from({ length: 10_000 }, (_, n) => `k${n}`);
    const runs = runsOf([...keys, ...keys]);
    expect(runs.flat()).toEqual(keys);
    expect(Math.max(...runs.map(({ length }) => length))).toBe(RUN_LENGTH);
  });
});
