// Keys: what is refused, the order, and the form in memory.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byteKeys, isStoredKey, KEY_BYTES_MAX, stringKeys } from "../src/arguments/keys.js";

const invalid = expect.objectContaining({ code: "KV_INVALID_KEY" });
const anyString = fc.string({ unit: "binary" });

function sign(n: number): number {
  return Math.sign(n);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

describe("string keys", () => {
  test("read back as they were given", () => {
    fc.assert(
      fc.property(anyString, (key) => {
        expect(stringKeys.decode(stringKeys.encode(key))).toBe(key);
      }),
    );
  });

  test("are in the order of their UTF-8 bytes, which is that of code points", () => {
    fc.assert(
      fc.property(anyString, anyString, (a, b) => {
        const order = compare(stringKeys.encode(a), stringKeys.encode(b));
        expect(order).toBe(sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });

  test("beyond the basic plane come after U+FFFF, where UTF-16 would have them before", () => {
    expect(compare("\u{1f600}", "\uffee")).toBe(-1);
    expect(compare(stringKeys.encode("\u{1f600}"), stringKeys.encode("\uffee"))).toBe(1);
  });

  test("may be empty and up to 64 KiB in UTF-8, not more", () => {
    expect(stringKeys.encode("")).toBe("");
    expect(stringKeys.encode("é".repeat(KEY_BYTES_MAX / 2))).toHaveLength(KEY_BYTES_MAX);
    expect(() => stringKeys.encode(`${"é".repeat(KEY_BYTES_MAX / 2)}a`)).toThrowError(invalid);
    expect(() => stringKeys.encode("a".repeat(KEY_BYTES_MAX + 1))).toThrowError(/65537/);
  });

  test.each([
    ["\ud800"],
    ["a\udc00b"],
    [1],
    [null],
    [undefined],
    [{}],
    [new Uint8Array(1)],
    [Symbol("s")],
  ])("%o is refused", (key) => {
    expect(() => stringKeys.encode(key)).toThrowError(invalid);
  });
});

describe("byte keys", () => {
  test("read back as a copy of what was given", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (key) => {
        const back = byteKeys.decode(byteKeys.encode(key));
        expect(back).toEqual(key);
        expect(back.buffer).not.toBe(key.buffer);
      }),
    );
  });

  test("are in the order of unsigned bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(compare(byteKeys.encode(a), byteKeys.encode(b))).toBe(sign(Buffer.compare(a, b)));
      }),
    );
  });

  test("that are no bytes, or bytes no more, are refused", () => {
    const transferred = new Uint8Array(4);
    structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const key of [
      transferred,
      new Proxy(new Uint8Array(4), {}),
      Object.create(Uint8Array.prototype),
      Object.setPrototypeOf(new Float64Array(1), Uint8Array.prototype),
      new ArrayBuffer(4),
      proxy,
    ]) {
      const refusal = expect.objectContaining({ code: "KV_INVALID_KEY" });
      expect(() => byteKeys.encode(key)).toThrowError(refusal);
      expect(() => stringKeys.encode(key)).toThrowError(refusal);
    }
  });

  test("do not change with the bytes they were made from", () => {
    const key = new Uint8Array([1, 2]);
    const stored = byteKeys.encode(key);
    key[0] = 9;
    expect(byteKeys.decode(stored)).toEqual(new Uint8Array([1, 2]));
  });

  test.each([["a"], [[1]], [new ArrayBuffer(1)], [new Uint8Array(KEY_BYTES_MAX + 1)]])(
    "%o is refused",
    (key) => {
      expect(() => byteKeys.encode(key)).toThrowError(invalid);
    },
  );
});

describe("keys that were read from a file", () => {
  test("are taken if a database of that kind can have written them", () => {
    expect(isStoredKey("bytes", "\xff\x00")).toBe(true);
    expect(isStoredKey("string", "\xc3\xa9")).toBe(true);
    expect(isStoredKey("string", "\xff")).toBe(false);
    expect(isStoredKey("string", "\xed\xa0\x80")).toBe(false);
    expect(isStoredKey("bytes", "a".repeat(KEY_BYTES_MAX + 1))).toBe(false);
  });
});
