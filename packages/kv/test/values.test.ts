// The encoding of values: what round-trips, what is refused, golden bytes, hostile bytes.

import { deepStrictEqual } from "node:assert/strict";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteWriter } from "../src/formats/byte-writer.js";
import { bytesOfValue, storeValue } from "../src/values/stored-value.js";
import { ValueEncoder } from "../src/values/value-encoder.js";
import { BIGINT_BYTES_MAX, extension, NESTING_MAX } from "../src/values/value-format.js";
import { decodeValue } from "../src/values/values.js";

function encode(value: unknown): Buffer {
  const out = new ByteWriter();
  new ValueEncoder(out).encode(value);
  return Buffer.from(out.written());
}

function decode(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes);
  return decodeValue(storeValue(buffer, 0, buffer.length));
}

function roundTrip(value: unknown): unknown {
  return decode(encode(value));
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

function nest(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = wrap(value);
  return value;
}

const anyValue = fc.anything({
  withBigInt: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: false,
  withNullPrototype: false,
  withObjectString: true,
  withUnicodeString: true,
  values: [
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.bigInt(),
    // node:assert takes no two invalid dates for equal: they have a test of their own.
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(undefined, null, -0, Number.NaN, Number.MAX_SAFE_INTEGER, 2 ** 32, -(2 ** 31)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
  ],
});

describe("what is put reads back", () => {
  test("any value reads back equal", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        // toStrictEqual compares what `constructor` says, which any object may have as its own.
        deepStrictEqual(roundTrip(value), value);
      }),
      { numRuns: 2000 },
    );
  });

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["negative zero", -0],
    ["NaN", Number.NaN],
    ["infinities", [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ["an invalid date", new Date(Number.NaN)],
    ["the earliest date", new Date(-8.64e15)],
    [
      "BigInts around 64 bits",
      [2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 64n, -(2n ** 63n) - 1n],
    ],
    ["a BigInt of 40,000 bits", -(3n ** 25_000n)],
    ["a lone surrogate", ["\ud800", "a\udfffb"]],
    ["U+FFFD", "\ufffd and \ufffd"],
    ["an object as a key of a map", new Map([[{ a: [1] }, new Set([1, "1"])]])],
    [
      "each kind of binary value",
      [
        new Int8Array([-1]),
        new Uint8Array([1]),
        new Uint8ClampedArray([255]),
        new Int16Array([-2]),
        new Uint16Array([2]),
        new Int32Array([-3]),
        new Uint32Array([3]),
        new Float32Array([0.5]),
        new Float64Array([Math.PI]),
        new BigInt64Array([-4n]),
        new BigUint64Array([4n]),
        Buffer.from("buffer"),
        new Uint8Array([9, 8]).buffer,
        new DataView(new Uint8Array([7]).buffer),
      ],
    ],
    ["a regular expression", /a+[\u{1f600}]/giu],
    ["nested arrays of undefined", [undefined, [undefined]]],
  ])("%s", (_, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  test("strings of any length, alone or among others, with a character beyond ASCII somewhere or nowhere", () => {
    for (let length = 0; length < 80; length++) {
      const plain = "abcdefghij".repeat(8).slice(0, length);
      for (const at of [0, length >> 1, length - 1]) {
        const other = `${plain.slice(0, at)}é${plain.slice(at + 1)}`;
        for (const value of [plain, other, { plain, other, long: plain.repeat(5) }]) {
          expect(roundTrip(value)).toEqual(value);
        }
      }
    }
  });

  test("objects whose names are others, or in another order, than those read before", () => {
    const names = ["a", "b", "aa", "ab", "", "é", "n".repeat(31), "n".repeat(32), "m".repeat(40)];
    for (let n = 0; n < 500; n++) {
      const [first, second] = [names[n % 9] ?? "", names[(n * 5 + (n >> 4)) % 9] ?? ""];
      const value = { [first]: 1, [second]: { [second]: 2, [first]: [] }, x: n };
      const read = roundTrip(value);
      expect(read).toEqual(value);
      expect(Object.keys(read as object)).toEqual(Object.keys(value));
    }
  });

  test("a view of part of a buffer is only that part", () => {
    const part = new Uint16Array(new Uint16Array([1, 2, 3, 4]).buffer, 2, 2);
    const back = roundTrip(part) as Uint16Array;
    expect(back).toStrictEqual(new Uint16Array([2, 3]));
    expect(back.buffer.byteLength).toBe(4);
  });

  test("errors keep class, message, stack, cause and their own properties", () => {
    const error = Object.assign(new RangeError("too far", { cause: new TypeError("why") }), {
      limit: 5,
    });
    const back = roundTrip(error) as RangeError & { limit: number };
    expect(back).toBeInstanceOf(RangeError);
    expect(back.message).toBe("too far");
    expect(back.stack).toBe(error.stack);
    expect(back.cause).toBeInstanceOf(TypeError);
    expect(back.limit).toBe(5);
    expect(Object.keys(back)).toEqual(["limit"]);
    expect(roundTrip(new AggregateError([1, 2], "both"))).toMatchObject({ errors: [1, 2] });
  });

  test("what is read shares no memory with what is kept", () => {
    const stored = storeValue(encode(new Uint8Array([1, 2, 3])), 0, 5);
    const first = decodeValue(stored) as Uint8Array;
    first[0] = 9;
    expect(decodeValue(stored)).toStrictEqual(new Uint8Array([1, 2, 3]));
    expect(first.buffer.byteLength).toBe(3);
  });

  test("proxies of plain objects and arrays read back as what they show", () => {
    const value = new Proxy({ list: new Proxy([1, { a: 2 }], {}) }, {});
    expect(roundTrip(value)).toStrictEqual({ list: [1, { a: 2 }] });
  });

  test("what the encoding has no place for does not come back, as documented", () => {
    const words = "abc".match(/b/);
    expect(roundTrip(words)).toStrictEqual(["b"]);
    for (const value of [[1], new Map(), new Date(0), new Error("e")]) {
      const marked = Object.assign(value, { [Symbol("s")]: 1 });
      expect(Object.getOwnPropertySymbols(roundTrip(marked))).toEqual([]);
    }
    const bytes = Object.assign(new Uint8Array(1), { note: 1 });
    expect(Object.keys(roundTrip(bytes) as object)).toEqual(["0"]);
    const hidden = Object.defineProperty({ a: 1 }, "b", { value: 2 });
    expect(Object.getOwnPropertyNames(roundTrip(hidden))).toEqual(["a"]);
    const pattern = Object.assign(/a/g, { lastIndex: 3 });
    expect(roundTrip(pattern)).toHaveProperty("lastIndex", 0);
    expect(Object.keys(roundTrip(Object.assign(new Array(3), { 2: 1 })) as object)).toEqual([
      "0",
      "1",
      "2",
    ]);
  });

  test("a plain object of another realm and one without prototype read back as plain objects", () => {
    expect(roundTrip(runInNewContext("({ a: [1, { b: 2 }] })"))).toStrictEqual({
      a: [1, { b: 2 }],
    });
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
  });

  test("fault 57: __proto__, constructor and prototype read back, and pollute nothing", () => {
    const value = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"prototype":3}',
    );
    const back = roundTrip([value]) as [Record<string, unknown>];
    deepStrictEqual(back, [value]);
    expect(Object.keys(back[0])).toEqual(["__proto__", "constructor", "prototype"]);
    expect(Object.getPrototypeOf(back[0])).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("the deepest nesting that is allowed works for every container", () => {
    const wraps: ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ inner }),
      (inner) => new Map([[1, inner]]),
      (inner) => new Map([[inner, 1]]),
      (inner) => new Set([inner]),
    ];
    for (const wrap of wraps) {
      const value = nest(NESTING_MAX, wrap);
      expect(encode(roundTrip(value)).equals(encode(value))).toBe(true);
    }
  });
});

