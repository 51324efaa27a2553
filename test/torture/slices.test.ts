// Whose turn it is: every part has one, and the seed decides what is done in it.

import { expect, test } from "vitest";
import { PARTS, type Slice } from "./slice.js";
import { Slices } from "./slices.js";

function some(slices: Slices, count: number, leftMs = 1e9): Slice[] {
  return Array.from({ length: count }, () => slices.next(leftMs));
}

test("the parts take turns, programs most often", () => {
  const slices = some(new Slices(1, PARTS, 1e9), 80);
  const counts = PARTS.map((part) => slices.filter((slice) => slice.part === part).length);
  expect(counts).toEqual([30, 30, 10, 10]);
  const kinds = slices.filter(({ part }) => part === "log").map(({ kind }) => kind);
  expect(new Set(kinds)).toEqual(new Set(["cut", "failing", "damaged"]));
});

test("one part has all the turns where it is alone", () => {
  expect(some(new Slices(1, ["kills"], 1e9), 9).every(({ part }) => part === "kills")).toBe(true);
});

test("a seed gives the same each time, and each turn something else", () => {
  const seeds = some(new Slices(5, PARTS, 1e9), 100).map(({ seed }) => seed);
  expect(some(new Slices(5, PARTS, 1e9), 100).map(({ seed }) => seed)).toEqual(seeds);
  expect(new Set(seeds).size).toBe(100);
  expect(some(new Slices(6, PARTS, 1e9), 100).map(({ seed }) => seed)).not.toEqual(seeds);
});

test("no turn is longer than ten seconds, or than what is left", () => {
  expect(some(new Slices(1, PARTS, 1e9), 8).map(({ durationMs }) => durationMs)).toEqual(
    Array(8).fill(10_000),
  );
  for (const { durationMs } of some(new Slices(1, PARTS, 8000), 8, 700))
    expect(durationMs).toBe(700);
  const short = some(new Slices(1, ["log", "database"], 6000), 6);
  expect(short.map(({ durationMs }) => durationMs)).toEqual(Array(6).fill(1000));
});
