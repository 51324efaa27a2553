import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writeU32, writeU64 } from "../../src/fields.js";
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type ManifestSegment,
} from "../../src/manifest.js";
import {
  firstManifest,
  fixtureBytes,
  manifest as golden,
  resealed,
  withBitFlipped,
} from "./golden.js";

const goldenBytes = fixtureBytes("manifest");
const MANY = 2 ** 33;

function sealed(bytes: Uint8Array, change: (copy: Uint8Array) => void = () => undefined) {
  const checksumAt = bytes.length - 4;
  return resealed(bytes, { from: 0, to: checksumAt, checksumAt }, change);
}

/** The verdict on the golden manifest after a change, with a right checksum. */
function reasonAfter(change: (bytes: Uint8Array) => void): string {
  const verdict = decodeManifest(sealed(goldenBytes, change));
  return verdict.kind === "invalid" ? verdict.reason : verdict.kind;
}

/** The golden manifest with one of its segments changed. */
function withSegment(index: number, change: Partial<ManifestSegment>): Partial<Manifest> {
  const segments = golden.segments.map((segment, i) => {
    return i === index ? { ...segment, ...change } : segment;
  });
  return { segments };
}

function withFloor(change: Partial<Manifest["floor"]>): Partial<Manifest> {
  return { floor: { ...golden.floor, ...change } };
}

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const marker = fc.integer({ min: 1, max: 0xffffffff });
const unended = { endOffset: 0, size: 0, lastChecksum: 0 };

/** Segments in an order that a log may have, from a base offset on. */
const anySegments = fc
  .record({
    firstId: fc.integer({ min: 1, max: 1000 }),
    baseOffset: fc.nat(2 ** 31).map((offset) => offset * 2 ** 20),
    sealed: fc.array(
      fc.record({ marker, count: fc.nat(9), size: fc.integer({ min: 64 }), lastChecksum: u32 }),
      { maxLength: 4 },
    ),
    unsealed: fc.array(fc.record({ marker, count: fc.nat(9) }), { maxLength: 2 }),
    prepared: fc.option(marker, { nil: undefined }),
  })
  .map((parts) => {
    const segments: ManifestSegment[] = [];
    let [id, baseOffset] = [parts.firstId, parts.baseOffset];
    for (const { count, ...rest } of parts.sealed) {
      segments.push({ id, state: "sealed", baseOffset, endOffset: baseOffset + count, ...rest });
      [id, baseOffset] = [id + 1, baseOffset + count];
    }
    for (const { marker: own, count } of parts.unsealed) {
      segments.push({ id, marker: own, state: "unsealed", baseOffset, ...unended });
      [id, baseOffset] = [id + 2, baseOffset + count];
    }
    if (parts.prepared !== undefined) {
      segments.push({ id, marker: parts.prepared, state: "prepared", baseOffset: 0, ...unended });
    }
    return { segments, startOffset: parts.baseOffset, nextSegmentId: id + 1 };
  });

const anyManifest: fc.Arbitrary<Manifest> = fc
  .record({
    logId: fc.uuid(),
    ancestry: fc.option(fc.record({ logId: fc.uuid(), offset: fc.maxSafeNat() }), {
      nil: undefined,
    }),
    generation: fc.maxSafeNat(),
    truncationGeneration: fc.maxSafeNat(),
    truncatedFrom: fc.maxSafeNat(),
    checksum: u32,
    floorAtLast: fc.boolean(),
    drops: fc.boolean(),
    log: anySegments,
  })
  .map(({ log, checksum, floorAtLast, drops, ...rest }) => {
    const last = log.segments.findLast(({ state }) => state !== "prepared");
    const none = { segmentId: 0, offset: log.startOffset, position: 0, checksum: 0 };
    const floor =
      last === undefined || !floorAtLast
        ? none
        : { segmentId: last.id, offset: last.baseOffset, position: 64, checksum };
    const dropping = drops ? [log.nextSegmentId + 8, log.nextSegmentId] : [];
    return { ...rest, ...log, floor, dropping, nextSegmentId: log.nextSegmentId + 9 };
  });

describe("golden bytes", () => {
  test("a manifest is encoded to them and decodes from them", () => {
    expect(encodeManifest(golden)).toEqual(goldenBytes);
    expect(decodeManifest(goldenBytes)).toEqual({ kind: "valid", manifest: golden });
  });

  test("a log's first manifest is encoded to them and decodes from them", () => {
    const bytes = fixtureBytes("manifest-first");
    expect(encodeManifest(firstManifest)).toEqual(bytes);
    expect(decodeManifest(bytes)).toEqual({ kind: "valid", manifest: firstManifest });
  });
});

test("what is encoded decodes to the same", () => {
  fc.assert(
    fc.property(anyManifest, (manifest) => {
      expect(decodeManifest(encodeManifest(manifest))).toEqual({ kind: "valid", manifest });
    }),
    { numRuns: 500 },
  );
});

