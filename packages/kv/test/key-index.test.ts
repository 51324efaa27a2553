// The index beside the tree: alone against a Map, and within a state against one that has none.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StateOperation } from "../src/formats/operations.js";
import { CoveredIndex } from "../src/state/covered-index.js";
import { prefixOf } from "../src/state/item.js";
import { type HashOf, keyHash } from "../src/state/key-hash.js";
import { KeyIndex } from "../src/state/key-index.js";
import { OrderedMap } from "../src/state/ordered-map.js";
import { type PreImage, State } from "../src/state/state.js";

const clock = () => 0;
/** Always the same one: its factors are a linear congruential sequence. */
const anyHash = keyHash(factorsFrom(7));

function factorsFrom(seed: number): Int32Array {
  let last = seed;
  return new Int32Array(256).map(() => {
    last = (Math.imul(last, 0x9e3779b1) + 0x7f4a7c15) | 0;
    return last;
  });
}

/** So few hashes that most keys share theirs; what chooses the shard and what chooses the slot may be alike alone. */
const poorHashes: readonly HashOf[] = [
  (text, length) => anyHash(text, length) & 3,
  (text, length) => anyHash(text, length) | 0x3ff,
  (text, length) => (anyHash(text, length) & 0x1f) << 27,
];

function textOf(key: string, n: number): string {
  return `${prefixOf(key)}\0\0${n}`;
}

const keys = fc.oneof(
  fc.nat(40).map((n) => `k${n}`),
  fc.string({ unit: fc.constantFrom("\0", "a", "\xff"), maxLength: 4 }),
);

describe("a key index", () => {
  test.each([anyHash, ...poorHashes])("holds what a Map holds, with hash %#", (hashOf) => {
    const step = fc.record({ key: keys, n: fc.nat(3) });
    const steps = fc.array(step, { maxLength: 400 });
    fc.assert(
      fc.property(steps, (taken) => {
        const index = new KeyIndex(hashOf);
        const model = new Map<string, string>();
        for (const { key, n } of taken) {
          if (n === 0) {
            index.delete(prefixOf(key));
            model.delete(key);
          } else {
            expect(index.set(prefixOf(key), textOf(key, n))).toBe(true);
            model.set(key, textOf(key, n));
          }
          expect(index.get(prefixOf(key))).toBe(model.get(key));
        }
        expect(index.count).toBe(model.size);
        for (const { key } of taken) expect(index.get(prefixOf(key))).toBe(model.get(key));
      }),
      { numRuns: 200 },
    );
  });

  test.each([0, 1000, 50_000])(
    "finds 50,000 keys, with shards for %i, and none that is gone",
    (expected) => {
      const index = new KeyIndex(anyHash, expected);
      for (let n = 0; n < 50_000; n++) index.add(textOf(`key${n}`, n));
      for (let n = 0; n < 50_000; n += 2) index.delete(`key${n}`);
      expect(index.count).toBe(25_000);
      const wrong = Array.from({ length: 50_000 }, (_, n) => n).filter(
        (n) => index.get(`key${n}`) !== (n % 2 === 0 ? undefined : textOf(`key${n}`, n)),
      );
      expect(wrong).toEqual([]);
    },
  );

  test("finds what is in shards that split late, where others have split often", () => {
    // The first bits are 0 for half of them, which come first.
    const skewed: HashOf = (text, length) => {
      const hash = anyHash(text, length);
      return text.charCodeAt(0) === 0x61 ? hash & 0x03ff_ffff : hash;
    };
    const index = new KeyIndex(skewed);
    const names = ["a", "b"].flatMap((first) =>
      Array.from({ length: 20_000 }, (_, n) => first + n),
    );
    for (const name of names) index.set(name, textOf(name, 1));
    for (const name of names) index.set(name, textOf(name, 2));
    expect(index.count).toBe(40_000);
    expect(names.filter((name) => index.get(name) !== textOf(name, 2))).toEqual([]);
  });

  test("has room for ever other keys, as long as they go again", () => {
    const index = new KeyIndex(() => 5);
    for (let n = 0; n < 5000; n++) {
      expect(index.set(`key${n}`, textOf(`key${n}`, n))).toBe(true);
      index.delete(`key${n}`);
    }
    expect(index.count).toBe(0);
  });

  test("is sparse once little is left of much", () => {
    const index = new KeyIndex(anyHash);
    expect(index.isSparse).toBe(false);
    for (let n = 0; n < 10_000; n++) index.set(`key${n}`, textOf(`key${n}`, n));
    for (let n = 0; n < 5000; n++) index.delete(`key${n}`);
    expect(index.isSparse).toBe(false);
    for (let n = 5000; n < 9990; n++) index.delete(`key${n}`);
    expect(index.isSparse).toBe(true);
  });

  test("refuses a text where there is no room, and holds the others", () => {
    const index = new KeyIndex(() => 5);
    let count = 0;
    while (index.set(`key${count}`, textOf(`key${count}`, count))) count += 1;
    expect(count).toBeGreaterThan(100);
    expect(index.count).toBe(count);
    expect(index.get("key0")).toBe(textOf("key0", 0));
    expect(index.get(`key${count}`)).toBeUndefined();
  });
});

