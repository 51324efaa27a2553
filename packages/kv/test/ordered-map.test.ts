// The ordered map against a sorted copy of a Map, with forks that must not change.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OrderedMap, OrderedMapBuilder } from "../src/ordered-map.js";

interface Item {
  readonly n: number;
}

type Model = Map<string, Item>;

function inOrder(model: Model): [string, Item][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}

function within(model: Model, gte: string, lt: string | undefined): [string, Item][] {
  return inOrder(model).filter(([key]) => key >= gte && (lt === undefined || key < lt));
}

function check(map: OrderedMap<Item>, model: Model): void {
  expect([...map.ascending({ gte: "", lt: undefined })]).toEqual(inOrder(model));
  expect(map.size).toBe(model.size);
}

/** Few enough that keys meet again, many enough that the tree has three levels. */
const key = fc.integer({ min: 0, max: 6000 }).map((n) => `k${n}`);

type Step =
  | { readonly kind: "set" | "delete"; readonly keys: readonly string[] }
  | { readonly kind: "fork" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      keys: fc.array(key, { maxLength: 900 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("delete" as const),
      keys: fc.array(key, { maxLength: 900 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "fork" as const }) },
);

function apply(
  map: OrderedMap<Item>,
  model: Model,
  { kind, keys }: Exclude<Step, { kind: "fork" }>,
): void {
  for (const [n, name] of keys.entries()) {
    const before = model.get(name);
    if (kind === "set") {
      expect(map.set(name, { n })).toBe(before);
      model.set(name, map.get(name) as Item);
    } else {
      expect(map.delete(name)).toBe(before);
      model.delete(name);
    }
  }
}

describe("an ordered map", () => {
  test("has what a Map has, in order, and its forks keep what they had", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: "max" }), (steps) => {
        const map = new OrderedMap<Item>();
        const model: Model = new Map();
        const forks: [OrderedMap<Item>, Model][] = [];
        for (const taken of steps) {
          if (taken.kind === "fork") forks.push([map.fork(), new Map(model)]);
          else apply(map, model, taken);
        }
        check(map, model);
        for (const [fork, then] of forks) check(fork, then);
      }),
      { numRuns: 60 },
    );
  });

  test("a fork can change without the map it came from", () => {
    const map = new OrderedMap<Item>();
    for (let n = 0; n < 5000; n++) map.set(`k${n}`, { n });
    const fork = map.fork();
    for (let n = 0; n < 5000; n += 2) fork.delete(`k${n}`);
    fork.set("k1", { n: -1 });
    expect(map.size).toBe(5000);
    expect(map.get("k1")).toEqual({ n: 1 });
    expect(map.get("k2")).toEqual({ n: 2 });
    expect(fork.size).toBe(2500);
    expect(fork.get("k1")).toEqual({ n: -1 });
  });

  test("any interval is what a filter of all entries gives, both ways", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { maxLength: 600, size: "max" }),
        fc.constantFrom("", "k", "k3", "k45", "z"),
        fc.option(key, { nil: undefined }),
        (keys, gte, lt) => {
          const map = new OrderedMap<Item>();
          const model: Model = new Map(keys.map((name, n) => [name, { n }]));
          for (const [name, item] of model) map.set(name, item);
          const expected = within(model, gte, lt);
          expect([...map.ascending({ gte, lt })]).toEqual(expected);
          expect([...map.descending({ gte, lt })]).toEqual(expected.reverse());
        },
      ),
    );
  });

  test.each([0, 1, 47, 48, 49, 2304, 2305, 10_000])(
    "built from %i sorted entries, it works on",
    (count) => {
      const builder = new OrderedMapBuilder<Item>();
      const model: Model = new Map();
      for (let n = 0; n < count; n++) {
        const name = String(n).padStart(6, "0");
        builder.append(name, { n });
        model.set(name, { n });
      }
      expect(builder.size).toBe(count);
      const map = builder.build();
      check(map, model);
      for (let n = 0; n < count; n += 3) {
        const name = String(n).padStart(6, "0");
        map.delete(name);
        model.delete(name);
        map.set(`${name}+`, { n });
        model.set(`${name}+`, { n });
      }
      check(map, model);
    },
  );

  test("deleting everything leaves an empty map that takes entries again", () => {
    const map = new OrderedMap<Item>();
    for (let n = 0; n < 10_000; n++) map.set(`k${n}`, { n });
    for (let n = 9_999; n >= 0; n--) map.delete(`k${n}`);
    check(map, new Map());
    map.set("a", { n: 1 });
    check(map, new Map([["a", { n: 1 }]]));
  });
});
