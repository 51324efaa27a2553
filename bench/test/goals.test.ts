import { expect, test } from "vitest";
import { amount, judge } from "../src/goals.js";
import type { Goal } from "../src/scenario.js";
import { figure, results } from "./fixture.js";

function reached(better: "higher" | "lower", goal: Goal, medians: Record<string, number>) {
  return judge(figure(better, [goal]), results(better, medians)).map((verdict) => verdict.reached);
}

test("a ratio is reached by as much more, where higher is better", () => {
  const goal = { ratio: 4, against: "peer" };
  expect(reached("higher", goal, { Tidemark: 400, peer: 100 })).toEqual([true]);
  expect(reached("higher", goal, { Tidemark: 399, peer: 100 })).toEqual([false]);
});

test("a ratio is reached by as much less, where lower is better", () => {
  const goal = { ratio: 0.5, against: "peer" };
  expect(reached("lower", goal, { Tidemark: 200, peer: 100 })).toEqual([true]);
  expect(reached("lower", goal, { Tidemark: 201, peer: 100 })).toEqual([false]);
});

test("the best of the peers counts, and only those who took part", () => {
  const goal = { ratio: 2, best: ["slow", "fast", "absent"] };
  const medians = { Tidemark: 200, slow: 10, fast: 101, other: 1000 };
  const [verdict] = judge(figure("higher", [goal]), results("higher", medians));
  expect(verdict).toEqual({ goal: "2.00 × fast", actual: "1.98 ×", reached: false });
  expect(reached("lower", goal, { Tidemark: 5, slow: 100, fast: 11 })).toEqual([true]);
});

test("a bound is met from the better side", () => {
  expect(reached("higher", { bound: 10 }, { Tidemark: 10 })).toEqual([true]);
  expect(reached("higher", { bound: 10 }, { Tidemark: 9.9 })).toEqual([false]);
  expect(reached("lower", { bound: 10 }, { Tidemark: 10.1 })).toEqual([false]);
});

test("there is no verdict beside a system that did not take part, nor without Tidemark", () => {
  expect(reached("higher", { ratio: 2, against: "absent" }, { Tidemark: 1 })).toEqual([]);
  expect(reached("higher", { ratio: 2, against: "peer" }, { peer: 1 })).toEqual([]);
});

test("amounts have three digits or all", () => {
  expect([0.1234, 9.876, 99.96, 1234567.8].map(amount)).toEqual([
    "0.123",
    "9.88",
    "100",
    "1,234,568",
  ]);
});