describe("the hash of a key", () => {
  test("depends on every character and on the length, also of long keys", () => {
    const texts = ["", "\0", "\0\0", "a", "b", "ab", "ba", "a".repeat(256), "a".repeat(257)];
    const long = "x".repeat(1000);
    for (const at of [0, 255, 256, 999]) texts.push(`${long.slice(0, at)}y${long.slice(at + 1)}`);
    expect(new Set(texts.map((text) => anyHash(text, text.length))).size).toBe(texts.length);
    expect(anyHash("abc", 2)).toBe(anyHash("ab", 2));
  });

  test("lets keys that meet by one set of factors meet by no other", () => {
    const names = Array.from({ length: 2000 }, (_, n) => `key${n}`);
    const met = meeting(names, keyHash(new Int32Array(256).fill(5)));
    expect(met.length).toBeGreaterThan(0);
    for (let n = 0; n < 300; n++) {
      const other = keyHash();
      const again = met.filter(([a, b]) => other(a, a.length) === other(b, b.length));
      expect(again).toEqual([]);
    }
  });

  test("spreads keys that count up over all shards and slots", () => {
    const hash = keyHash();
    const counts = new Array<number>(128).fill(0);
    for (let n = 0; n < 64_000; n++) {
      const of = hash(`key-${n}`, `key-${n}`.length);
      for (const at of [of >>> 26, 64 + (of & 63)]) counts[at] = (counts[at] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(750);
    expect(Math.max(...counts)).toBeLessThan(1250);
  });
});

/** Pairs of names with the same hash. */
function meeting(names: readonly string[], hash: HashOf): [string, string][] {
  const byHash = new Map<number, string>();
  const pairs: [string, string][] = [];
  for (const name of names) {
    const first = byHash.get(hash(name, name.length));
    if (first !== undefined && first !== name) pairs.push([first, name]);
    byHash.set(hash(name, name.length), name);
  }
  return pairs;
}

/** Two states to which the same is done, of which one has an index. */
class Pair {
  readonly #indexed: State;
  readonly #plain: State;
  #offset = 0;

  constructor(indexed = new State(), plain = new State()) {
    this.#indexed = indexed;
    this.#plain = plain;
    indexed.useIndex();
  }

  apply(operation: StateOperation): () => void {
    const offset = this.#offset++;
    const previous: PreImage = this.#indexed.apply(operation, offset, 1);
    const plain: PreImage = this.#plain.apply(operation, offset, 1);
    return () => {
      this.#indexed.revert(operation, previous);
      this.#plain.revert(operation, plain);
    };
  }

  /** Has the state become what another became from it. */
  replace(operation: StateOperation): void {
    const [indexed, plain] = [this.#indexed.fork(), this.#plain.fork()];
    const offset = this.#offset++;
    indexed.apply(operation, offset, 1);
    plain.apply(operation, offset, 1);
    this.#indexed.become(indexed);
    this.#plain.become(plain);
  }

  /** Looks at a key in both, and in forks. */
  look(key: string): void {
    const expected = this.#plain.get(key, clock)?.offset;
    if (this.#indexed.get(key, clock)?.offset !== expected) throw new Error(`key ${key}`);
    if (this.#indexed.fork().get(key, clock)?.offset !== expected) throw new Error(`fork, ${key}`);
  }
}

function put(key: string): StateOperation {
  return { kind: "put", key, value: "v", expiry: undefined };
}

describe("a state with an index", () => {
  test("tells of each key what one without does, whatever is done", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("put" as const), key: keys }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), key: keys }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("get" as const), key: keys }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("undo" as const), key: keys }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("replace" as const), key: keys }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant("clear" as const), key: keys, to: keys }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const pair = new Pair();
        const undo: (() => void)[] = [];
        for (const taken of steps) {
          const { key } = taken;
          if (taken.do === "put") undo.push(pair.apply(put(key)));
          else if (taken.do === "delete") undo.push(pair.apply({ kind: "delete", key }));
          else if (taken.do === "clear") {
            undo.push(pair.apply({ kind: "deleteRange", gte: key, lt: taken.to }));
          } else if (taken.do === "undo") undo.pop()?.();
          else if (taken.do === "replace") {
            pair.replace(put(key));
            undo.length = 0;
          } else pair.look(key);
        }
        for (const { key } of steps) pair.look(key);
      }),
      { numRuns: 500 },
    );
  });

  test("finds every key again once the deletion of a range is undone", () => {
    const pair = new Pair();
    const names = Array.from({ length: 30 }, (_, n) => `k${n}`);
    for (const name of names) pair.apply(put(name));
    for (const name of names) pair.look(name);
    const undo = pair.apply({ kind: "deleteRange", gte: "k1", lt: "k2" });
    for (const name of names) pair.look(name);
    undo();
    for (const name of names) pair.look(name);
  });

  test("finds every key while it is filled, and after most of them went in a range", () => {
    const pair = new Pair();
    const names = Array.from({ length: 9000 }, (_, n) => `k${(n * 7919) % 9000}`);
    for (const name of names) pair.apply(put(name));
    for (const name of names.slice(0, 700)) pair.look(name);
    pair.apply({ kind: "deleteRange", gte: "k20", lt: "k21" });
    for (const name of names.slice(0, 300)) pair.look(name);
    pair.apply({ kind: "deleteRange", gte: "k3", lt: "k8" });
    for (const name of names) pair.look(name);
    for (const name of names) pair.apply({ kind: "delete", key: name });
    for (const name of names) pair.look(name);
    for (const name of names) pair.apply(put(name));
    for (const name of names) pair.look(name);
  });
});

