import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BATCH_HEADER_LENGTH,
  type BatchFields,
  type BatchHeader,
  bodyIsValid,
  decodeBatchHeader,
  encodeBatchHeader,
  nextHeader,
  recordAt,
  recordEnd,
} from "../../src/batch.js";
import { writeU16, writeU32, writeU64 } from "../../src/fields.js";
import {
  batchFields,
  bodyOf,
  fixtureBytes,
  MARKER,
  noteFields,
  payloads,
  resealed,
  withBitFlipped,
} from "./golden.js";

const HEADER_SEAL = { from: 8, to: 48, checksumAt: 4, seed: MARKER };

/** A whole batch of these payloads. */
function batchOf(texts: readonly string[], fields: Partial<BatchFields> = {}, marker = MARKER) {
  const bytes = bodyOf(texts, BATCH_HEADER_LENGTH);
  const bodyLength = bytes.length - BATCH_HEADER_LENGTH;
  const stated = { firstOffset: 10, time: 1000, durableOffset: 5, ...fields };
  encodeBatchHeader(bytes, 0, marker, { bodyLength, count: texts.length, ...stated });
  return bytes;
}

function headerOf(bytes: Uint8Array, at = 0, marker = MARKER): BatchHeader {
  const verdict = decodeBatchHeader(bytes, at, marker);
  if (verdict.kind !== "valid") throw new Error(`expected a header, found ${verdict.kind}`);
  return verdict.header;
}

/** What reading the batch at `at` comes to: its contents, or why there are none. */
function judge(bytes: Uint8Array, at = 0, marker = MARKER): string {
  const verdict = decodeBatchHeader(bytes, at, marker);
  if (verdict.kind !== "valid") return verdict.kind;
  return bodyIsValid(bytes, at, verdict.header, marker) === undefined ? "valid" : "invalid body";
}

/** Why a header with a right checksum is refused after this change. */
function reasonAfter(change: (header: Uint8Array) => void): string {
  const verdict = decodeBatchHeader(
    resealed(fixtureBytes("batch"), HEADER_SEAL, change),
    0,
    MARKER,
  );
  return verdict.kind === "invalid" ? verdict.reason : verdict.kind;
}

const anyBatch = fc
  .record({
    texts: fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 20 }),
    firstOffset: fc.maxSafeNat().map((offset) => Math.max(0, offset - 20)),
    time: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    behind: fc.nat(1000),
    marker: fc.integer({ min: 1, max: 0xffffffff }),
    at: fc.nat(100),
  })
  .map((batch) => ({ ...batch, durableOffset: Math.max(0, batch.firstOffset - batch.behind) }));

describe("golden bytes", () => {
  test("a batch is encoded to them", () => {
    const bytes = bodyOf(payloads, BATCH_HEADER_LENGTH);
    const checksum = encodeBatchHeader(bytes, 0, MARKER, batchFields);
    expect(bytes).toEqual(fixtureBytes("batch"));
    expect(checksum).toBe(0xf822a0ad);
  });

  test("a note is encoded to them", () => {
    const bytes = new Uint8Array(BATCH_HEADER_LENGTH);
    encodeBatchHeader(bytes, 0, MARKER, noteFields);
    expect(bytes).toEqual(fixtureBytes("note"));
  });

  test("they decode to what they stand for", () => {
    const batch = fixtureBytes("batch");
    const header = headerOf(batch);
    expect(header).toEqual({ ...batchFields, bodyChecksum: 0xc064460a, checksum: 0xf822a0ad });
    expect(bodyIsValid(batch, 0, header, MARKER)).toBeUndefined();
    const read = payloads.map((_, i) => Buffer.from(recordAt(batch, 0, header, i)).toString());
    expect(read).toEqual(payloads);
    const note = fixtureBytes("note");
    const checksums = { bodyChecksum: 0x218b24a2, checksum: 0x6522df69 };
    expect(headerOf(note)).toEqual({ ...noteFields, ...checksums });
    expect(judge(note)).toBe("valid");
  });
});