const notStorable = (message: string) =>
  expect.objectContaining({
    code: "KV_VALUE_NOT_STORABLE",
    message: expect.stringContaining(message),
  });

describe("what cannot be stored is refused, by its place", () => {
  class Point {
    x = 1;
  }
  class Words extends Array<string> {}

  test.each<[string, unknown, string]>([
    ["a function", { a: { b: [1, () => 1] } }, "value.a.b[1] is a function"],
    ["a symbol", [Symbol("s")], "value[0] is a symbol"],
    ["a symbol as a name", { a: { [Symbol("s")]: 1 } }, "value.a has a symbol"],
    ["an instance of a class", { "a b": new Point() }, 'value["a b"] is an instance of Point'],
    ["an instance of a subclass of Array", [new Words()], "value[0] is an instance of Words"],
    ["a WeakMap", new WeakMap(), "value is an instance of WeakMap"],
    ["a promise", { p: Promise.resolve(1) }, "value.p is an instance of Promise"],
    ["a boxed number", new Number(1), "value is an instance of Number"],
    ["a function in a map", new Map([[1, { f: Math.max }]]), "value<value 0>.f is a function"],
    ["a name with a lone surrogate", { "\ud800": 1 }, "lone surrogate"],
  ])("%s", (_, value, message) => {
    expect(() => encode(value)).toThrowError(notStorable(message));
  });

  const detached = (length = 8) => {
    const buffer = new ArrayBuffer(length);
    const views = { u8: new Uint8Array(buffer), f64: new Float64Array(buffer) };
    const all = { buffer, ...views, view: new DataView(buffer), node: Buffer.from(buffer) };
    structuredClone(buffer, { transfer: [buffer] });
    return all;
  };

  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };

  test.each<[string, unknown]>([
    ["a Map", new Proxy(new Map(), {})],
    ["a Set", new Proxy(new Set(), {})],
    ["a Date", new Proxy(new Date(), {})],
    ["a RegExp", new Proxy(/a/, {})],
    ["an Error", new Proxy(new Error("e"), {})],
    ["a Uint8Array", new Proxy(new Uint8Array(4), {})],
    ["a Float64Array", new Proxy(new Float64Array(4), {})],
    ["a Buffer", new Proxy(Buffer.alloc(4), {})],
    ["an ArrayBuffer", new Proxy(new ArrayBuffer(4), {})],
    ["a DataView", new Proxy(new DataView(new ArrayBuffer(4)), {})],
    ["one that was revoked", revoked()],
  ])("a proxy of %s, whose content is out of reach", (_, value) => {
    expect(() => encode({ a: value })).toThrowError(notStorable("value.a is "));
  });

  test.each<[string, object]>([
    ["Map", Map.prototype],
    ["Set", Set.prototype],
    ["Date", Date.prototype],
    ["RegExp", RegExp.prototype],
    ["Error", Error.prototype],
    ["ArrayBuffer", ArrayBuffer.prototype],
    ["DataView", DataView.prototype],
    ["Uint8Array", Uint8Array.prototype],
    ["Float64Array", Float64Array.prototype],
    ["Array", Array.prototype],
  ])("what has only the prototype of %s", (name, prototype) => {
    const reason = notStorable(`value[0] is an instance of ${name}`);
    expect(() => encode([Object.create(prototype)])).toThrowError(reason);
    const other = Object.setPrototypeOf(new Int8Array(3), prototype);
    expect(() => encode([other])).toThrowError(reason);
  });

  test.each(Object.entries({ ...detached(), empty: detached(0).u8 }))(
    "memory that was transferred: %s",
    (_, value) => {
      expect(() => encode([value])).toThrowError(notStorable("value[0] is detached"));
    },
  );

  test.each<[string, object]>([
    ["Map", new Map([[1, 2]])],
    ["Set", new Set([1])],
    ["Date", new Date(0)],
    ["RegExp", /a/],
    ["ArrayBuffer", new ArrayBuffer(1)],
    ["DataView", new DataView(new ArrayBuffer(1))],
  ])("properties that were added to a %s", (_, value) => {
    const named = Object.assign(value, { note: 1 });
    expect(() => encode([named])).toThrowError(notStorable('value[0] has a property, "note"'));
    Reflect.deleteProperty(named, "note");
    expect(roundTrip([value])).toEqual([value]);
  });

  test("an array whose length is none", () => {
    for (const length of [-1, 0.5, 2 ** 32, "1"]) {
      const value = new Proxy([], {
        get: (target, name) => (name === "length" ? length : Reflect.get(target, name)),
      });
      expect(() => encode(value)).toThrowError(notStorable("value has a length"));
    }
  });

  test("a cycle, with the place where it closes", () => {
    const value: Record<string, unknown> = { a: { list: [] } };
    (value["a"] as { list: unknown[] }).list.push(value);
    expect(() => encode(value)).toThrowError("value.a.list[0] contains itself");
  });

  test("nesting beyond the limit", () => {
    const value = nest(NESTING_MAX + 1, (inner) => [inner]);
    expect(() => encode(value)).toThrowError(/nested deeper than 500 levels/);
  });

  test("a BigInt beyond the limit, while one at the limit reads back", () => {
    const largest = (1n << BigInt(8 * BIGINT_BYTES_MAX)) - 1n;
    for (const value of [largest, -largest]) expect(roundTrip(value) === value).toBe(true);
    for (const value of [largest + 1n, -largest - 1n]) {
      expect(() => encode({ n: value })).toThrowError(
        notStorable("value.n is a BigInt of more than 1048576 bytes"),
      );
    }
  });

  test("a value that was refused leaves the encoder as it was", () => {
    const out = new ByteWriter();
    const encoder = new ValueEncoder(out);
    expect(() => encoder.encode({ a: { b: Symbol.iterator } })).toThrow();
    out.reset();
    encoder.encode({ a: 1 });
    expect(decode(out.written())).toEqual({ a: 1 });
  });

  test("more than the limit of a commit, before it is allocated", () => {
    const out = new ByteWriter(1 << 20);
    const tooLarge = expect.objectContaining({ code: "KV_COMMIT_TOO_LARGE" });
    for (const value of [new Uint8Array(1 << 20), "é".repeat(1 << 19), new Array(2 ** 32 - 1)]) {
      expect(() => new ValueEncoder(out).encode(value)).toThrowError(tooLarge);
      expect(out.bytes.length).toBeLessThanOrEqual(1 << 20);
      out.reset();
    }
  });
});

