// Values as JSON and back.

import { describe, expect, test } from "vitest";
import { fromNotation, NotationError, toNotation } from "../../src/cli/value-notation.js";

function throughText(value: unknown): unknown {
  return fromNotation(JSON.parse(JSON.stringify(toNotation(value))));
}

describe("comes back as it was", () => {
  const failure = new RangeError("too far", { cause: new Map([[1, -0]]) });
  test.each<[string, unknown]>([
    ["JSON", { a: [1, 2.5, "x", null, true, { b: [] }], "": "\u0000\ud800" }],
    ["numbers that JSON lacks", [Number.NaN, -0, 0, Infinity, -Infinity, 5e-324]],
    ["undefined", [undefined, { a: undefined }]],
    ["a BigInt", [0n, -(2n ** 80n)]],
    ["dates", [new Date(0), new Date(8.64e15), new Date(Number.NaN)]],
    [
      "maps and sets",
      new Map<unknown, unknown>([
        [{ a: 1 }, new Set([1n, "x"])],
        [undefined, 2],
      ]),
    ],
    ["bytes", new Uint8Array([0, 255])],
    [
      "other memory",
      [Buffer.from("x"), new Float64Array([1.5, Number.NaN]), new Uint8Array(9).buffer],
    ],
    ["a view", new DataView(new ArrayBuffer(3))],
    ["regular expressions", /a\/b/giu],
    ["errors", [failure, new AggregateError([new TypeError("inner")], "outer")]],
    ["objects that look like notation", [{ $map: 1 }, { $object: { $date: "x" } }, { $: 1 }]],
    ["objects with more than a tag", { $map: 1, other: 2 }],
    ["a property called __proto__", JSON.parse('{"__proto__": {"a": 1}, "b": 2}')],
  ])("%s", (_, value) => {
    expect(throughText(value)).toStrictEqual(value);
  });

  test("an error keeps its class and all its properties", () => {
    const back = throughText(failure);
    expect(back).toBeInstanceOf(RangeError);
    expect(back).toMatchObject({ stack: failure.stack, cause: new Map([[1, -0]]) });
  });
});

test.each([
  '{"$mup": []}',
  '{"$map": [[1]]}',
  '{"$date": "yesterday"}',
  '{"$bytes": "x"}',
  '{"$buffer": ["Float64Array", "AAAA"]}',
  '{"$buffer": ["String", ""]}',
  '{"$bigint": "0x1"}',
  '{"$regexp": ["(", ""]}',
  '{"$error": ["NoError", {}]}',
  '{"$number": 1}',
  '{"a": [{"$undefined": false}]}',
])("%s stands for nothing and is refused", (text) => {
  expect(() => fromNotation(JSON.parse(text))).toThrow(NotationError);
});