describe("round trip", () => {
  test("what is encoded decodes to the same, wherever it stands", () => {
    fc.assert(
      fc.property(anyBatch, ({ texts, at, marker, ...fields }) => {
        const bytes = bodyOf(texts, at + BATCH_HEADER_LENGTH);
        const bodyLength = bytes.length - at - BATCH_HEADER_LENGTH;
        const stated = {
          bodyLength,
          count: texts.length,
          firstOffset: fields.firstOffset,
          time: fields.time,
          durableOffset: fields.durableOffset,
        };
        const checksum = encodeBatchHeader(bytes, at, marker, stated);
        const header = headerOf(bytes, at, marker);
        expect(header).toEqual({ ...stated, checksum, bodyChecksum: header.bodyChecksum });
        expect(bodyIsValid(bytes, at, header, marker)).toBeUndefined();
        let position = at + BATCH_HEADER_LENGTH;
        for (const [i, text] of texts.entries()) {
          expect(Buffer.from(recordAt(bytes, at, header, i)).toString()).toBe(text);
          position = recordEnd(bytes, position);
        }
        expect(position).toBe(bytes.length);
      }),
    );
  });

  test("a payload is a view of the batch's bytes", () => {
    const bytes = batchOf(["low"]);
    expect(recordAt(bytes, 0, headerOf(bytes), 0).buffer).toBe(bytes.buffer);
  });

  test("the last offset and the last time that fit are kept", () => {
    const limits = {
      firstOffset: Number.MAX_SAFE_INTEGER - 1,
      time: 2 ** 48 - 1,
      durableOffset: Number.MAX_SAFE_INTEGER - 1,
    };
    expect(headerOf(batchOf(["x"], limits))).toMatchObject(limits);
  });

  test("a batch that contradicts itself is not written", () => {
    expect(() => batchOf(["x"], { firstOffset: Number.MAX_SAFE_INTEGER })).toThrow("invariant");
    expect(() => batchOf(["x"], { durableOffset: 11 })).toThrow("invariant");
    expect(() => batchOf(["x"], { time: 2 ** 48 })).toThrow("invariant");
    expect(() => batchOf(["x"], { time: -1 })).toThrow("invariant");
    expect(() => batchOf(["x"], { count: 0 })).toThrow("invariant");
    expect(() => batchOf(["x"], { count: 2 })).toThrow("invariant");
    expect(() => batchOf(["x"], { bodyLength: 6 })).toThrow("invariant");
    expect(() => batchOf(["x"], { firstOffset: 10.5 })).toThrow("invariant");
    expect(() => batchOf(["x"], { durableOffset: -1 })).toThrow("invariant");
    expect(() => batchOf(["x"], {}, 0)).toThrow("invariant");
  });

  test("a record that the batch does not hold is not read", () => {
    const bytes = batchOf(["x", "y"]);
    expect(() => recordAt(bytes, 0, headerOf(bytes), 2)).toThrow("invariant");
    expect(() => recordAt(bytes, 0, headerOf(bytes), -1)).toThrow("invariant");
  });
});

describe("the end", () => {
  test("zeros and nothing at all are an end", () => {
    for (const length of [0, 1, 47, 48, 100]) {
      expect(decodeBatchHeader(new Uint8Array(length), 0, MARKER).kind).toBe("end");
    }
    expect(decodeBatchHeader(fixtureBytes("note"), BATCH_HEADER_LENGTH, MARKER).kind).toBe("end");
  });

  test("zeros with anything behind them within a header are none", () => {
    for (let at = 0; at < BATCH_HEADER_LENGTH; at++) {
      const bytes = new Uint8Array(BATCH_HEADER_LENGTH);
      bytes[at] = 1;
      expect(decodeBatchHeader(bytes, 0, MARKER).kind).toBe("invalid");
      expect(decodeBatchHeader(bytes.subarray(0, at + 1), 0, MARKER).kind).toBe("invalid");
    }
  });

  test("fault 1: a header cut anywhere is invalid", () => {
    const bytes = fixtureBytes("batch");
    for (let length = 1; length < BATCH_HEADER_LENGTH; length++) {
      expect(judge(bytes.subarray(0, length))).toBe("invalid");
    }
  });

  test("fault 2: a body cut anywhere is invalid", () => {
    const bytes = fixtureBytes("batch");
    for (let length = BATCH_HEADER_LENGTH; length < bytes.length; length++) {
      expect(judge(bytes.subarray(0, length))).toBe("invalid body");
      const zeroed = bytes.slice().fill(0, length);
      // A batch may end in a payload's zeros; this one does not.
      expect(judge(zeroed)).toBe("invalid body");
    }
  });
});

