// The list of faults that a log and a store must survive (docs/faults.md), held against the names of the tests: each
// number of it stands in one, as `fault 11: …`, `faults 11 and 12: …`, `faults 11–13: …` or `faults 11 to 13: …`.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The numbers of the list, in its order. */
const FAULTS = [
  ...readFileSync(join(ROOT, "docs/faults.md"), "utf8").matchAll(/^\| (\d+) \|/gm),
].map(([, number]) => Number(number));

/** The numbers of a text such as `1, 2 and 4–6`. */
function numbersIn(text: string): number[] {
  return text.split(/, | and /).flatMap((part) => {
    const [first, last] = part.split(/–|-| to /).map(Number);
    if (first === undefined || Number.isNaN(first)) throw new Error(`${text} holds no numbers`);
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

/** Numbers of the faults that tests are named for. */
function coveredFaults(): Set<number> {
  const covered = new Set<number>();
  for (const path of testFiles()) {
    const source = readFileSync(path, "utf8");
    const names = source.matchAll(
      /\b(?:test|describe)(?:\.each)?\([^"'`]*["'`]faults? ([^:"'`]+):/g,
    );
    for (const [, numbers = ""] of names) {
      for (const number of numbersIn(numbers)) covered.add(number);
    }
  }
  return covered;
}

/** Paths of the test files of the packages and of the workspace. */
function testFiles(): string[] {
  const packages = readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}/test`);
  return [...packages, "test"]
    .map((folder) => join(ROOT, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => {
      const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
      return names.map((name) => join(folder, name));
    })
    .filter((path) => path.endsWith(".test.ts") && !path.includes("node_modules"));
}

test("the list has seventy faults, in order", () => {
  expect(FAULTS).toEqual(Array.from({ length: 70 }, (_, index) => index + 1));
});

test("every fault of the list has a test with its number", () => {
  const covered = coveredFaults();
  expect(FAULTS.filter((number) => !covered.has(number))).toEqual([]);
});

test("no test names a fault that is not in the list", () => {
  expect([...coveredFaults()].filter((number) => !FAULTS.includes(number))).toEqual([]);
});
