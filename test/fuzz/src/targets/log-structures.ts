// The structures of a log, each as its decoder gets it. What decodes must be what encoding gives: a decoder that
// overlooks bytes, or a rule, shows by that.

import { type Random, SimulatedDisk } from "@tidemark/wal/testing";
import { BatchIndex, type ExpectedIndex } from "../../../../packages/wal/dist/batch-index.js";
import { readU32, writeU32 } from "../../../../packages/wal/dist/fields.js";
import {
  holderText,
  lifeOf,
  nameHolder,
  parseHolder,
} from "../../../../packages/wal/dist/lock-text.js";
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
} from "../../../../packages/wal/dist/manifest.js";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
} from "../../../../packages/wal/dist/segment-header.js";
import { bytesOf, type Input, inputOf, withBytes } from "../input.js";
import { demand, demandSame, type Target } from "../target.js";
import { sealIndex, sealManifest, sealSegmentHeader } from "./seals.js";

export const LOG_ID = "00112233-4455-4677-8899-aabbccddeeff";
export const MARKER = 0x9e3779b1;
const SEGMENT_LENGTH = 40;
const CREATED_AT = 1_700_000_000_000;

const built = (name: string) => `packages/wal/dist/${name}.js`;
const few = (size: number) => 256 * 1024 + 16 * size;

const empty: Manifest = {
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

const full: Manifest = {
  ...empty,
  ancestry: { logId: LOG_ID.replace("0", "f"), offset: 7 },
  generation: 9,
  truncationGeneration: 2,
  truncatedFrom: 40,
  startOffset: 12,
  nextSegmentId: 9,
  floor: { segmentId: 5, offset: 40, position: 64, checksum: 0 },
  segments: [
    {
      id: 3,
      marker: 5,
      state: "sealed",
      baseOffset: 10,
      endOffset: 40,
      size: 900,
      lastChecksum: 77,
    },
    { id: 5, marker: 6, state: "unsealed", baseOffset: 40, endOffset: 0, size: 0, lastChecksum: 0 },
    { id: 8, marker: 9, state: "prepared", baseOffset: 0, endOffset: 0, size: 0, lastChecksum: 0 },
  ],
  dropping: [1, 2],
};

export const manifest: Target = {
  name: "manifest",
  watched: [built("manifest"), built("manifest-rules"), built("fields")],
  seeds: [empty, full].map((each) => inputOf(encodeManifest(each))),
  bytesMax: few,
  seal: (input, random) => sealManifest(bytesOf(input), random),
  restructure: repeatSegment,
  judge(input) {
    const bytes = bytesOf(input);
    const verdict = decodeManifest(bytes);
    if (verdict.kind !== "valid") return;
    demandSame(encodeManifest(verdict.manifest), bytes, "a manifest is not what it decodes to");
  },
};

/** One segment more. */
function repeatSegment(input: Input, random: Random): Input | undefined {
  const bytes = bytesOf(input);
  const count = bytes.length < 132 ? 0 : readU32(bytes, 120);
  const at = 128 + SEGMENT_LENGTH * random.below(count);
  if (count === 0 || at + SEGMENT_LENGTH > bytes.length) return undefined;
  const longer = Uint8Array.from(
    Buffer.concat([bytes.subarray(0, at + SEGMENT_LENGTH), bytes.subarray(at)]),
  );
  writeU32(longer, 120, count + 1);
  return withBytes(input, longer);
}

export const segmentHeader: Target = {
  name: "segment-header",
  watched: [built("segment-header"), built("fields")],
  seeds: [
    inputOf(encodeSegmentHeader({ id: 1, logId: LOG_ID, createdAt: CREATED_AT, marker: MARKER })),
  ],
  bytesMax: few,
  seal: (input) => sealSegmentHeader(bytesOf(input)),
  judge(input) {
    const bytes = bytesOf(input);
    const verdict = decodeSegmentHeader(bytes);
    if (verdict.kind !== "valid") return;
    demandSame(
      encodeSegmentHeader(verdict.header),
      bytes.subarray(0, 64),
      "a header is not what it decodes to",
    );
  },
};

const expected: ExpectedIndex = {
  segmentId: 4,
  marker: MARKER,
  baseOffset: 100,
  endOffset: 160,
  storeSize: 3000,
  createdAt: CREATED_AT,
};

function indexBytes(count: number): Uint8Array {
  const index = BatchIndex.empty(expected.baseOffset, expected.createdAt);
  for (let i = 0; i < count; i++) index.append(100 + 3 * i, 64 + 90 * i, CREATED_AT + 10 * i);
  return index.encode(expected);
}

export const batchIndex: Target = {
  name: "index",
  watched: [built("batch-index"), built("fields")],
  seeds: [1, 2, 20].map((count) => inputOf(indexBytes(count))),
  bytesMax: few,
  seal: (input, random) => sealIndex(bytesOf(input), random),
  judge(input) {
    const bytes = bytesOf(input);
    const verdict = BatchIndex.decode(bytes, expected);
    if (verdict.kind !== "valid") return;
    const { index } = verdict;
    demandSame(index.encode(expected), bytes, "an index is not what it decodes to");
    for (let i = 0; i < index.count; i++) {
      demand(index.find(index.firstOffsetAt(i)) === i, `batch ${i} is not found by its offset`);
      demand(index.positionAt(i) + 52 <= expected.storeSize, `batch ${i} is outside of the store`);
      demand(index.findTime(index.timeAt(i)) <= i, `batch ${i} is not found by its time`);
    }
  },
};

const here = new SimulatedDisk();

const holder = {
  pid: 4711,
  host: "somewhere",
  bootId: "boot-1",
  pidNamespace: "simulated",
  lock: "text",
  since: "2024-02-03T04:05:06.789Z",
} as const;

export const lockText: Target = {
  name: "lock-text",
  watched: [built("lock-text")],
  seeds: [
    holderText(holder),
    holderText({ ...holder, ...here.identity(), lock: "kernel" }),
    holderText({ ...holder, bootId: undefined, pidNamespace: undefined }),
    "",
  ].map((text) => inputOf(Buffer.from(text))),
  bytesMax: few,
  judge(input) {
    const text = Buffer.from(bytesOf(input)).toString("utf8");
    const parsed = parseHolder(text);
    demand(/^[\x20-\x7e“”]{1,1000}$/.test(nameHolder(text, here)), "a name is no line of text");
    const life = lifeOf(parsed, here);
    if (parsed === undefined) return demand(life === "unknown", "nobody is dead or alive");
    demand(lifeOf(parseHolder(holderText(parsed)), here) === life, "another life by the same text");
  },
};
