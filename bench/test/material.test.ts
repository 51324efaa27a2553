import { expect, test } from "vitest";
import { KEY_BYTES, keyAt, RECORD_BYTES, recordAt, scattered } from "../src/material.js";

test("each number comes once, and not in order", () => {
  const count = 100_000;
  const numbers = Array.from({ length: count }, (_, index) => scattered(index, count));
  expect(new Set(numbers).size).toBe(count);
  expect(numbers.filter((number, index) => number === (numbers[index - 1] ?? -1) + 1).length).toBe(
    1,
  );
});

test("keys and records are as long as they are said to be", () => {
  expect([keyAt(0), keyAt(9_999_999)].map(({ length }) => length)).toEqual([KEY_BYTES, KEY_BYTES]);
  expect(recordAt(5)).toHaveLength(RECORD_BYTES);
  expect(recordAt(5).equals(recordAt(6))).toBe(false);
});