describe("golden bytes", () => {
  test.each<[string, unknown, string]>([
    ["null", null, "c0"],
    ["true", true, "c3"],
    ["undefined", undefined, "d4 00 00"],
    ["127", 127, "7f"],
    ["-32", -32, "e0"],
    ["65536", 65536, "ce 00010000"],
    ["-129", -129, "d1 ff7f"],
    ["2^32", 2 ** 32, "cb 41f0000000000000"],
    ["-0", -0, "cb 8000000000000000"],
    ["1n", 1n, "d3 0000000000000001"],
    ["2^64 - 1", 2n ** 64n - 1n, "cf ffffffffffffffff"],
    ["-2^64", -(2n ** 64n), "c7 0a 04 01 010000000000000000"],
    ["a string", "é", "a2 c3a9"],
    ["a lone surrogate", "\ud800", "d5 06 00d8"],
    ["a Uint8Array", new Uint8Array([1]), "c4 01 01"],
    ["a Buffer", Buffer.from([1]), "d5 05 00 01"],
    ["a Uint16Array", new Uint16Array([258]), "c7 03 05 06 0201"],
    ["a Date", new Date(1000), "d7 03 408f400000000000"],
    ["an array", [1, "a"], "92 01 a1 61"],
    ["an object", { a: { b: null } }, "81 a1 61 81 a1 62 c0"],
    ["a Map", new Map([[1, 2]]), "c9 00000003 01 81 01 02"],
    ["a Set", new Set([1]), "c9 00000002 02 91 01"],
    ["a RegExp", /a/g, "c9 00000005 08 92 a1 61 a1 67"],
  ])("%s", (_, value, bytes) => {
    expect(encode(value).toString("hex")).toBe(hex(bytes).toString("hex"));
    expect(decode(hex(bytes))).toStrictEqual(value);
  });

  test("forms that only others write are read", () => {
    expect(decode(hex("cc 05"))).toBe(5);
    expect(decode(hex("ca 3f000000"))).toBe(0.5);
    expect(decode(hex("dd 00000001 c0"))).toEqual([null]);
    expect(decode(hex("df 00000001 d9 01 61 01"))).toEqual({ a: 1 });
  });
});

