// That the list of mutants does not rot: each patch applies to the sources as they are, each test is there.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mutants } from "./list.mjs";
import { edited } from "./working-copy.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function sourceOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

describe.each(mutants)("the mutant $name", ({ file, edits, tests }) => {
  test("applies to the source, each of its edits once", () => {
    const source = sourceOf(file);
    expect(edited(source, edits)).not.toBe(source);
  });

  test("names tests that are there", () => {
    expect(tests.length).toBeGreaterThan(0);
    for (const { file: testFile, titles } of tests) {
      const source = sourceOf(testFile);
      expect(titles.filter((title) => !source.includes(title))).toEqual([]);
    }
  });
});

test("no two mutants have the same name", () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
