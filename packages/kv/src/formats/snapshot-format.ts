// Snapshot files: a header, blocks of entries in key order, blocks of marks, and an end that counts them.
// Everything is under a checksum, so that a file that is damaged, cut short or extended is never taken for whole.
// Documented in docs/format-database.md, "Snapshot file".

import { crc32 } from "@tidemark/wal";
import { isStoredKey, type KeyKind } from "../arguments/keys.js";
import type { Mark, SnapshotEntry } from "../state/entry.js";
import { type Item, itemInPlace } from "../state/item.js";
import { ByteReader, Malformed } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import { keyKindNumber, keyKindOf } from "./identity.js";
import { readMarkName, writeMarkName } from "./mark-name.js";
import { COMMIT_BYTES_MAX } from "./operations.js";

export const HEADER_LENGTH = 96;
export const BLOCK_HEADER_LENGTH = 16;
/** A block is closed once its body has this many bytes; only a long entry makes one much larger. */
export const BLOCK_BYTES = 64 * 1024;
/** No writer makes a longer body: before its last entry it is not full, and that is a few bytes more than part of a commit. */
export const BLOCK_BYTES_MAX = COMMIT_BYTES_MAX + 2 * BLOCK_BYTES;
export const END_BODY_LENGTH = 32;

const MAGIC = "TIDEMSNP";
const END_MAGIC = "TIDEMEND";
const VERSION = 1;
const HAS_EXPIRY = 1;

export const blockKinds = { entries: 1, marks: 2, end: 3 } as const;

export interface SnapshotHeader {
  readonly keys: KeyKind;
  /** UUID of the log whose state this is. */
  readonly logId: string;
  /** The state includes every commit below this offset and none from it on. */
  readonly endOffset: number;
  /** Time of the last commit included, in ms since the Unix epoch; 0 if there is none. */
  readonly time: number;
  readonly createdAt: number;
  readonly entryCount: number;
  readonly markCount: number;
}

export interface BlockHeader {
  readonly kind: number;
  readonly length: number;
  readonly count: number;
  readonly checksum: number;
}

/** What the end of a file says that it has. */
export interface SnapshotEnd {
  readonly entryCount: number;
  readonly markCount: number;
  readonly blockCount: number;
  /** CRC-32 of the checksums of all blocks before, in order. */
  readonly checksum: number;
}

export type HeaderVerdict =
  | { readonly verdict: "valid"; readonly header: SnapshotHeader }
  | { readonly verdict: "unsupported"; readonly reason: string }
  | { readonly verdict: "invalid"; readonly reason: string };

export function encodeHeader(header: SnapshotHeader): Uint8Array {
  const bytes = Buffer.alloc(HEADER_LENGTH);
  bytes.write(MAGIC, 0, "latin1");
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(keyKindNumber(header.keys), 12);
  bytes.write(header.logId.replaceAll("-", ""), 16, "hex");
  const numbers = [header.endOffset, header.time, header.createdAt];
  for (const [i, number] of [...numbers, header.entryCount, header.markCount].entries()) {
    bytes.writeBigUInt64LE(BigInt(number), 32 + 8 * i);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_LENGTH - 4)), HEADER_LENGTH - 4);
  return bytes;
}

export function decodeHeader(bytes: Uint8Array): HeaderVerdict {
  if (bytes.length < HEADER_LENGTH)
    return { verdict: "invalid", reason: "shorter than its header" };
  const reader = new ByteReader(bytes, 0, HEADER_LENGTH);
  if (reader.latin1(8) !== MAGIC) return { verdict: "invalid", reason: "other magic bytes" };
  const checksum = reader.bytes.readUInt32LE(HEADER_LENGTH - 4);
  if (checksum !== crc32(reader.bytes.subarray(0, HEADER_LENGTH - 4))) {
    return { verdict: "invalid", reason: "wrong checksum of the header" };
  }
  const version = reader.u32();
  const keys = keyKindOf(reader.u32());
  const reserved = reader.bytes.subarray(72, HEADER_LENGTH - 4).some((byte) => byte !== 0);
  if (version !== VERSION || keys === undefined || reserved) {
    return { verdict: "unsupported", reason: `snapshot format ${version} is not known here` };
  }
  return decodeFields(reader, keys);
}