describe("damage", () => {
  test("faults 11 and 12: no single bit of a batch can change unnoticed", () => {
    const bytes = fixtureBytes("batch");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const expected = bit < BATCH_HEADER_LENGTH * 8 ? "invalid" : "invalid body";
      expect(judge(withBitFlipped(bytes, bit)), `bit ${bit}`).toBe(expected);
    }
  });

  test("no single bit of a note can change unnoticed", () => {
    const bytes = fixtureBytes("note");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      expect(judge(withBitFlipped(bytes, bit)), `bit ${bit}`).toBe("invalid");
    }
  });

  test("bytes written over any part of a batch never make another valid batch", () => {
    const bytes = fixtureBytes("batch");
    const patch = fc.uint8Array({ minLength: 1, maxLength: bytes.length });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), patch, (at, written) => {
        const damaged = bytes.slice();
        damaged.set(written.subarray(0, bytes.length - at), at);
        fc.pre(!Buffer.from(damaged).equals(bytes));
        expect(judge(damaged)).not.toBe("valid");
      }),
      { numRuns: 2000 },
    );
  });

  test("a body of another batch does not validate", () => {
    const first = batchOf(["north", "west"], { firstOffset: 20 });
    const second = batchOf(["south", "east"], { firstOffset: 22 });
    const mixed = first.slice();
    mixed.set(second.subarray(BATCH_HEADER_LENGTH), BATCH_HEADER_LENGTH);
    expect(judge(mixed)).toBe("invalid body");
  });

  test("equal bodies have another checksum in each batch", () => {
    const checksums = [20, 22, 24].map((firstOffset) => {
      return headerOf(batchOf(["same"], { firstOffset })).bodyChecksum;
    });
    expect(new Set(checksums).size).toBe(3);
  });

  test("fault 7: a batch of another segment is invalid, even with this one's marker written on it", () => {
    const stale = batchOf(["stale"], {}, 0x77777777);
    expect(judge(stale)).toBe("invalid");
    writeU32(stale, 0, MARKER);
    expect(judge(stale)).toBe("invalid");
  });

  test("the verdict states what was expected and what was found", () => {
    const bytes = fixtureBytes("batch");
    expect(decodeBatchHeader(bytes, 0, 77)).toEqual({
      kind: "invalid",
      reason: "wrong marker",
      expected: 77,
      actual: MARKER,
    });
    writeU32(bytes, 4, 99);
    expect(decodeBatchHeader(bytes, 0, MARKER)).toMatchObject({
      reason: "wrong header checksum",
      expected: 0xf822a0ad,
      actual: 99,
    });
  });
});

