import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchIndex, type ExpectedIndex } from "../../src/batch-index.js";
import { crc32 } from "../../src/checksum.js";
import { writeU32 } from "../../src/fields.js";
import { fixtureBytes, index as golden, resealed, withBitFlipped } from "./golden.js";

interface Entry {
  readonly firstOffset: number;
  readonly position: number;
  readonly time: number;
}

const HEADER_SEAL = { from: 0, to: 60, checksumAt: 60 };
const goldenBytes = fixtureBytes("index");

function indexOf(entries: readonly Entry[], baseOffset: number, createdAt: number): BatchIndex {
  const index = BatchIndex.empty(baseOffset, createdAt);
  for (const { firstOffset, position, time } of entries) index.append(firstOffset, position, time);
  return index;
}

function entriesOf(index: BatchIndex): Entry[] {
  return Array.from({ length: index.count }, (_, i) => ({
    firstOffset: index.firstOffsetAt(i),
    position: index.positionAt(i),
    time: index.timeAt(i),
  }));
}

function decoded(bytes: Uint8Array, expected: ExpectedIndex): BatchIndex {
  const verdict = BatchIndex.decode(bytes, expected);
  if (verdict.kind !== "valid") throw new Error(`expected an index, found: ${verdict.reason}`);
  return verdict.index;
}

/** The verdict on the golden index after a change of entries, with right checksums. */
function reasonAfter(change: (bytes: Uint8Array) => void): string {
  const bytes = resealed(goldenBytes, HEADER_SEAL, (copy) => {
    change(copy);
    writeU32(copy, 56, crc32(copy.subarray(64)));
  });
  const verdict = BatchIndex.decode(bytes, golden.identity);
  return verdict.kind === "invalid" ? verdict.reason : verdict.kind;
}

/** Batches one after another, as a segment may hold them, with what its index must say. */
const anySegment = fc
  .record({
    baseOffset: fc.maxSafeNat().map((offset) => Math.floor(offset / 2)),
    createdAt: fc.integer({ min: 0, max: 2 ** 47 }),
    steps: fc.array(
      fc.record({ count: fc.integer({ min: 1, max: 50 }), length: fc.nat(5000), wait: fc.nat(3) }),
      { maxLength: 40 },
    ),
  })
  .map(({ baseOffset, createdAt, steps }) => {
    const entries: Entry[] = [];
    let [endOffset, storeSize, time] = [baseOffset, 64, createdAt];
    for (const { count, length, wait } of steps) {
      time += wait;
      entries.push({ firstOffset: endOffset, position: storeSize, time });
      endOffset += count;
      storeSize += 52 + length;
    }
    const expected = { segmentId: 3, marker: 9, baseOffset, endOffset, storeSize, createdAt };
    return { entries, expected };
  });

describe("golden bytes", () => {
  test("an index is encoded to them", () => {
    const { baseOffset, createdAt } = golden.identity;
    const index = indexOf(golden.entries, baseOffset, createdAt);
    expect(index.encode(golden.identity)).toEqual(goldenBytes);
  });

  test("they decode to what they stand for, without a copy", () => {
    const bytes = goldenBytes.slice();
    const index = decoded(bytes, golden.identity);
    expect(entriesOf(index)).toEqual(golden.entries);
    writeU32(bytes, 64 + 4, 65);
    expect(index.positionAt(0)).toBe(65);
  });
});

