// A bounded run of fuzzing, and the proof that it finds what is wrong. FUZZ_SECONDS makes it go on for longer,
// FUZZ_SEED makes other inputs, FUZZ_ONLY is for one target. `npm run fuzz` is the same without a test runner.

import { describe, expect, test } from "vitest";
import { fuzz } from "./dist/fuzz.js";

const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const MS = Number(process.env["FUZZ_SECONDS"] ?? 8) * 1000;
const ONLY = process.env["FUZZ_ONLY"]?.split(",") ?? [];

test("whatever is decoded or opened ends in what was written or in a typed error, in time and memory", {
  timeout: MS * 2 + 300_000,
}, async () => {
  const { inputs, targets, violations } = await fuzz({ seed: SEED, durationMs: MS, only: ONLY });
  console.info(`seed ${SEED}: ${inputs} inputs, ${JSON.stringify(targets)}`);
  expect(violations).toEqual([]);
  expect(targets.length).toBeGreaterThan(ONLY.length === 0 ? 10 : 0);
  for (const { target, kept } of targets) expect(kept, target).toBeGreaterThan(0);
});

describe("fuzzing finds", () => {
  const targets = new URL("./dist/planted-targets.js", import.meta.url).href;

  /** What it says of a target with a bug. */
  async function found(only: string): Promise<string> {
    const options = { seed: 1, durationMs: 240_000, targets, hangMs: 2000 };
    const { violations } = await fuzz({ ...options, only: [only] });
    expect(violations).toHaveLength(1);
    return violations[0]?.message ?? "";
  }

  test.each([
    ["deep", "a bug behind conditions that chance does not meet at once", "the bug"],
    ["behind-checksum", "an error without a type behind a checksum", "nobody typed this"],
    ["claimed-length", "memory that a length claims", /takes 6[67]\d{6} bytes of memory/],
    ["heap", "a heap that overflows", "memory limit"],
    ["endless", "a loop without end", "takes more than 2000 ms"],
    ["never-settles", "a promise that never settles", "judging an input never did"],
    ["unheard", "a rejection that nobody handles", "nobody hears this"],
  ])("%s: %s", { timeout: 300_000 }, async (only, _, reason) => {
    const message = await found(only);
    expect(message).toContain(`${only}: `);
    // What was let go of meanwhile is not in the bytes that are counted.
    expect(message).toMatch(reason);
    expect(message).toMatch(new RegExp(`npm run fuzz -- --replay ${only}:[\\w-]+$`));
  });
});