describe("a header with a right checksum", () => {
  test("with unknown flags is of a newer format", () => {
    const bytes = resealed(fixtureBytes("batch"), HEADER_SEAL, (header) => {
      writeU16(header, 30, 0x8001);
    });
    expect(decodeBatchHeader(bytes, 0, MARKER)).toEqual({ kind: "unsupported", flags: 0x8001 });
  });

  test("is refused where it contradicts itself", () => {
    expect(reasonAfter((h) => writeU32(h, 44, 1))).toBe("reserved bytes not 0");
    expect(reasonAfter((h) => writeU32(h, 12, 7))).toBe("more records than the body can hold");
    expect(reasonAfter((h) => writeU32(h, 12, 0))).toBe("a note with a body");
    expect(reasonAfter((h) => writeU32(h, 8, 0))).toBe("more records than the body can hold");
    expect(reasonAfter((h) => writeU64(h, 32, batchFields.firstOffset + 1))).toBe(
      "a durable offset above the batch's own",
    );
  });

  test("is refused with an offset above 2^53 - 1", () => {
    const offsetReason = "an offset above 2^53 - 1";
    expect(reasonAfter((h) => writeU32(h, 20, 0x200000))).toBe(offsetReason);
    expect(reasonAfter((h) => h.fill(0xff, 16, 24))).toBe(offsetReason);
    // The first offset fits, but that of the last record does not.
    expect(reasonAfter((h) => writeU64(h, 16, Number.MAX_SAFE_INTEGER - 1))).toBe(offsetReason);
    expect(reasonAfter((h) => h.fill(0xff, 32, 40))).toBe("a durable offset above 2^53 - 1");
  });

  test("fault 54: may state any length without anything being allocated", () => {
    const before = process.memoryUsage().arrayBuffers;
    const bytes = resealed(fixtureBytes("batch"), HEADER_SEAL, (header) => {
      writeU32(header, 8, 0xffffffff);
      writeU32(header, 12, 0x3fffffff);
    });
    const header = headerOf(bytes);
    expect(header).toMatchObject({ bodyLength: 0xffffffff, count: 0x3fffffff });
    expect(bodyIsValid(bytes, 0, header, MARKER)).toBe("the file ends inside a body");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });
});

describe("record lengths", () => {
  /** The verdict on a body of this length, whose records claim these lengths, with right checksums. */
  function lengthsVerdict(claims: readonly number[], bodyLength: number): string | undefined {
    const bytes = new Uint8Array(BATCH_HEADER_LENGTH + bodyLength);
    let position = BATCH_HEADER_LENGTH;
    for (const claim of claims) {
      if (position + 4 <= bytes.length) writeU32(bytes, position, claim);
      position += 4 + claim;
    }
    const stated = { bodyLength, count: claims.length, firstOffset: 0, time: 0, durableOffset: 0 };
    encodeBatchHeader(bytes, 0, MARKER, stated);
    return bodyIsValid(bytes, 0, headerOf(bytes), MARKER);
  }

  test("must add up to the body exactly", () => {
    expect(lengthsVerdict([3, 0, 5], 20)).toBeUndefined();
    expect(lengthsVerdict([3, 0, 4], 20)).toBe("record lengths do not add up to the body");
    expect(lengthsVerdict([3, 0, 6], 20)).toBe("record lengths do not add up to the body");
    expect(lengthsVerdict([17], 20)).toBe("record lengths do not add up to the body");
  });

  test("must not run past the body before the last record", () => {
    expect(lengthsVerdict([15, 1], 20)).toBe("fewer records than the header states");
    expect(lengthsVerdict([0xffffffff, 0], 20)).toBe("fewer records than the header states");
    expect(lengthsVerdict([0xffffffff], 20)).toBe("record lengths do not add up to the body");
  });

  test("beyond the batch do not make it longer", () => {
    const bytes = Uint8Array.from([...batchOf(["x"]), ...batchOf(["y"])]);
    expect(judge(bytes)).toBe("valid");
    expect(judge(bytes, batchOf(["x"]).length)).toBe("valid");
  });
});

