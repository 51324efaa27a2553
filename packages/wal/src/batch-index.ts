// The index of a segment: for each batch with records its first offset, its position and its time, in 12
// bytes. Invariant: entries ascend, and lie within the limits of their fields. A cache: whatever a
// damaged one fails to match is rebuilt from the store. Format: docs/format.md, "Index".

import { BATCH_HEADER_LENGTH, RECORD_PREFIX_LENGTH } from "./batch.js";
import { crc32 } from "./checksum.js";
import { assert } from "./errors.js";
import {
  isU32,
  isU53,
  readMagic,
  readU32,
  readU64,
  writeMagic,
  writeU32,
  writeU64,
} from "./fields.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

const MAGIC = "TIDEINDX";
const FORMAT_VERSION = 1;
const HEADER_LENGTH = 64;
const ENTRY_LENGTH = 12;
const ENTRIES_CHECKSUM_AT = 56;
const CHECKSUM_AT = 60;
const BATCH_LENGTH_MIN = BATCH_HEADER_LENGTH + RECORD_PREFIX_LENGTH;
const FIRST_CAPACITY = 1024;

/** Which store an index belongs to, as it was when the index was written. */
export interface IndexIdentity {
  readonly segmentId: number;
  readonly marker: number;
  /** Exclusive. */
  readonly endOffset: number;
  /** Bytes of the store. */
  readonly storeSize: number;
}

/** An {@link IndexIdentity} with what the index counts from. */
export interface ExpectedIndex extends IndexIdentity {
  readonly baseOffset: number;
  /** Ms since the Unix epoch: the segment's creation. */
  readonly createdAt: number;
}

export type IndexVerdict =
  | { readonly kind: "valid"; readonly index: BatchIndex }
  | { readonly kind: "invalid"; readonly reason: string };

/** The batches of one segment: growing in memory, or decoded over the bytes of a sealed one's index. */
export class BatchIndex {
  readonly baseOffset: number;
  readonly createdAt: number;
  // The entries as they are on disk, with room to grow; a view of the file's bytes in a decoded index.
  #entries: Uint8Array;
  #count: number;
  readonly #growing: boolean;

  private constructor(
    baseOffset: number,
    createdAt: number,
    decoded: { entries: Uint8Array; count: number } | undefined,
  ) {
    this.baseOffset = baseOffset;
    this.createdAt = createdAt;
    this.#entries = decoded?.entries ?? new Uint8Array(FIRST_CAPACITY * ENTRY_LENGTH);
    this.#count = decoded?.count ?? 0;
    this.#growing = decoded === undefined;
  }

  /** A growing index without entries. */
  static empty(baseOffset: number, createdAt: number): BatchIndex {
    assert(isU53(baseOffset) && isU53(createdAt), "an index counts from safe integers");
    return new BatchIndex(baseOffset, createdAt, undefined);
  }

  /**
   * Judges the bytes of a whole index file against the store that it should describe. A valid index
   * reads from `bytes`, which must not change while it is used. Never throws.
   */
  static decode(bytes: Uint8Array, expected: ExpectedIndex): IndexVerdict {
    const reason = mismatchIn(bytes, expected) ?? disorderIn(bytes, expected);
    if (reason !== undefined) return { kind: "invalid", reason };
    const decoded = { entries: bytes.subarray(HEADER_LENGTH), count: readU32(bytes, 20) };
    return {
      kind: "valid",
      index: new BatchIndex(expected.baseOffset, expected.createdAt, decoded),
    };
  }

  /** Entries: batches that hold records. */
  get count(): number {
    return this.#count;
  }

  /** Whether the fields of an entry can hold this batch; if not, it needs a segment of its own. */
  canHold(firstOffset: number, position: number, time: number): boolean {
    const elapsedMs = time - this.createdAt;
    return isU32(firstOffset - this.baseOffset) && isU32(position) && isU32(elapsedMs);
  }

