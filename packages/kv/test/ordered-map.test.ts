// The ordered map against a sorted copy of a Map, with forks that must not change.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeyInterval, OrderedMap } from "../src/ordered-map.js";
import { OrderedMapBuilder } from "../src/ordered-map-builder.js";

interface Item {
  readonly n: number;
}

/** So few have an expiry that most nodes have one entry with it or none, and hardly two the same. */
function expiryOf({ n }: Item): number {
  return n % 61 === 7 ? 1000 + ((n * 7919) % 10_007) : Number.POSITIVE_INFINITY;
}

const emptyMap = () => new OrderedMap<Item>(expiryOf);

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
  expect(map.size).toBe([...map.descending({ gte: "", lt: undefined })].length);
  const expiring = inOrder(model).filter(([, item]) => expiryOf(item) < 99_999);
  const expiries = expiring.map(([, item]) => expiryOf(item)).sort((a, b) => a - b);
  expect(map.earliest).toBe(expiries[0] ?? Number.POSITIVE_INFINITY);
  for (const time of [...expiries.slice(0, 20), 99_999]) {
    const expired = expiring.filter(([, item]) => expiryOf(item) <= time);
    expect([...map.expired(time)]).toEqual(expired);
  }
}

/** Few enough that keys meet again, many enough that the tree has three levels. */
const key = fc.integer({ min: 0, max: 6000 }).map((n) => `k${n}`);

type Step =
  | { readonly kind: "set" | "delete"; readonly keys: readonly string[] }
  | ({ readonly kind: "clear" } & KeyInterval)
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
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("clear" as const),
      gte: fc.oneof(key, fc.constantFrom("", "k45")),
      lt: fc.option(key, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "fork" as const }) },
);

function apply(
  map: OrderedMap<Item>,
  model: Model,
  { kind, keys }: Extract<Step, { keys: readonly string[] }>,
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

function clear(map: OrderedMap<Item>, model: Model, { gte, lt }: KeyInterval): void {
  map.clear({ gte, lt });
  for (const [key] of within(model, gte, lt)) model.delete(key);
}

describe("an ordered map", () => {
  test("has what a Map has, in order, and its forks keep what they had", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: "max" }), (steps) => {
        const map = emptyMap();
        const model: Model = new Map();
        const forks: [OrderedMap<Item>, Model][] = [];
        for (const taken of steps) {
          if (taken.kind === "clear") clear(map, model, taken);
          else if (taken.kind === "fork") forks.push([map.fork(), new Map(model)]);
          else apply(map, model, taken);
        }
        check(map, model);
        for (const [fork, then] of forks) check(fork, then);
      }),
      { numRuns: 60 },
    );
  });

  test("a fork can change without the map it came from", () => {
    const map = emptyMap();
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
          const map = emptyMap();
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
      const builder = new OrderedMapBuilder<Item>(expiryOf);
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

  test.each<[string, string, string | undefined, number]>([
    ["everything", "", undefined, 0],
    ["all but the first", "k000001", undefined, 1],
    ["all but the last", "", "k099999", 1],
    ["all but both ends", "k000001", "k099999", 2],
    ["within one leaf", "k050001", "k050003", 99_998],
    ["bounds that are no keys", "k05", "k06", 90_000],
    ["nothing: it is empty", "k05", "k05", 100_000],
    ["nothing: its bounds contradict each other", "k06", "k05", 100_000],
  ])("clearing %s leaves the rest, and takes it from no fork", (_, gte, lt, left) => {
    const builder = new OrderedMapBuilder<Item>(expiryOf);
    const model: Model = new Map();
    for (let n = 0; n < 100_000; n++) {
      const name = `k${String(n).padStart(6, "0")}`;
      builder.append(name, { n });
      model.set(name, { n });
    }
    const map = builder.build();
    const fork = map.fork();
    clear(map, model, { gte, lt });
    expect(model.size).toBe(left);
    check(map, model);
    expect([fork.size, [...fork.ascending({ gte: "", lt: undefined })].length]).toEqual([
      100_000, 100_000,
    ]);
    for (let n = 49_990; n < 50_010; n++) {
      const name = `k${String(n).padStart(6, "0")}`;
      map.set(name, { n });
      model.set(name, { n });
    }
    check(map, model);
  });

  test("knows what expires next while entries are written again, deleted and merged", () => {
    const map = emptyMap();
    const model: Model = new Map();
    const set = (name: string, n: number) => {
      map.set(name, { n });
      model.set(name, { n });
    };
    for (let n = 0; n < 6000; n++) set(`k${n}`, n);
    const remove = (name: string) => {
      map.delete(name);
      model.delete(name);
    };
    const next = [...model]
      .filter(([, item]) => expiryOf(item) < 99_999)
      .sort(([, a], [, b]) => expiryOf(a) - expiryOf(b))
      .map(([name]) => name);
    for (const name of next.splice(0, 20)) {
      set(name, 0);
      check(map, model);
    }
    for (const name of next.splice(0, 20)) {
      remove(name);
      check(map, model);
    }
    for (const name of [...model.keys()]) if (!next.includes(name)) remove(name);
    check(map, model);
  });

  test("deleting everything leaves an empty map that takes entries again", () => {
    const map = emptyMap();
    for (let n = 0; n < 10_000; n++) map.set(`k${n}`, { n });
    for (let n = 9_999; n >= 0; n--) map.delete(`k${n}`);
    check(map, new Map());
    map.set("a", { n: 1 });
    check(map, new Map([["a", { n: 1 }]]));
  });
});