describe("hostile bytes end in a typed error", () => {
  const corrupt = expect.objectContaining({ code: "KV_CORRUPT" });

  test.each<[string, string]>([
    ["an array of 2^32 - 1", "dd ffffffff"],
    ["a map of 2^32 - 1", "df ffffffff"],
    ["a binary of 2^32 - 1", "c6 ffffffff"],
    ["a string of 2^32 - 1", "db ffffffff"],
    ["an extension of 2^32 - 1", "c9 ffffffff 01"],
    ["a map within an extension", "c7 05 01 df ffffffff"],
  ])("fault 55: %s", (_, bytes) => {
    expect(() => decode(hex(bytes))).toThrowError(corrupt);
  });

  test("a property name that ends beyond the value, where the value before it has the rest", () => {
    expect(decode(hex("81 a3 616263 01"))).toEqual({ abc: 1 });
    expect(() => decode(hex("81 a3 6162"))).toThrowError(corrupt);
  });

  test("fault 55: claims that each fit but do not fit together are refused before they add up", () => {
    const levels = 400;
    const inner = Buffer.concat(Array.from({ length: levels }, () => hex("dc 8000")));
    const bytes = Buffer.concat([inner, Buffer.alloc(0x8000, 0xc0)]);
    const before = process.memoryUsage().heapUsed;
    expect(() => decode(bytes)).toThrowError(corrupt);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 << 20);
  });

  test.each<[string, string, string]>([
    ["arrays", "91", "c0"],
    ["objects", "81a161", "c0"],
    ["map keys", "c90000000001", "c0"],
    ["sets", "c90000000002", "c0"],
  ])("fault 56: %s nested 100,000 deep", (_, open, close) => {
    expect(() => decode(Buffer.from(open.repeat(100_000) + close, "hex"))).toThrowError(corrupt);
  });

  test.each([extension.map, extension.set, extension.error, extension.regexp])(
    "fault 56: extensions of type %i right within one another, each of its true length",
    (type) => {
      for (const levels of [3, 5000, 100_000]) {
        const headers = Array.from({ length: levels }, (_, i) => {
          const header = hex("c9 00000000 00");
          header.writeUInt32BE((levels - 1 - i) * header.length + 1, 1);
          header[5] = type;
          return header;
        });
        expect(() => decode(Buffer.concat([...headers, hex("90")]))).toThrowError(corrupt);
      }
    },
  );

  test("fault 55: a BigInt of more bits than the engine has", () => {
    const bytes = Buffer.alloc(7 + 2 ** 27 + 1, 0xff);
    bytes.set(hex("c9 00000000 04 00"));
    bytes.writeUInt32BE(bytes.length - 6, 1);
    expect(() => decode(bytes)).toThrowError(corrupt);
  });

  test.each<[string, string]>([
    ["an extension that we never wrote", "d4 2a 00"],
    ["a timestamp of MessagePack, which we never write", "d6 ff 00000000"],
    ["the type that is never used", "c1"],
    ["bad UTF-8", "a2 c328"],
    ["UTF-8 cut short", "a1 e2"],
    ["an encoded surrogate", "a3 eda080"],
    ["a property name that is no string", "81 01 01"],
    ["bytes after the value", "01 01"],
    ["bytes after the value of an extension", "c7 03 02 91 01 01"],
    ["an array in place of a map", "d5 01 91 01"],
    ["a number in place of an array", "d4 02 01"],
    ["a date of 4 bytes", "d6 03 00000000"],
    ["a BigInt without magnitude", "d4 04 00"],
    ["an unknown kind of binary", "d4 05 ff"],
    ["three bytes of a Uint16Array", "d6 05 06 010203"],
    ["a regular expression that is none", "c7 05 08 92 a1 28 a1 67"],
    ["an error of an unknown class", "c7 04 07 92 a1 58 80"],
    ["nothing at all", ""],
  ])("fault 58: %s", (_, bytes) => {
    expect(() => decode(hex(bytes))).toThrowError(corrupt);
  });

  test("fault 58: any bytes, and any damage to real ones, give a value or a typed error", () => {
    const damaged = fc
      .tuple(anyValue, fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([value, at, flip]) => {
        const bytes = encode(value);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] as number) ^ flip;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "KV_CORRUPT" });
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe("holding encoded values", () => {
  test("short and long ones come back byte for byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(1, 100), (bytes, times) => {
        const whole = Buffer.concat(Array.from({ length: times }, () => bytes));
        const stored = storeValue(whole, 0, whole.length);
        const read = bytesOfValue(stored);
        expect(read.bytes.subarray(read.start, read.end).equals(whole)).toBe(true);
      }),
    );
  });
});
