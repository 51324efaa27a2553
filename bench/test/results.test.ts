import { expect, test } from "vitest";
import { resultsOf } from "../src/results.js";
import type { Measured, Scenario, System } from "../src/scenario.js";
import { median, quantile } from "../src/statistics.js";
import { figure } from "./fixture.js";

const idle: System = { measure: () => Promise.resolve({}) };

function scenario(): Scenario {
  const figures = [figure("higher", []), { ...figure("lower", []), key: "g", name: "another" }];
  return { name: "s", systems: { Tidemark: idle, peer: idle }, figures };
}

test("each figure has a result for each system that measured it, with its spread", () => {
  const measured = new Map<string, Measured[]>([
    ["Tidemark", [3, 1, 2].map((f) => ({ f, g: 10 * f }))],
    ["peer", [{ f: 5 }]],
  ]);
  const [own, peer, another, ...more] = resultsOf({
    scenario: scenario(),
    measured,
    missing: new Map([["absent", "why"]]),
  });
  const shared = { scenario: "a-figure", unit: "µs", better: "higher" };
  expect(own).toEqual({ ...shared, system: "Tidemark", median: 2, min: 1, max: 3, rounds: 3 });
  expect(peer).toEqual({ ...shared, system: "peer", median: 5, min: 5, max: 5, rounds: 1 });
  expect(another).toMatchObject({ scenario: "another", system: "Tidemark", median: 20 });
  expect(more).toEqual([]);
});

test("the median of an even count lies between the two in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([4, 1, 100])).toBe(4);
});

test("a quantile is a value that was measured", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(quantile(values, 0.99)).toBe(99);
  expect(quantile(values, 1)).toBe(100);
  expect(quantile([7], 0.99)).toBe(7);
  expect(() => quantile([], 0.5)).toThrow(RangeError);
});
