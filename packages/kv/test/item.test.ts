// The form in memory of an entry: what goes in comes out, and texts are in the order of keys.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  expiryOfText,
  hasPrefix,
  Item,
  itemInPlace,
  itemOf,
  prefixOf,
  prefixOfText,
} from "../src/state/item.js";
import { decodeValueOf } from "../src/values/values.js";

/** Bytes as one-byte characters, with more of those that the form treats apart than chance would give. */
const key = fc
  .array(fc.oneof(fc.constantFrom(0, 0, 1, 0xfe, 0xff), fc.integer({ min: 0, max: 255 })), {
    maxLength: 40,
  })
  .map((bytes) => String.fromCharCode(...bytes));

const number = fc.oneof(
  fc.constantFrom(0, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 35, 2 ** 53 - 1),
  fc.maxSafeNat(),
);

const entry = fc.record({
  key,
  value: key,
  offset: number,
  time: number,
  expiry: fc.option(number, { nil: undefined }),
});

test("an entry comes out as it went in", () => {
  fc.assert(
    fc.property(entry, (given) => {
      const { text, beside } = itemOf(given);
      const { key, value, offset, time, expiry, valueBytes } = new Item(text, beside);
      expect({ key, value, offset, time, expiry }).toEqual(given);
      const { bytes, start, end } = valueBytes;
      expect(bytes.toString("latin1", start, end)).toBe(given.value);
      expect(prefixOfText(text)).toBe(prefixOf(given.key));
      expect(expiryOfText(text)).toBe(given.expiry ?? Number.POSITIVE_INFINITY);
      expect(hasPrefix(text, prefixOf(given.key))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("an entry that is made where it was read is the same, and nothing before or behind it is touched", () => {
  fc.assert(
    fc.property(entry, fc.nat({ max: 70 }), (given, room) => {
      const { value, ...rest } = given;
      const bytes = Buffer.from(`before${" ".repeat(room)}${value}behind`, "latin1");
      const valueStart = 6 + room;
      const valueEnd = valueStart + value.length;
      const made = itemInPlace(bytes, 6, { ...rest, valueStart, valueEnd });
      expect(made.text).toBe(itemOf(given).text);
      expect(made.key).toBe(given.key);
      expect(bytes.toString("latin1", 0, 6)).toBe("before");
      expect(bytes.toString("latin1", valueStart)).toBe(`${value}behind`);
    }),
    { numRuns: 1000 },
  );
});

test("texts are in the order of their keys, and are found by no other key", () => {
  fc.assert(
    fc.property(entry, key, fc.nat({ max: 3 }), (given, other, cut) => {
      for (const sought of [other, given.key.slice(0, -cut - 1), `${given.key}${other}`]) {
        const { text } = itemOf(given);
        const prefix = prefixOf(sought);
        expect(text < prefix).toBe(given.key < sought);
        expect(hasPrefix(text, prefix)).toBe(given.key === sought);
        const second = itemOf({ ...given, key: sought }).text;
        if (sought !== given.key) expect(text < second).toBe(given.key < sought);
      }
    }),
    { numRuns: 1000 },
  );
});

test("a long value stays beside, and the longest keys hold their values", () => {
  const long = new Uint8Array(20_000).fill(1);
  const item = itemOf({ key: "k", value: long, offset: 1, time: 2, expiry: undefined });
  expect(item.text.length).toBeLessThan(8);
  expect(item.value).toBe(long);
  expect(item.valueBytes.end).toBe(20_000);
  const key = "\0".repeat(64 * 1024);
  const value = `\xc5\x40\x00${"v".repeat(16_384)}`.slice(0, 16_384);
  const large = itemOf({ key, value, offset: 3, time: 4, expiry: 5 });
  const again = new Item(large.text, undefined);
  expect([again.key === key, again.value === value, again.expiry]).toEqual([true, true, 5]);
  const number = itemOf({ key, value: "\x2a", offset: 3, time: 4, expiry: undefined });
  expect(decodeValueOf(number)).toBe(42);
});
