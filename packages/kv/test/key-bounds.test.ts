// Bounds of ranges: keys themselves, and the lowest there are above what they exclude.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyAfter, keyAfterPrefix } from "../src/arguments/key-bounds.js";
import {
  byteKeys,
  isStoredKey,
  KEY_BYTES_MAX,
  type KeyKind,
  stringKeys,
} from "../src/arguments/keys.js";
import { intervalOf } from "../src/arguments/range.js";

const LONGEST = "a".repeat(KEY_BYTES_MAX - 1);

const stored = (key: string) => stringKeys.encode(key);

/** Few characters, so that keys begin alike; first and last ones of each length in UTF-8, and beside the surrogates. */
const text = fc
  .array(
    fc.constantFrom(
      "a",
      "\0",
      "\x7f",
      "\x80",
      "\u07ff",
      "\u0800",
      "\ud7ff",
      "\ue000",
      "\uffff",
      "\u{10000}",
      "\u{10ffff}",
    ),
    { maxLength: 3 },
  )
  .map((characters) => stored(characters.join("")));
const bytes = fc
  .uint8Array({ maxLength: 3, max: 2 })
  .map((key) => byteKeys.encode(key.map((byte) => byte + 0xfd)));

const kinds: [KeyKind, fc.Arbitrary<string>][] = [
  ["string", text],
  ["bytes", bytes],
];

describe.each(kinds)("keys of kind %s", (kind, key) => {
  test("lie above a prefix exactly if they are not below the bound", () => {
    fc.assert(
      fc.property(key, key, (prefix, other) => {
        const bound = keyAfterPrefix(kind, prefix);
        const above = other > prefix && !other.startsWith(prefix);
        expect(bound !== undefined && other >= bound).toBe(above);
        expect(bound === undefined || isStoredKey(kind, bound)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test("lie above another exactly if they are not below the bound", () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        const bound = keyAfter(kind, one) ?? "none";
        expect(other >= bound).toBe(other > one);
        expect(isStoredKey(kind, bound)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("the longest keys", () => {
  test.each([
    ["a", "b"],
    ["\x7f", undefined],
  ])("have the next bound that is no longer, after %o", (last, next) => {
    const key = LONGEST + last;
    const bound = keyAfter("string", key);
    expect(bound).toBe(next === undefined ? `${LONGEST.slice(0, -1)}b` : LONGEST + next);
    expect(isStoredKey("string", bound ?? "")).toBe(true);
  });

  test("can be the last of all: nothing lies above, everything up to it", () => {
    const last = new Uint8Array(KEY_BYTES_MAX).fill(0xff);
    expect(intervalOf({ gt: last }, byteKeys)).toEqual({ gte: "", lt: "" });
    expect(intervalOf({ lte: last }, byteKeys)).toEqual({ gte: "", lt: undefined });
    expect(intervalOf({ prefix: "\u{10ffff}" }, stringKeys).lt).toBe(undefined);
  });
});
