// Looking into a log's files and changing their bytes behind its back, with the codecs of the format.

import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import {
  BATCH_HEADER_LENGTH,
  type BatchFields,
  type BatchHeader,
  decodeBatchHeader,
  encodeBatchHeader,
} from "../../src/batch.js";
import { writeU32 } from "../../src/fields.js";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/manifest.js";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SEGMENT_HEADER_LENGTH,
  type SegmentHeader,
} from "../../src/segment-header.js";

/** A batch as it lies in a store. */
export interface StoredBatch {
  readonly header: BatchHeader;
  readonly position: number;
  /** Position after it. */
  readonly end: number;
}

/** Overwrites bytes from `position` on, also beyond the end. */
export function patch(path: string, position: number, bytes: Uint8Array): void {
  const fd = openSync(path, "r+");
  try {
    writeSync(fd, bytes, 0, bytes.length, position);
  } finally {
    closeSync(fd);
  }
}

/** Changes one bit of a byte. */
export function flip(path: string, position: number, bit = 0): void {
  const byte = readFileSync(path)[position];
  if (byte === undefined) throw new Error(`${path} has no byte at ${position}`);
  patch(path, position, Uint8Array.of(byte ^ (1 << bit)));
}

export function zero(path: string, from: number, to: number): void {
  patch(path, from, new Uint8Array(to - from));
}

/** Sets a file's size; what is added reads as zeros. */
export function resize(path: string, size: number): void {
  truncateSync(path, size);
}

export function bytesOf(path: string, from = 0, to?: number): Uint8Array {
  return Uint8Array.from(readFileSync(path).subarray(from, to));
}

export function headerOf(store: string): SegmentHeader {
  const verdict = decodeSegmentHeader(bytesOf(store));
  if (verdict.kind !== "valid") throw new Error(`${basename(store)} has no header`);
  return verdict.header;
}

export function writeHeader(store: string, header: SegmentHeader): void {
  patch(store, 0, encodeSegmentHeader(header));
}

/** The batches of a store, by their headers alone. */
export function batchesOf(store: string): StoredBatch[] {
  const bytes = bytesOf(store);
  const { marker } = headerOf(store);
  const batches: StoredBatch[] = [];
  for (let position = SEGMENT_HEADER_LENGTH; ; ) {
    const verdict = decodeBatchHeader(bytes, position, marker);
    if (verdict.kind !== "valid") return batches;
    const end = position + BATCH_HEADER_LENGTH + verdict.header.bodyLength;
    batches.push({ header: verdict.header, position, end });
    position = end;
  }
}

/** One of many, counted from the end if negative. */
export function pick<T>(items: readonly T[], index: number): T {
  const item = items.at(index);
  if (item === undefined) throw new Error(`there is no item ${index} among ${items.length}`);
  return item;
}

/** Position after the last batch. */
export function endOfBatches(store: string): number {
  return batchesOf(store).at(-1)?.end ?? SEGMENT_HEADER_LENGTH;
}

/** A batch of these payloads, with right checksums whatever its fields say. */
export function batchBytes(
  marker: number,
  fields: Omit<BatchFields, "bodyLength" | "count">,
  payloads: readonly Uint8Array[],
): Uint8Array {
  const body = Buffer.concat(
    payloads.flatMap((payload) => {
      const length = new Uint8Array(4);
      writeU32(length, 0, payload.length);
      return [length, payload];
    }),
  );
  const bytes = Buffer.concat([new Uint8Array(BATCH_HEADER_LENGTH), body]);
  encodeBatchHeader(bytes, 0, marker, {
    ...fields,
    bodyLength: body.length,
    count: payloads.length,
  });
  return bytes;
}

/** Writes a batch's header anew with some fields changed and right checksums; what follows it stays. */
export function rewriteHeader(
  store: string,
  { position, header }: StoredBatch,
  changes: Partial<BatchFields>,
): void {
  const bytes = bytesOf(store, position);
  const { bodyLength, count, firstOffset, time, durableOffset } = header;
  const fields = { bodyLength, count, firstOffset, time, durableOffset, ...changes };
  encodeBatchHeader(bytes, 0, headerOf(store).marker, fields);
  patch(store, position, bytes.subarray(0, BATCH_HEADER_LENGTH));
}

export function manifestOf(directory: string): Manifest {
  const verdict = decodeManifest(bytesOf(join(directory, "MANIFEST")));
  if (verdict.kind !== "valid") throw new Error("the manifest is damaged");
  return verdict.manifest;
}

export function writeManifest(directory: string, manifest: Manifest): void {
  writeFileSync(join(directory, "MANIFEST"), encodeManifest(manifest));
}