describe("an index that covers a beginning", () => {
  test("leaves it all to the tree once very many keys have one hash", () => {
    const map = new OrderedMap<Uint8Array>();
    for (let n = 0; n < 3000; n++) map.set(`k${n}`, textOf(`k${n}`, n));
    const index = new CoveredIndex<Uint8Array>(() => 5);
    for (let n = 0; n < 1000; n++) index.extend(map);
    expect(index.covers("k0")).toBe(false);
    index.put("k0", textOf("k0", 1));
    index.extend(map);
    expect(index.covers("k0")).toBe(false);
  });

  test("covers what was put behind its end only once it is there", () => {
    const map = new OrderedMap<Uint8Array>();
    for (let n = 0; n < 100; n++) map.set(`k${n}`, textOf(`k${n}`, n));
    const index = new CoveredIndex<Uint8Array>();
    index.extend(map);
    expect(index.covers("k0")).toBe(true);
    expect(index.get("k0")).toBe(textOf("k0", 0));
    expect(index.covers("k99")).toBe(false);
    while (!index.covers("k99")) index.extend(map);
    expect(index.get("k99")).toBe(textOf("k99", 99));
    while (!index.covers("z")) index.extend(map);
    expect(index.get("z")).toBeUndefined();
  });

  test("begins anew when a range of very many goes, and not when one of few does", () => {
    const { map, index } = covered(10_000);
    clear(map, index, { gte: "k12", lt: "k13" });
    expect(index.covers("k5")).toBe(true);
    expect(index.get("k1299")).toBeUndefined();
    clear(map, index, { gte: "k2", lt: "k6" });
    expect(index.covers("k1")).toBe(false);
  });

  test("keeps what it has begun to cover when some of it goes", () => {
    const map = new OrderedMap<Uint8Array>();
    for (let n = 10_000; n < 40_000; n++) map.set(`k${n}`, textOf(`k${n}`, n));
    const index = new CoveredIndex<Uint8Array>();
    while (!index.covers("k10200")) index.extend(map);
    index.delete("k10000");
    map.delete("k10000");
    expect(index.covers("k10200")).toBe(true);
    expect(index.get("k10000")).toBeUndefined();
    expect(index.get("k10200")).toBe(textOf("k10200", 10_200));
  });

  test("begins anew when little is left of much", () => {
    const { map, index } = covered(10_000);
    for (let n = 0; n < 9990; n++) {
      index.delete(`k${n}`);
      map.delete(`k${n}`);
    }
    expect(index.covers("k9999")).toBe(false);
    index.extend(map);
    expect(index.get("k9999")).toBe(textOf("k9999", 9999));
  });
});

/** A map, and an index that covers it all. */
function covered(count: number) {
  const map = new OrderedMap<Uint8Array>();
  for (let n = 0; n < count; n++) map.set(`k${n}`, textOf(`k${n}`, n));
  const index = new CoveredIndex<Uint8Array>();
  while (!index.covers("l")) index.extend(map);
  return { map, index };
}

function clear(
  map: OrderedMap<Uint8Array>,
  index: CoveredIndex<Uint8Array>,
  interval: { readonly gte: string; readonly lt: string },
): void {
  index.clear(map, interval);
  map.clear(interval);
}