describe("searches", () => {
  test("agree with looking at each entry, growing and decoded", () => {
    fc.assert(
      fc.property(anySegment, fc.integer({ min: -3, max: 60 }), ({ entries, expected }, beyond) => {
        const growing = indexOf(entries, expected.baseOffset, expected.createdAt);
        const read = decoded(growing.encode(expected), expected);
        const offsets = entries.flatMap(({ firstOffset }) => [firstOffset - 1, firstOffset]);
        const times = entries.flatMap(({ time }) => [time - 1, time, time + 1]);
        for (const index of [growing, read]) {
          expect(entriesOf(index)).toEqual(entries);
          for (const offset of [...offsets, expected.endOffset + beyond, 0]) {
            const last = entries.findLastIndex((entry) => entry.firstOffset <= offset);
            expect(index.find(offset)).toBe(last);
          }
          for (const time of [...times, expected.createdAt + beyond, 0, Number.MAX_SAFE_INTEGER]) {
            const first = entries.findIndex((entry) => entry.time >= time);
            expect(index.findTime(time)).toBe(first === -1 ? entries.length : first);
          }
        }
      }),
    );
  });

  test("find nothing in an empty index", () => {
    const index = BatchIndex.empty(100, 5);
    expect([index.count, index.find(100), index.findTime(5)]).toEqual([0, -1, 0]);
  });

  test("an entry that is not there is not read", () => {
    const index = indexOf(golden.entries, golden.identity.baseOffset, golden.identity.createdAt);
    expect(() => index.positionAt(3)).toThrow("invariant");
    expect(() => index.positionAt(-1)).toThrow("invariant");
  });
});

describe("growing", () => {
  test("goes on past its first capacity", () => {
    const entries = Array.from({ length: 5000 }, (_, i) => {
      return { firstOffset: i * 2, position: 64 + i * 60, time: 1000 + i };
    });
    expect(entriesOf(indexOf(entries, 0, 1000))).toEqual(entries);
  });

  test("refuses batches out of order", () => {
    const index = BatchIndex.empty(10, 1000);
    index.append(10, 64, 1005);
    expect(() => index.append(10, 200, 1005)).toThrow("invariant");
    expect(() => index.append(11, 115, 1005)).toThrow("invariant");
    expect(() => index.append(11, 200, 1004)).toThrow("invariant");
    index.append(11, 116, 1005);
  });

  test("knows the limits of its fields", () => {
    const index = BatchIndex.empty(10, 1000);
    const limit = 2 ** 32;
    expect(index.canHold(10 + limit - 1, limit - 1, 1000 + limit - 1)).toBe(true);
    expect(index.canHold(10 + limit, 64, 1000)).toBe(false);
    expect(index.canHold(10, limit, 1000)).toBe(false);
    expect(index.canHold(10, 64, 1000 + limit)).toBe(false);
    expect(index.canHold(9, 64, 1000)).toBe(false);
    expect(index.canHold(10, 64, 999)).toBe(false);
    expect(() => index.append(10, 64, 999)).toThrow("invariant");
  });

  test("is over once an index is decoded", () => {
    const index = decoded(goldenBytes, golden.identity);
    expect(() => index.append(golden.identity.endOffset, 1900, golden.entries[2].time)).toThrow(
      "invariant",
    );
  });

  test("an index that does not fit its store is not written", () => {
    const { baseOffset, createdAt } = golden.identity;
    const index = indexOf(golden.entries, baseOffset, createdAt);
    expect(() => index.encode({ ...golden.identity, endOffset: baseOffset + 4 })).toThrow();
    expect(() => index.encode({ ...golden.identity, storeSize: 1024 + 51 })).toThrow("invariant");
    expect(() => BatchIndex.empty(5, 5).encode(golden.identity)).toThrow("invariant");
    expect(() => index.encode({ ...golden.identity, storeSize: 2 ** 53 })).toThrow("invariant");
    expect(() => BatchIndex.empty(-1, 5)).toThrow("invariant");
    expect(() => BatchIndex.empty(5, 2 ** 53)).toThrow("invariant");
    const early = BatchIndex.empty(5, 5);
    early.append(5, 63, 5);
    expect(() => early.encode({ ...golden.identity, endOffset: 6 })).toThrow("invariant");
    const late = BatchIndex.empty(5, 5);
    late.append(6, 64, 5);
    expect(() => late.encode({ ...golden.identity, endOffset: 7 })).toThrow("invariant");
  });
});

