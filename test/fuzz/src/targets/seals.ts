// Makes checksums right over whatever the bytes are, structure by structure, so that what lies behind them is
// reached: without this all that fuzzing tests is that a checksum notices a change.

import { crc32 } from "@tidemark/wal";
import type { Random } from "@tidemark/wal/testing";
import { readU32, writeU32, writeU64 } from "../../../../packages/wal/dist/fields.js";

const BATCH_HEADER = 48;
const STORE_HEADER = 64;
const SNAPSHOT_HEADER = 96;
const BLOCK_HEADER = 16;

/** Puts the crc of a range where it belongs, if the bytes reach that far. */
export function sealRange(bytes: Uint8Array, from: number, to: number, at: number, seed = 0): void {
  if (to > bytes.length || at + 4 > bytes.length) return;
  writeU32(bytes, at, crc32(bytes.subarray(from, to), seed));
}

export function sealManifest(bytes: Uint8Array, random: Random): void {
  if (bytes.length < 132) return;
  if (!random.oneIn(3)) {
    writeU32(bytes, 12, bytes.length);
    const rest = bytes.length - 132;
    // Counts that fit the length: as many segments as before, if there is room for them.
    const segments = Math.min(readU32(bytes, 120), Math.floor(rest / 40));
    writeU32(bytes, 120, segments);
    if ((rest - segments * 40) % 4 === 0) writeU32(bytes, 124, (rest - segments * 40) / 4);
  }
  sealRange(bytes, 0, bytes.length - 4, bytes.length - 4);
}

export function sealSegmentHeader(bytes: Uint8Array): void {
  sealRange(bytes, 0, 60, 60);
}

/** All batches from `from` on, as far as their lengths lead. */
export function sealBatches(bytes: Uint8Array, from: number, marker: number, random: Random): void {
  for (let at = from; at + BATCH_HEADER <= bytes.length; ) {
    const blank = bytes.subarray(at, at + BATCH_HEADER).every((byte) => byte === 0);
    if (blank) return;
    if (!random.oneIn(8)) writeU32(bytes, at, marker);
    if (!random.oneIn(8)) writeU32(bytes, at + 44, 0);
    const end = at + BATCH_HEADER + readU32(bytes, at + 8);
    const seed = crc32(bytes.subarray(at + 8, at + 40), marker);
    sealRange(bytes, at + BATCH_HEADER, end, at + 40, seed);
    sealRange(bytes, at + 8, at + BATCH_HEADER, at + 4, marker);
    at = end;
  }
}

/** Its header and its batches. */
export function sealStore(bytes: Uint8Array, random: Random): void {
  if (bytes.length < STORE_HEADER) return;
  sealSegmentHeader(bytes);
  sealBatches(bytes, STORE_HEADER, readU32(bytes, 20), random);
}

export function sealIndex(bytes: Uint8Array, random: Random): void {
  if (bytes.length < 64) return;
  if (!random.oneIn(8)) writeU32(bytes, 20, Math.floor((bytes.length - 64) / 12));
  sealRange(bytes, 64, bytes.length, 56);
  sealRange(bytes, 0, 60, 60);
}

export function sealIdentity(bytes: Uint8Array): void {
  sealRange(bytes, 0, 60, 60);
}

/** Blocks as far as their lengths lead; what the end says of them is made right mostly. */
export function sealSnapshot(bytes: Uint8Array, random: Random): void {
  sealRange(bytes, 0, SNAPSHOT_HEADER - 4, SNAPSHOT_HEADER - 4);
  let chained = 0;
  let count = 0;
  for (let at = SNAPSHOT_HEADER; at + BLOCK_HEADER <= bytes.length; count++) {
    const body = at + BLOCK_HEADER;
    const end = body + readU32(bytes, at + 4);
    if (end > bytes.length) return;
    if (readU32(bytes, at) === 3 && end - body >= 32 && !random.oneIn(8)) {
      bytes.copyWithin(body, 56, 72);
      writeU32(bytes, body + 16, count);
      writeU32(bytes, body + 20, chained);
    }
    sealRange(bytes, body, end, at + 12, crc32(bytes.subarray(at, at + 12)));
    chained = crc32(bytes.subarray(at + 12, at + 16), chained);
    at = end;
  }
}

/** Counts in the header of a snapshot file, which its end repeats. */
export function recount(bytes: Uint8Array, random: Random): void {
  if (bytes.length < SNAPSHOT_HEADER) return;
  writeU64(bytes, 56 + 8 * random.below(2), random.below(6));
}
