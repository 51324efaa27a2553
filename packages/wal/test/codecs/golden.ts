// The golden bytes in ../fixtures, and the structures that they stand for. The fixtures were written from
// docs/format.md by a program of its own in another language, not by the encoders under test.

import { readFileSync } from "node:fs";
import type { BatchFields } from "../../src/batch.js";
import { crc32 } from "../../src/checksum.js";
import { writeU32 } from "../../src/fields.js";
import type { Manifest } from "../../src/manifest.js";
import type { SegmentHeader } from "../../src/segment-header.js";

/** A field of a fixture: `at` counts from the start of its section. */
export interface FixtureField {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly name: string;
}

export interface FixtureSection {
  readonly title: string;
  readonly fields: readonly FixtureField[];
}

export const FIXTURES = [
  "segment-header",
  "batch",
  "note",
  "index",
  "manifest",
  "manifest-first",
] as const;

export type FixtureName = (typeof FIXTURES)[number];

/** Reads a fixture: `[section]` lines, each followed by lines of position, hexadecimal bytes and name. */
export function fixtureSections(name: FixtureName): FixtureSection[] {
  const text = readFileSync(new URL(`../fixtures/${name}.hex`, import.meta.url), "utf8");
  const sections: { title: string; fields: FixtureField[] }[] = [];
  for (const line of text.split("\n")) {
    const title = /^\[(.+)\]$/.exec(line)?.[1];
    if (title !== undefined) sections.push({ title, fields: [] });
    const field = /^(\d+) +([0-9a-f]*) {2}(.+)$/.exec(line);
    if (field === null) continue;
    const [, at = "", hex = "", fieldName = ""] = field;
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    sections.at(-1)?.fields.push({ at: Number(at), bytes, name: fieldName });
  }
  return sections;
}

export function fixtureBytes(name: FixtureName): Uint8Array {
  const fields = fixtureSections(name).flatMap((section) => section.fields);
  return Uint8Array.from(Buffer.concat(fields.map(({ bytes }) => bytes)));
}

export const MARKER = 0x5ea51de5;
const LOG_ID = "0b5c1f9e-8a34-4d27-9c6f-2e71d3a85b40";
const MANY = 2 ** 33;

export const segmentHeader: SegmentHeader = {
  id: 7,
  logId: LOG_ID,
  createdAt: 1_700_000_000_123,
  marker: MARKER,
};

export const payloads = ["low", "", "high tide"];

export const batchFields: BatchFields = {
  bodyLength: 24,
  count: 3,
  firstOffset: MANY + 5,
  time: 1_700_000_000_456,
  durableOffset: MANY - 2,
};

export const noteFields: BatchFields = {
  bodyLength: 0,
  count: 0,
  firstOffset: MANY + 8,
  time: 1_700_000_000_500,
  durableOffset: MANY + 8,
};

export const index = {
  identity: {
    segmentId: 7,
    marker: MARKER,
    baseOffset: MANY + 5,
    endOffset: MANY + 13,
    storeSize: 2048,
    createdAt: 1_700_000_000_123,
  },
  entries: [
    { firstOffset: MANY + 5, position: 64, time: 1_700_000_000_123 },
    { firstOffset: MANY + 6, position: 180, time: 1_700_000_000_456 },
    { firstOffset: MANY + 9, position: 1024, time: 1_704_000_000_123 },
  ],
} as const;

const unended = { endOffset: 0, size: 0, lastChecksum: 0 };

export const manifest: Manifest = {
  logId: LOG_ID,
  ancestry: { logId: "f47ac10b-58cc-4372-a567-0e02b2c3d479", offset: MANY - 100 },
  generation: 41,
  truncationGeneration: 2,
  truncatedFrom: MANY + 9,
  startOffset: MANY - 3,
  nextSegmentId: 9,
  floor: { segmentId: 6, offset: MANY + 20, position: 4160, checksum: 0xc0ffee11 },
  segments: [
    {
      id: 3,
      marker: 0x11111111,
      state: "sealed",
      baseOffset: MANY - 10,
      endOffset: MANY + 5,
      size: 67_108_864,
      lastChecksum: 0xaabbccdd,
    },
    {
      id: 4,
      marker: 0x22222222,
      state: "sealed",
      baseOffset: MANY + 5,
      endOffset: MANY + 13,
      size: 2048,
      lastChecksum: 0xddccbbaa,
    },
    { id: 6, marker: 0x33333333, state: "unsealed", baseOffset: MANY + 13, ...unended },
    { id: 7, marker: MARKER, state: "unsealed", baseOffset: MANY + 25, ...unended },
    { id: 8, marker: 0x44444444, state: "prepared", baseOffset: 0, ...unended },
  ],
  dropping: [2, 5],
};

export const firstManifest: Manifest = {
  logId: LOG_ID,
  ancestry: undefined,
  generation: 1,
  truncationGeneration: 0,
  truncatedFrom: 0,
  startOffset: 0,
  nextSegmentId: 1,
  floor: { segmentId: 0, offset: 0, position: 0, checksum: 0 },
  segments: [],
  dropping: [],
};

/** Bytes of the payloads as a body stands on disk, after room for a header. */
export function bodyOf(texts: readonly string[], headerLength: number): Uint8Array {
  const records = texts.flatMap((text) => {
    const prefix = new Uint8Array(4);
    const payload = Buffer.from(text);
    writeU32(prefix, 0, payload.length);
    return [prefix, payload];
  });
  return Uint8Array.from(Buffer.concat([new Uint8Array(headerLength), ...records]));
}

/** `bytes` with one bit changed; bits count from 0. */
export function withBitFlipped(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

/** A copy changed by `change`, with a right checksum of [from, to) at `checksumAt` after it. */
export function resealed(
  bytes: Uint8Array,
  seal: { from: number; to: number; checksumAt: number; seed?: number },
  change: (copy: Uint8Array) => void,
): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  writeU32(copy, seal.checksumAt, crc32(copy.subarray(seal.from, seal.to), seal.seed));
  return copy;
}
