// The ordered map against a sorted copy of a Map, with forks that must not change.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prefixOf, prefixOfText } from "../src/state/item.js";
import { type KeyInterval, OrderedMap } from "../src/state/ordered-map.js";
import { OrderedMapBuilder } from "../src/state/ordered-map-builder.js";

interface Item {
  readonly n: number;
}

/** So few have an expiry that most nodes have one entry with it or none, and hardly two the same. */
function expiryOf({ n }: Item): number {
  return n % 61 === 7 ? 1000 + ((n * 7919) % 10_007) : Number.POSITIVE_INFINITY;
}

/** What a text says behind its key. */
function itemOf(text: string): Item {
  return { n: Number(text.slice(text.lastIndexOf("\0") + 1)) };
}

function entryOf(text: string, beside: Item | undefined): [string, Item] {
  const item = itemOf(text);
  // Not an assertion of each: there are millions.
  if (beside?.n !== (isBeside(item) ? item.n : undefined)) throw new Error(`beside ${text}`);
  return [prefixOfText(text).replaceAll("\0\xff", "\0"), item];
}

/** Some have something beside them, so that there are nodes with and without. */
function isBeside({ n }: Item): boolean {
  return n % 50 === 0;
}

function textOf(key: string, { n }: Item): string {
  return `${prefixOf(key)}\0${n}`;
}

/** An ordered map, by keys. */
class Tested {
  readonly #map: OrderedMap<Item>;

  constructor(map = new OrderedMap<Item>((text) => expiryOf(itemOf(text)))) {
    this.#map = map;
  }

  get size(): number {
    return this.#map.size;
  }

  get earliest(): number {
    return this.#map.earliest;
  }

  fork(): Tested {
    return new Tested(this.#map.fork());
  }

  get(key: string): Item | undefined {
    const text = this.#map.get(prefixOf(key));
    return text === undefined ? undefined : entryOf(text, this.#map.beside(prefixOf(key)))[1];
  }

  set(key: string, item: Item): Item | undefined {
    const beside = isBeside(item) ? item : undefined;
    const held = this.#map.set(prefixOf(key), textOf(key, item), beside);
    return held && entryOf(held.text, held.beside)[1];
  }

  delete(key: string): Item | undefined {
    const held = this.#map.delete(prefixOf(key));
    return held && entryOf(held.text, held.beside)[1];
  }

  clear(interval: KeyInterval): void {
    this.#map.clear(prefixes(interval));
  }

  ascending(interval: KeyInterval): Iterable<[string, Item]> {
    return this.#map.ascending(prefixes(interval), entryOf);
  }

  descending(interval: KeyInterval): Iterable<[string, Item]> {
    return this.#map.descending(prefixes(interval), entryOf);
  }

  expired(time: number): Iterable<[string, Item]> {
    return this.#map.expired(time, entryOf);
  }
}

function prefixes({ gte, lt }: KeyInterval): KeyInterval {
  return { gte: prefixOf(gte), lt: lt === undefined ? undefined : prefixOf(lt) };
}

/** A map of these many entries, built in order. */
function built(count: number, nameOf: (n: number) => string): { map: Tested; model: Model } {
  const builder = new OrderedMapBuilder<Item>((text) => expiryOf(itemOf(text)));
  const model: Model = new Map();
  for (let n = 0; n < count; n++) {
    builder.append(textOf(nameOf(n), { n }), isBeside({ n }) ? { n } : undefined);
    model.set(nameOf(n), { n });
  }
  expect(builder.size).toBe(count);
  return { map: new Tested(builder.build()), model };
}

const emptyMap = () => new Tested();

type Model = Map<string, Item>;

function inOrder(model: Model): [string, Item][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}

function within(model: Model, gte: string, lt: string | undefined): [string, Item][] {
  return inOrder(model).filter(([key]) => key >= gte && (lt === undefined || key < lt));
}

function check(map: Tested, model: Model): void {
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
const key = fc
  .integer({ min: 0, max: 6000 })
  .map((n) => `k${n}${n % 7 < 2 ? "\0".repeat((n % 7) + 1) : ""}`);

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
  map: Tested,
  model: Model,
  { kind, keys }: Extract<Step, { keys: readonly string[] }>,
): void {
  for (const [n, name] of keys.entries()) {
    const before = model.get(name);
    if (kind === "set") {
      expect(map.set(name, { n })).toEqual(before);
      model.set(name, { n });
      expect(map.get(name)).toEqual({ n });
    } else {
      expect(map.delete(name)).toEqual(before);
      model.delete(name);
    }
  }
}

function clear(map: Tested, model: Model, { gte, lt }: KeyInterval): void {
  map.clear({ gte, lt });
  for (const [key] of within(model, gte, lt)) model.delete(key);
}

describe("an ordered map", () => {
  test("has what a Map has, in order, and its forks keep what they had", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: "max" }), (steps) => {
        const map = emptyMap();
        const model: Model = new Map();
        const forks: [Tested, Model][] = [];
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
      const { map, model } = built(count, (n) => String(n).padStart(6, "0"));
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
    ["all but the last", "", "k009999", 1],
    ["all but both ends", "k000001", "k009999", 2],
    ["within one leaf", "k005001", "k005003", 9_998],
    ["bounds that are no keys", "k005", "k006", 9_000],
    ["nothing: it is empty", "k005", "k005", 10_000],
    ["nothing: its bounds contradict each other", "k006", "k005", 10_000],
  ])("clearing %s leaves the rest, and takes it from no fork", (_, gte, lt, left) => {
    const { map, model } = built(10_000, (n) => `k${String(n).padStart(6, "0")}`);
    const fork = map.fork();
    clear(map, model, { gte, lt });
    expect(model.size).toBe(left);
    check(map, model);
    expect([fork.size, [...fork.ascending({ gte: "", lt: undefined })].length]).toEqual([
      10_000, 10_000,
    ]);
    for (let n = 4_990; n < 5_010; n++) {
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
    for (const name of next.splice(0, 8)) {
      set(name, 0);
      check(map, model);
    }
    for (const name of next.splice(0, 8)) {
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