function decodeFields(reader: ByteReader, keys: KeyKind): HeaderVerdict {
  const id = reader.take(16);
  const logId = reader.bytes
    .toString("hex", id, id + 16)
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  try {
    const [endOffset, time, createdAt] = [reader.u64(), reader.u64(), reader.u64()];
    const [entryCount, markCount] = [reader.u64(), reader.u64()];
    const header = { keys, logId, endOffset, time, createdAt, entryCount, markCount };
    return { verdict: "valid", header };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { verdict: "invalid", reason: error.message };
  }
}

/** Starts a block; returns where, for `endBlock`. */
export function beginBlock(out: ByteWriter): number {
  return out.claim(BLOCK_HEADER_LENGTH);
}

/** Fills in the header of the block that began at `start`; returns its checksum. */
export function endBlock(out: ByteWriter, start: number, kind: number, count: number): number {
  const { bytes } = out;
  bytes.writeUInt32LE(kind, start);
  bytes.writeUInt32LE(out.length - start - BLOCK_HEADER_LENGTH, start + 4);
  bytes.writeUInt32LE(count, start + 8);
  const checksum = checksumOfBlock(bytes, start, out.length);
  bytes.writeUInt32LE(checksum, start + 12);
  return checksum;
}

function checksumOfBlock(bytes: Buffer, start: number, end: number): number {
  const fields = crc32(bytes.subarray(start, start + 12));
  return crc32(bytes.subarray(start + BLOCK_HEADER_LENGTH, end), fields);
}

/** The header of a block that begins at `start`; its checksum is checked with the body, by `blockIsValid`. */
export function decodeBlockHeader(bytes: Buffer, start: number): BlockHeader {
  return {
    kind: bytes.readUInt32LE(start),
    length: bytes.readUInt32LE(start + 4),
    count: bytes.readUInt32LE(start + 8),
    checksum: bytes.readUInt32LE(start + 12),
  };
}

/** Whether header and body from `start` to `end` (exclusive) fit the checksum. */
export function blockIsValid(bytes: Buffer, start: number, end: number): boolean {
  return checksumOfBlock(bytes, start, end) === bytes.readUInt32LE(start + 12);
}

/** Goes on from the checksum of the blocks before. */
export function chainChecksum(checksum: number, chained: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(checksum);
  return crc32(bytes, chained);
}

export function writeEntry(out: ByteWriter, entry: SnapshotEntry): void {
  const { key, value, expiry } = entry;
  out.u8(expiry === undefined ? 0 : HAS_EXPIRY);
  out.varint(key.length);
  out.latin1(key);
  out.u64(entry.offset);
  out.u64(entry.time);
  if (expiry !== undefined) out.u64(expiry);
  out.u32(value.length);
  if (typeof value === "string") out.latin1(value);
  else out.raw(value);
}

/** Of the bytes that it has read, those of the value alone are what they were. Throws Malformed. */
export function readEntry(reader: ByteReader, keys: KeyKind): Item {
  const entryStart = reader.position;
  const flags = reader.u8();
  if (flags > HAS_EXPIRY) throw reader.malformed(`entry flags ${flags}`);
  const key = reader.latin1(reader.varint());
  if (!isStoredKey(keys, key)) throw reader.malformed("not a key of this database");
  const offset = reader.u64();
  const time = reader.u64();
  const expiry = flags === HAS_EXPIRY ? reader.u64() : undefined;
  const length = reader.u32();
  const valueStart = reader.take(length);
  const valueEnd = valueStart + length;
  const entry = { key, offset, time, expiry, valueStart, valueEnd };
  return itemInPlace(reader.bytes, entryStart, entry);
}

export function writeMark(out: ByteWriter, name: string, { offset, time }: Mark): void {
  writeMarkName(out, name);
  out.u64(offset);
  out.u64(time);
}

/** Throws Malformed. */
export function readMark(reader: ByteReader): readonly [name: string, mark: Mark] {
  const name = readMarkName(reader);
  return [name, { offset: reader.u64(), time: reader.u64() }];
}

export function writeEnd(out: ByteWriter, end: SnapshotEnd): void {
  out.u64(end.entryCount);
  out.u64(end.markCount);
  out.u32(end.blockCount);
  out.u32(end.checksum);
  out.latin1(END_MAGIC);
}

/** Throws Malformed. */
export function readEnd(reader: ByteReader): SnapshotEnd {
  const [entryCount, markCount] = [reader.u64(), reader.u64()];
  const [blockCount, checksum] = [reader.u32(), reader.u32()];
  if (reader.latin1(8) !== END_MAGIC) throw reader.malformed("other magic bytes at the end");
  return { entryCount, markCount, blockCount, checksum };
}
