// Values are MessagePack to anyone: another implementation reads what has a form of its own in it, and what
// that implementation writes is read here. (Why it does not do the writing: docs/decisions/0101.)

import fc from "fast-check";
import { Packr } from "msgpackr";
import { expect, test } from "vitest";
import { ByteWriter } from "../src/formats/byte-writer.js";
import { storeValue } from "../src/values/stored-value.js";
import { ValueEncoder } from "../src/values/value-encoder.js";
import { decodeValue } from "../src/values/values.js";

/** Objects come back as Maps unless told otherwise, and Maps and objects are the same bytes to it. */
const other = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });

/** What JSON could hold, and binaries: everything that MessagePack has a form for by itself. */
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: "grapheme" }).filter((name) => name !== "__proto__"),
      tie("value"),
      { maxKeys: 20 },
    ),
  ),
})).value;

function encode(value: unknown): Buffer {
  const out = new ByteWriter();
  new ValueEncoder(out).encode(value);
  return Buffer.from(out.written());
}

function decode(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes);
  return decodeValue(storeValue(buffer, 0, buffer.length));
}

/** Objects without a prototype compare as what they hold. */
function bare(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test("another implementation reads what is written here", () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(bare(other.unpack(encode(value)))).toEqual(bare(value));
    }),
  );
});

test("what another implementation writes is read here", () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(bare(decode(other.pack(value)))).toEqual(bare(value));
    }),
  );
});

test("binaries go both ways", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(Buffer.from(other.unpack(encode(bytes)))).toEqual(Buffer.from(bytes));
      expect(decode(other.pack(Buffer.from(bytes)))).toEqual(new Uint8Array(bytes));
    }),
  );
});