describe("fault 29: damage", () => {
  test("no single bit can change unnoticed, or pass for a newer version", () => {
    for (const name of ["manifest", "manifest-first"] as const) {
      const bytes = fixtureBytes(name);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const { kind } = decodeManifest(withBitFlipped(bytes, bit));
        expect(kind, `bit ${bit} of ${name}`).toBe("invalid");
      }
    }
  });

  test("a manifest cut anywhere, or longer, is invalid", () => {
    for (let length = 0; length < goldenBytes.length; length++) {
      expect(decodeManifest(goldenBytes.subarray(0, length)).kind).toBe("invalid");
    }
    expect(decodeManifest(Uint8Array.from([...goldenBytes, 0])).kind).toBe("invalid");
    expect(decodeManifest(new Uint8Array(4096)).kind).toBe("invalid");
  });

  test("a sector of zeros anywhere is invalid", () => {
    const segments = Array.from({ length: 60 }, (_, i): ManifestSegment => {
      const [baseOffset, endOffset] = [i * 10, i * 10 + 10];
      const ends = { baseOffset, endOffset, size: 1000, lastChecksum: i };
      return { id: i + 1, marker: i + 1, state: "sealed", ...ends };
    });
    const bytes = encodeManifest({ ...firstManifest, nextSegmentId: 61, segments });
    for (let at = 0; at < bytes.length; at += 512) {
      expect(decodeManifest(bytes.slice().fill(0, at, at + 512)).kind).toBe("invalid");
    }
  });

  test("the verdict states what was expected and what was found", () => {
    const bytes = goldenBytes.slice();
    writeU32(bytes, 8, 5);
    expect(decodeManifest(bytes)).toEqual({
      kind: "invalid",
      reason: "damaged format version",
      expected: 1,
      actual: 5,
    });
    const contradicted = sealed(goldenBytes, (copy) => writeU32(copy, 88, 8));
    const reason = "a next segment id already in use";
    expect(decodeManifest(contradicted)).toStrictEqual({ kind: "invalid", reason });
  });
});

describe("fault 63: a newer format", () => {
  test("by its version is unsupported, however it goes on", () => {
    const newer = sealed(goldenBytes, (copy) => writeU32(copy, 8, 2));
    expect(decodeManifest(newer)).toEqual({ kind: "unsupported", version: 2, flags: 1 });
    newer.fill(0x77, 12);
    expect(decodeManifest(newer)).toMatchObject({ kind: "unsupported", version: 2 });
  });

  test("by its flags is unsupported", () => {
    const newer = sealed(goldenBytes, (copy) => writeU32(copy, 116, 3));
    expect(decodeManifest(newer)).toEqual({ kind: "unsupported", version: 1, flags: 3 });
  });
});