  /** Adds a batch with records, which follows all that are there; for a growing index. */
  append(firstOffset: number, position: number, time: number): void {
    assert(this.#growing, "a decoded index does not change");
    assert(this.canHold(firstOffset, position, time), "the segment was rotated before its limits");
    const last = this.#count - 1;
    if (last >= 0) {
      assert(firstOffset > this.firstOffsetAt(last), "offsets of batches ascend");
      assert(position >= this.positionAt(last) + BATCH_LENGTH_MIN, "positions of batches ascend");
      assert(time >= this.timeAt(last), "time never decreases");
    }
    const at = this.#count * ENTRY_LENGTH;
    if (at === this.#entries.length) this.#grow();
    writeU32(this.#entries, at, firstOffset - this.baseOffset);
    writeU32(this.#entries, at + 4, position);
    writeU32(this.#entries, at + 8, time - this.createdAt);
    this.#count += 1;
  }

  /** Offset of the first record of the `i`-th batch, `i` below `count`. */
  firstOffsetAt(i: number): number {
    return this.baseOffset + readU32(this.#entries, this.#at(i));
  }

  /** Byte position in the store of the header of the `i`-th batch, `i` below `count`. */
  positionAt(i: number): number {
    return readU32(this.#entries, this.#at(i) + 4);
  }

  /** Time of the `i`-th batch in ms since the Unix epoch, `i` below `count`. */
  timeAt(i: number): number {
    return this.createdAt + readU32(this.#entries, this.#at(i) + 8);
  }

  /** The last entry whose first offset is at or below `offset`; -1 without one. */
  find(offset: number): number {
    return this.#entriesBefore(0, offset - this.baseOffset + 1) - 1;
  }

  /** The first entry whose time is at or after `time`; `count` without one. */
  findTime(time: number): number {
    return this.#entriesBefore(8, time - this.createdAt);
  }

  /** The bytes of the index file, for the caller to keep. */
  encode(identity: IndexIdentity): Uint8Array {
    this.#assertFits(identity);
    const length = HEADER_LENGTH + this.#count * ENTRY_LENGTH;
    const bytes = new Uint8Array(length);
    bytes.set(this.#entries.subarray(0, length - HEADER_LENGTH), HEADER_LENGTH);
    writeMagic(bytes, MAGIC);
    writeU32(bytes, 8, FORMAT_VERSION);
    writeU32(bytes, 12, identity.segmentId);
    writeU32(bytes, 16, identity.marker);
    writeU32(bytes, 20, this.#count);
    writeU64(bytes, 24, this.baseOffset);
    writeU64(bytes, 32, identity.endOffset);
    writeU64(bytes, 40, identity.storeSize);
    writeU64(bytes, 48, this.createdAt);
    writeU32(bytes, ENTRIES_CHECKSUM_AT, crc32(bytes.subarray(HEADER_LENGTH)));
    writeU32(bytes, CHECKSUM_AT, crc32(bytes.subarray(0, CHECKSUM_AT)));
    return bytes;
  }

  // Order is asserted as entries are appended; what is left are the ends.
  #assertFits({ endOffset, storeSize }: IndexIdentity): void {
    assert(isU53(endOffset) && isU53(storeSize), "an index describes a store in safe integers");
    assert(this.#count > 0 === endOffset > this.baseOffset, "a segment with records has batches");
    if (this.#count === 0) return;
    const last = this.#count - 1;
    assert(this.firstOffsetAt(0) === this.baseOffset, "the first batch begins at the base offset");
    assert(this.firstOffsetAt(last) < endOffset, "batches lie below the end offset");
    assert(this.positionAt(0) >= SEGMENT_HEADER_LENGTH, "batches lie after the segment's header");
    assert(this.positionAt(last) + BATCH_LENGTH_MIN <= storeSize, "batches lie within the store");
  }

  #at(i: number): number {
    assert(i >= 0 && i < this.#count, "an entry is asked for that is there");
    return i * ENTRY_LENGTH;
  }

  // How many entries have a field below `bound`: entries ascend in each of their fields.
  #entriesBefore(field: number, bound: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (readU32(this.#entries, middle * ENTRY_LENGTH + field) < bound) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#entries.length * 2);
    larger.set(this.#entries);
    this.#entries = larger;
  }
}

function mismatchIn(bytes: Uint8Array, expected: ExpectedIndex): string | undefined {
  if (bytes.length < HEADER_LENGTH) return "the file ends inside its header";
  if (readMagic(bytes) !== MAGIC) return "wrong magic";
  if (readU32(bytes, 8) !== FORMAT_VERSION) return "another format version";
  const checksum = crc32(bytes.subarray(0, CHECKSUM_AT));
  if (readU32(bytes, CHECKSUM_AT) !== checksum) return "wrong header checksum";
  if (readU32(bytes, 12) !== expected.segmentId) return "of another segment";
  if (readU32(bytes, 16) !== expected.marker) return "of another marker";
  if (readU64(bytes, 24) !== expected.baseOffset) return "another base offset";
  if (readU64(bytes, 32) !== expected.endOffset) return "another end offset";
  if (readU64(bytes, 40) !== expected.storeSize) return "another size of the store";
  if (readU64(bytes, 48) !== expected.createdAt) return "another creation time";
  const length = HEADER_LENGTH + readU32(bytes, 20) * ENTRY_LENGTH;
  if (bytes.length !== length) return "a length that its count does not give";
  const entriesChecksum = crc32(bytes.subarray(HEADER_LENGTH));
  if (readU32(bytes, ENTRIES_CHECKSUM_AT) !== entriesChecksum) return "wrong checksum of entries";
  return undefined;
}

// Checksums show what the disk did; this shows what a wrong writer did (an entry that points outside the
// store, or backwards). Whether a batch stands where an entry points shows in the store alone.
function disorderIn(bytes: Uint8Array, expected: ExpectedIndex): string | undefined {
  const { baseOffset, endOffset, storeSize } = expected;
  const relativeEnd = endOffset - baseOffset;
  if (bytes.length === HEADER_LENGTH) return relativeEnd === 0 ? undefined : "no entries";
  if (readU32(bytes, HEADER_LENGTH) !== 0) return "a first entry that is not the first batch";
  let offsetMin = 0;
  let positionMin = SEGMENT_HEADER_LENGTH;
  let timeMin = 0;
  for (let at = HEADER_LENGTH; at < bytes.length; at += ENTRY_LENGTH) {
    const relativeOffset = readU32(bytes, at);
    const position = readU32(bytes, at + 4);
    const elapsedMs = readU32(bytes, at + 8);
    if (relativeOffset < offsetMin || relativeOffset >= relativeEnd)
      return "an offset out of order";
    if (position < positionMin) return "a position out of order";
    if (position + BATCH_LENGTH_MIN > storeSize) return "a position outside the store";
    if (elapsedMs < timeMin) return "a time out of order";
    offsetMin = relativeOffset + 1;
    positionMin = position + BATCH_LENGTH_MIN;
    timeMin = elapsedMs;
  }
  return undefined;
}
