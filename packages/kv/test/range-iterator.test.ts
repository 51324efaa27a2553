// The iterator of a range, by its protocol: what a generator would do.

import { expect, test } from "vitest";
import type { RangeIterator } from "../src/state/range-iterator.js";
import { State } from "../src/state/state.js";

const COUNT = 500;

function nameOf(n: number): string {
  return `k${String(n).padStart(4, "0")}`;
}

/** Each third has an expiry. */
function filled(): State {
  const state = new State();
  for (let n = 0; n < COUNT; n++) {
    const expiry = n % 3 === 0 ? 1000 + n : undefined;
    state.apply({ kind: "put", key: nameOf(n), value: "v", expiry }, n, 1);
  }
  return state;
}

interface Asked {
  readonly gte?: string;
  readonly lt?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly now?: number;
}

/** The keys of a range. */
function keysOf(state: State, asked: Asked = {}): RangeIterator<string> {
  const { gte = "", lt, reverse = false, limit = Number.POSITIVE_INFINITY, now = 0 } = asked;
  return state.read({ interval: { gte, lt }, reverse, limit }, now, ({ key }) => key);
}

test("it gives what there is, in order and backwards, within bounds, limit and expiry", () => {
  const state = filled();
  for (const now of [0, 1250, 5000]) {
    for (const limit of [0, 1, 15, 16, 17, 64, 65, 400, Number.POSITIVE_INFINITY]) {
      for (const [first, end] of [
        [0, COUNT],
        [63, 66],
        [100, 101],
        [70, 431],
        [200, 200],
      ] as const) {
        const there = Array.from({ length: end - first }, (_, n) => first + n)
          .filter((n) => n % 3 !== 0 || 1000 + n > now)
          .map(nameOf);
        const bounds = { gte: nameOf(first), lt: nameOf(end), limit, now };
        expect([...keysOf(state, bounds)]).toEqual(there.slice(0, limit));
        const back = [...keysOf(state, { ...bounds, reverse: true })];
        expect(back).toEqual(there.toReversed().slice(0, limit));
      }
    }
  }
});

test("it is its own iterator, and goes on where it was left", () => {
  const keys = keysOf(filled());
  expect(keys[Symbol.iterator]()).toBe(keys);
  expect(keys.next()).toEqual({ value: nameOf(0), done: false });
  expect([...keys]).toHaveLength(COUNT - 1);
});

test("once it has ended it gives nothing more", () => {
  const keys = keysOf(filled(), { limit: 2 });
  expect([...keys]).toEqual([nameOf(0), nameOf(1)]);
  expect(keys.next()).toEqual({ value: undefined, done: true });
  expect([...keys]).toEqual([]);
});

test("it ends when a loop is left", () => {
  const keys = keysOf(filled());
  for (const key of keys) if (key === nameOf(20)) break;
  expect(keys.next()).toEqual({ value: undefined, done: true });
  expect(keys.return()).toEqual({ value: undefined, done: true });
});

test("it ends with what cannot be picked", () => {
  const keys = filled().read(
    { interval: { gte: "", lt: undefined }, reverse: false, limit: 9 },
    0,
    ({ key }) => {
      if (key === nameOf(2)) throw new Error("unreadable");
      return key;
    },
  );
  expect([keys.next().value, keys.next().value]).toEqual([nameOf(0), nameOf(1)]);
  expect(() => keys.next()).toThrow("unreadable");
  expect(keys.next()).toEqual({ value: undefined, done: true });
});

test("it has what all iterators have", () => {
  const every = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  expect(Object.prototype.isPrototypeOf.call(every, keysOf(filled()))).toBe(true);
});