describe("any bytes", () => {
  test("get a verdict, and are valid only if encoding gives the same bytes again", () => {
    const tail = fc.uint8Array({ minLength: 40, maxLength: 120 });
    fc.assert(
      fc.property(tail, fc.boolean(), (random, sealed) => {
        const raw = Uint8Array.from([...new Uint8Array(8), ...random]);
        writeU32(raw, 0, MARKER);
        const bytes = sealed ? resealed(raw, HEADER_SEAL, () => undefined) : raw;
        const verdict = decodeBatchHeader(bytes, 0, MARKER);
        if (verdict.kind !== "valid") return;
        if (bodyIsValid(bytes, 0, verdict.header, MARKER) !== undefined) return;
        const again = bytes.slice();
        encodeBatchHeader(again, 0, MARKER, verdict.header);
        expect(again).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("looking for headers", () => {
  /** Bytes with whole batches at their places between the fillings. */
  function around(fillings: readonly Uint8Array[]) {
    const parts: Uint8Array[] = [];
    const places: number[] = [];
    let length = 0;
    for (const [i, filling] of fillings.entries()) {
      const batch = batchOf([`record ${i}`], { firstOffset: 100 + i });
      places.push(length + filling.length);
      length += filling.length + batch.length;
      parts.push(filling, batch);
    }
    return { bytes: Uint8Array.from(Buffer.concat(parts)), places };
  }

  function placesFound(bytes: Uint8Array, marker = MARKER): number[] {
    const found: number[] = [];
    for (let at = nextHeader(bytes, 0, marker); at !== -1; at = nextHeader(bytes, at + 1, marker)) {
      found.push(at);
    }
    return found;
  }

  const markerBytes = Uint8Array.of(0xe5, 0x1d, 0xa5, 0x5e);
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.constant(markerBytes),
    fc.nat(3).map((length) => markerBytes.subarray(0, length)),
    fc.nat(60).map((length) => new Uint8Array(length)),
    fc.constant(fixtureBytes("batch").subarray(0, 40)),
  );
  const filling = fc
    .array(piece, { maxLength: 8 })
    .map((pieces) => Uint8Array.from(Buffer.concat(pieces)));

  test("finds each of them, whatever lies between", () => {
    fc.assert(
      fc.property(fc.array(filling, { minLength: 1, maxLength: 6 }), (fillings) => {
        const { bytes, places } = around(fillings);
        expect(placesFound(bytes)).toEqual(places);
      }),
    );
  });

  test("begins where it is told, within a view of a larger buffer", () => {
    const { bytes, places } = around([new Uint8Array(3), markerBytes]);
    const [first = -1, second = -1] = places;
    const view = Uint8Array.from([9, 9, 9, 9, 9, ...bytes]).subarray(5);
    expect(nextHeader(view, first, MARKER)).toBe(first);
    expect(nextHeader(view, first + 1, MARKER)).toBe(second);
    expect(nextHeader(view, second + 1, MARKER)).toBe(-1);
    expect(nextHeader(view, view.length + 10, MARKER)).toBe(-1);
  });

  test("finds one whose marker goes on from the bytes before it", () => {
    const batch = batchOf(["x"], {}, 0x01010101);
    for (let length = 0; length < 9; length++) {
      const bytes = Uint8Array.from([...new Uint8Array(length).fill(1), ...batch]);
      expect(nextHeader(bytes, 0, 0x01010101)).toBe(length);
    }
  });

  test("finds a header at the very end, and none that is cut", () => {
    const note = fixtureBytes("note");
    expect(nextHeader(note, 0, MARKER)).toBe(0);
    expect(nextHeader(note.subarray(0, 47), 0, MARKER)).toBe(-1);
  });

  test("fault 54: a payload full of markers is passed in time linear in its length", () => {
    // A search that went over the rest for each candidate would take days here.
    const bytes = new Uint8Array(8 << 20);
    for (let at = 0; at < bytes.length; at += 8) bytes.set(markerBytes, at);
    const at = bytes.length - BATCH_HEADER_LENGTH;
    bytes.set(fixtureBytes("note"), at);
    expect(nextHeader(bytes, 0, MARKER)).toBe(at);
  });

  test("fault 54: a header of another segment in a payload is none here, with any marker on it", () => {
    const bytes = fixtureBytes("batch");
    expect(placesFound(bytes, 0x77777777)).toEqual([]);
    writeU32(bytes, 0, 0x77777777);
    expect(placesFound(bytes, 0x77777777)).toEqual([]);
  });
});