describe("a manifest that breaks a rule", () => {
  const rules: [string, Partial<Manifest>][] = [
    ["a log id that is no UUID", { logId: "x" }],
    ["an ancestor's id that is no UUID", { ancestry: { logId: "x", offset: 1 } }],
    ["an ancestor's offset out of range", { ancestry: { logId: golden.logId, offset: 2 ** 53 } }],
    ["a generation out of range", { generation: 2 ** 53 }],
    ["a truncation generation out of range", { truncationGeneration: -1 }],
    ["an offset of the latest truncation out of range", { truncatedFrom: 0.5 }],
    ["a start offset out of range", { startOffset: Number.NaN }],
    ["a next segment id out of range", { nextSegmentId: 2 ** 32 }],
    ["a next segment id already in use", { nextSegmentId: 8 }],
    ["a floor out of range", withFloor({ position: 2 ** 53 })],
    ["a floor out of range", withFloor({ checksum: -1 })],
    ["segment 0: id out of range", withSegment(0, { id: 0 })],
    ["segment 3: marker out of range", withSegment(0, { marker: 0 })],
    ["segment 3: offsets out of range", withSegment(0, { baseOffset: -1 })],
    ["segment 3: size or checksum out of range", withSegment(0, { lastChecksum: 2 ** 32 })],
    ["segment 3: ends before it begins", withSegment(0, { endOffset: MANY - 11 })],
    ["segment 3: smaller than its header", withSegment(0, { size: 63 })],
    ["segment 6: an end before it is sealed", withSegment(2, { size: 64 })],
    ["segment 8: a base offset before it is in use", withSegment(4, { baseOffset: 1 })],
    ["segment 3: ids do not ascend", withSegment(1, { id: 3 })],
    ["segment 4: sealed after unsealed", withSegment(0, { state: "unsealed", ...unended })],
    ["segment 7: unsealed after prepared", withSegment(2, { state: "prepared", baseOffset: 0 })],
    ["segment 8: a second prepared segment", withSegment(3, { state: "prepared", baseOffset: 0 })],
    ["segment 4: a gap or overlap before it", withSegment(0, { endOffset: MANY + 4 })],
    ["segment 6: a gap or overlap before it", withSegment(2, { baseOffset: MANY + 14 })],
    ["segment 7: begins before the one before it", withSegment(3, { baseOffset: MANY + 12 })],
    ["a start offset below the first segment", { startOffset: MANY - 11 }],
    ["a start offset above the first segment", { startOffset: MANY + 6 }],
    ["a floor below the start offset", withFloor({ offset: MANY - 4 })],
    ["a floor's place without its segment", withFloor({ segmentId: 0 })],
    ["a floor in an unknown segment", withFloor({ segmentId: 5 })],
    ["a floor in a prepared segment", withFloor({ segmentId: 8 })],
    ["a floor before its segment", withFloor({ offset: MANY + 12 })],
    ["a floor inside a segment's header", withFloor({ position: 63 })],
    ["a floor after its segment", withFloor({ segmentId: 4, offset: MANY + 14, position: 64 })],
    ["a floor after its segment", withFloor({ segmentId: 4, offset: MANY + 13, position: 2049 })],
    ["an id being dropped out of range", { dropping: [9] }],
    ["an id being dropped out of range", { dropping: [0] }],
    ["an id being dropped that is in use or named twice", { dropping: [2, 3] }],
    ["an id being dropped that is in use or named twice", { dropping: [2, 2] }],
  ];

  test.each(rules)("is not written: %s", (rule, change) => {
    expect(() => encodeManifest({ ...golden, ...change })).toThrow(rule);
  });

  test("is not read, though its checksum is right", () => {
    const segment = (i: number) => 128 + i * 40;
    const cases: [string, (bytes: Uint8Array) => void][] = [
      ["a generation out of range", (b) => b.fill(0xff, 56, 64)],
      ["a truncation generation out of range", (b) => writeU32(b, 68, 0x200000)],
      ["an offset of the latest truncation out of range", (b) => b.fill(0xff, 72, 80)],
      ["a start offset out of range", (b) => b.fill(0xff, 80, 88)],
      ["an ancestor's offset out of range", (b) => b.fill(0xff, 48, 56)],
      ["a next segment id already in use", (b) => writeU32(b, 88, 8)],
      ["a floor in an unknown segment", (b) => writeU32(b, 92, 5)],
      ["a floor out of range", (b) => b.fill(0xff, 96, 104)],
      ["a floor below the start offset", (b) => writeU64(b, 96, MANY - 4)],
      ["segment 3: marker out of range", (b) => writeU32(b, segment(0) + 4, 0)],
      ["segment 0: id out of range", (b) => writeU32(b, segment(0), 0)],
      ["unknown state of a segment", (b) => writeU32(b, segment(0) + 8, 3)],
      [
        "segment 4: sealed after unsealed",
        // From its state to its end as those of segment 6, which is unsealed.
        (b) => b.copyWithin(segment(0) + 8, segment(2) + 8, segment(3)),
      ],
      ["segment 3: offsets out of range", (b) => b.fill(0xff, segment(0) + 16, segment(0) + 24)],
      ["segment 3: size or checksum out of range", (b) => writeU32(b, segment(0) + 36, 0x200000)],
      ["segment 4: a gap or overlap before it", (b) => writeU64(b, segment(0) + 24, MANY)],
      ["segment 6: an end before it is sealed", (b) => writeU64(b, segment(2) + 24, MANY + 99)],
      ["an id being dropped that is in use or named twice", (b) => writeU32(b, 328, 3)],
      ["ancestry without its flag", (b) => writeU32(b, 116, 0)],
      ["counts do not match length", (b) => writeU32(b, 120, 4)],
      ["wrong length", (b) => writeU32(b, 12, 339)],
      ["wrong magic", (b) => writeU32(b, 0, 0)],
      ["damaged format version", (b) => writeU32(b, 8, 0)],
    ];
    for (const [rule, change] of cases) expect(reasonAfter(change)).toBe(rule);
  });

  test("fault 54: with hostile counts is refused before anything is allocated", () => {
    const before = process.memoryUsage();
    for (const at of [12, 120, 124]) {
      expect(reasonAfter((b) => writeU32(b, at, 0xffffffff))).toMatch(/length/);
    }
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1 << 20);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(32 << 20);
  });
});

describe("any bytes", () => {
  test("get a verdict", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (random) => {
        expect(decodeManifest(random).kind).toBe("invalid");
        const bytes = Uint8Array.from([...goldenBytes.subarray(0, 12), ...random]);
        expect(decodeManifest(bytes).kind).toBe("invalid");
      }),
    );
  });

  test("with a right checksum are valid only if encoding gives them again", () => {
    const word = fc.oneof(fc.nat(12), fc.integer({ min: 0, max: 0xffffffff }));
    const changes = fc.array(fc.tuple(fc.nat((goldenBytes.length - 20) / 4), word), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(changes, (words) => {
        const bytes = sealed(goldenBytes, (copy) => {
          for (const [index, value] of words) writeU32(copy, 12 + index * 4, value);
        });
        const verdict = decodeManifest(bytes);
        if (verdict.kind === "valid") expect(encodeManifest(verdict.manifest)).toEqual(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});
