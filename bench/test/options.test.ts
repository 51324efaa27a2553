import { expect, test } from "vitest";
import { parseOptions } from "../src/options.js";

test("five rounds are the default, and one where it is quick", () => {
  expect(parseOptions([])).toMatchObject({ rounds: 5, quick: false, only: [] });
  expect(parseOptions(["--quick"])).toMatchObject({ rounds: 1, quick: true });
  expect(parseOptions(["--quick", "--rounds", "3"])?.rounds).toBe(3);
});

test("several scenarios can be picked", () => {
  expect(parseOptions(["--only", "kv", "--only", "log-scan"])?.only).toEqual(["kv", "log-scan"]);
});

test("what makes no sense is refused", () => {
  for (const args of [["--rounds", "0"], ["--rounds", "x"], ["--fast"], ["kv"]]) {
    expect(() => parseOptions(args)).toThrow(TypeError);
  }
  expect(parseOptions(["--help"])).toBeUndefined();
});