describe("fault 27: a damaged or foreign index", () => {
  test("is invalid after any single bit has changed", () => {
    for (let bit = 0; bit < goldenBytes.length * 8; bit++) {
      const verdict = BatchIndex.decode(withBitFlipped(goldenBytes, bit), golden.identity);
      expect(verdict.kind, `bit ${bit}`).toBe("invalid");
    }
  });

  test("is invalid when cut or longer", () => {
    for (let length = 0; length < goldenBytes.length; length++) {
      const verdict = BatchIndex.decode(goldenBytes.subarray(0, length), golden.identity);
      expect(verdict.kind).toBe("invalid");
    }
    const longer = Uint8Array.from([...goldenBytes, 0]);
    expect(BatchIndex.decode(longer, golden.identity).kind).toBe("invalid");
  });

  test("the verdict says which of these it is", () => {
    const short = BatchIndex.decode(goldenBytes.subarray(0, 63), golden.identity);
    expect(short).toEqual({ kind: "invalid", reason: "the file ends inside its header" });
    expect(reasonAfter((b) => writeU32(b, 0, 0))).toBe("wrong magic");
  });

  test("is invalid for any other store", () => {
    for (const field of Object.keys(golden.identity) as (keyof ExpectedIndex)[]) {
      const other = { ...golden.identity, [field]: golden.identity[field] + 1 };
      expect(BatchIndex.decode(goldenBytes, other).kind, field).toBe("invalid");
    }
  });

  test("is invalid if a newer version wrote it: it is rebuilt", () => {
    expect(reasonAfter((b) => writeU32(b, 8, 2))).toBe("another format version");
  });
});

describe("fault 65: entries that checksums vouch for and order does not", () => {
  const entry = (i: number) => 64 + i * 12;

  test("are refused", () => {
    expect(reasonAfter(() => undefined)).toBe("valid");
    expect(reasonAfter((b) => writeU32(b, entry(0), 1))).toBe(
      "a first entry that is not the first batch",
    );
    expect(reasonAfter((b) => writeU32(b, entry(1), 0))).toBe("an offset out of order");
    expect(reasonAfter((b) => writeU32(b, entry(2), 8))).toBe("an offset out of order");
    expect(reasonAfter((b) => writeU32(b, entry(0) + 4, 63))).toBe("a position out of order");
    expect(reasonAfter((b) => writeU32(b, entry(1) + 4, 64 + 51))).toBe("a position out of order");
    expect(reasonAfter((b) => writeU32(b, entry(2) + 4, 2048 - 51))).toBe(
      "a position outside the store",
    );
    expect(reasonAfter((b) => writeU32(b, entry(2) + 4, 0xffffffff))).toBe(
      "a position outside the store",
    );
    expect(reasonAfter((b) => writeU32(b, entry(2) + 8, 332))).toBe("a time out of order");
  });

  test("are refused where they are missing", () => {
    const bytes = resealed(goldenBytes.subarray(0, 64), HEADER_SEAL, (copy) => {
      writeU32(copy, 20, 0);
      writeU32(copy, 56, 0);
    });
    const verdict = BatchIndex.decode(bytes, golden.identity);
    expect(verdict).toEqual({ kind: "invalid", reason: "no entries" });
  });

  test("fault 54: are not believed in number", () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(reasonAfter((b) => writeU32(b, 20, 0xffffffff))).toBe(
      "a length that its count does not give",
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });
});

test("any bytes get a verdict, and are valid only if encoding gives them again", () => {
  const anyEntries = fc.array(
    fc.tuple(fc.nat(10), fc.integer({ min: 0, max: 2100 }), fc.nat(100)),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(anyEntries, fc.uint8Array({ maxLength: 30 }), (entries, behind) => {
      const body = new Uint8Array(entries.length * 12);
      entries.flat().forEach((value, i) => {
        writeU32(body, i * 4, value);
      });
      const raw = Uint8Array.from([...goldenBytes.subarray(0, 64), ...body, ...behind]);
      const bytes = resealed(raw, HEADER_SEAL, (copy) => {
        writeU32(copy, 20, entries.length);
        writeU32(copy, 56, crc32(copy.subarray(64)));
      });
      const verdict = BatchIndex.decode(bytes, golden.identity);
      if (verdict.kind === "valid") expect(verdict.index.encode(golden.identity)).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});
