import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writeU32 } from "../../src/fields.js";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SEGMENT_HEADER_LENGTH,
  type SegmentHeader,
} from "../../src/segment-header.js";
import { fixtureBytes, resealed, segmentHeader, withBitFlipped } from "./golden.js";

const SEAL = { from: 0, to: 60, checksumAt: 60 };
const golden = fixtureBytes("segment-header");

const anyHeader: fc.Arbitrary<SegmentHeader> = fc.record({
  id: fc.integer({ min: 1, max: 0xffffffff }),
  logId: fc.uuid(),
  createdAt: fc.maxSafeNat(),
  marker: fc.integer({ min: 1, max: 0xffffffff }),
});

function reasonAfter(change: (header: Uint8Array) => void): string {
  const verdict = decodeSegmentHeader(resealed(golden, SEAL, change));
  return verdict.kind === "invalid" ? verdict.reason : verdict.kind;
}

test("a header is encoded to its golden bytes and decodes from them", () => {
  expect(encodeSegmentHeader(segmentHeader)).toEqual(golden);
  expect(decodeSegmentHeader(golden)).toEqual({ kind: "valid", header: segmentHeader });
});

test("what is encoded decodes to the same, with batches behind it", () => {
  fc.assert(
    fc.property(anyHeader, fc.uint8Array({ maxLength: 20 }), (header, behind) => {
      const bytes = Uint8Array.from([...encodeSegmentHeader(header), ...behind]);
      expect(decodeSegmentHeader(bytes)).toEqual({ kind: "valid", header });
    }),
  );
});

test("a header that breaks the rules is not written", () => {
  const wrong: Partial<SegmentHeader>[] = [
    { id: 0 },
    { id: 2 ** 32 },
    { marker: 0 },
    { marker: -1 },
    { createdAt: -1 },
    { createdAt: 2 ** 53 },
    { logId: "not a uuid" },
    { logId: segmentHeader.logId.toUpperCase() },
  ];
  for (const change of wrong) {
    expect(() => encodeSegmentHeader({ ...segmentHeader, ...change })).toThrow("invariant");
  }
});

describe("damage", () => {
  test("fault 9: no single bit can change unnoticed, or pass for a newer version", () => {
    for (let bit = 0; bit < golden.length * 8; bit++) {
      const { kind } = decodeSegmentHeader(withBitFlipped(golden, bit));
      expect(kind, `bit ${bit}`).toBe("invalid");
    }
  });

  test("fault 9: zeros and a header cut anywhere are invalid", () => {
    expect(decodeSegmentHeader(new Uint8Array(SEGMENT_HEADER_LENGTH)).kind).toBe("invalid");
    for (let length = 0; length < SEGMENT_HEADER_LENGTH; length++) {
      expect(decodeSegmentHeader(golden.subarray(0, length)).kind).toBe("invalid");
    }
  });

  test("a damaged version states what was expected and what was found", () => {
    const bytes = golden.slice();
    writeU32(bytes, 8, 3);
    expect(decodeSegmentHeader(bytes)).toEqual({
      kind: "invalid",
      reason: "damaged format version",
      expected: 1,
      actual: 3,
    });
  });
});

describe("a header with a right checksum", () => {
  test("fault 63: of a newer version is unsupported", () => {
    const newer = resealed(golden, SEAL, (header) => writeU32(header, 8, 2));
    expect(decodeSegmentHeader(newer)).toEqual({ kind: "unsupported", version: 2, flags: 0 });
    // A newer version may be laid out in another way behind the version.
    newer.fill(0xaa, 12);
    expect(decodeSegmentHeader(newer)).toMatchObject({ kind: "unsupported", version: 2 });
  });

  test("fault 63: with unknown flags is unsupported", () => {
    const flagged = resealed(golden, SEAL, (header) => writeU32(header, 12, 8));
    expect(decodeSegmentHeader(flagged)).toEqual({ kind: "unsupported", version: 1, flags: 8 });
  });

  test("is refused where it breaks the rules", () => {
    expect(reasonAfter((h) => writeU32(h, 8, 0))).toBe("damaged format version");
    expect(reasonAfter((h) => writeU32(h, 16, 0))).toBe("segment id 0");
    expect(reasonAfter((h) => writeU32(h, 20, 0))).toBe("marker 0");
    expect(reasonAfter((h) => h.fill(0xff, 40, 48))).toBe("a creation time above 2^53 - 1");
    expect(reasonAfter((h) => h.fill(1, 59, 60))).toBe("reserved bytes not 0");
  });
});

test("any bytes get a verdict, and are valid only if encoding gives them again", () => {
  const anyBytes = fc.uint8Array({ minLength: 52, maxLength: 52 });
  fc.assert(
    fc.property(anyBytes, fc.boolean(), (random, sealed) => {
      const raw = Uint8Array.from([...golden.subarray(0, 12), ...random]);
      if (sealed) raw.fill(0, 12, 16).fill(0, 48, 60);
      const bytes = sealed ? resealed(raw, SEAL, () => undefined) : raw;
      const verdict = decodeSegmentHeader(bytes);
      if (verdict.kind === "valid") expect(encodeSegmentHeader(verdict.header)).toEqual(bytes);
    }),
    { numRuns: 1000 },
  );
});
