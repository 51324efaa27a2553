// Reading records in order. An iterator holds an offset, never a place: before each chunk it looks the segment
// up again, so that rotation, retention and truncation can go on under it, and it ends with a typed error
// where what it would read next is gone.

import { BATCH_HEADER_LENGTH, RECORD_PREFIX_LENGTH, recordAt, recordEnd } from "./batch.js";
import { LogError } from "./errors.js";
import { loadBatch } from "./read-batch.js";
import { type ScannedBatch, StoreScan } from "./scan.js";
import type { Segment } from "./segment.js";
import type { SegmentList } from "./segment-list.js";

/** One payload in the log. */
export interface LogRecord {
  readonly offset: number;
  /** When it was appended, in ms since the Unix epoch; never lower than that of the record before. */
  readonly time: number;
  /** Never written again by the log; from `records` and `follow` it is a view on a chunk of up to 256 KiB (or of its batch), so copy what you keep for long. */
  readonly payload: Uint8Array;
}

/** The record at `offset`, which is within [startOffset, endOffset). The payload is the caller's own. */
export function readRecord(list: SegmentList, offset: number): LogRecord {
  try {
    return loadRecord(list, offset);
  } catch (error) {
    if (!list.renew()) throw error;
    list.checkPlace(offset, offset, list.truncationGeneration);
    return loadRecord(list, offset);
  }
}

function loadRecord(list: SegmentList, offset: number): LogRecord {
  const { header, bytes } = loadBatch(list.find(offset), offset);
  const payload = recordAt(bytes, 0, header, offset - header.firstOffset).slice();
  return { offset, time: header.time, payload };
}

/** Records in [from, to), each verified. Throws `LOG_TRUNCATED`, `LOG_CORRUPT`, `LOG_IO`, `LOG_CLOSED` where it meets the cause. */
export function readRecords(
  list: SegmentList,
  from: number,
  to: number,
): IterableIterator<LogRecord, void, void> {
  return new RecordIterator(list, from, to);
}

const iteratorPrototype: object = Object.getPrototypeOf(
  Object.getPrototypeOf([][Symbol.iterator]()),
);

// No generator, which would be resumed for each record.
class RecordIterator implements IterableIterator<LogRecord, void, void> {
  readonly #list: SegmentList;
  readonly #to: number;
  /** Of the next record. */
  #offset: number;
  #generation: number;
  #failedAt = -1;
  #reader: SegmentReader | undefined;
  #ended = false;

  static {
    // What the language has for iterators (map, take, …) is there where it has it.
    Object.setPrototypeOf(RecordIterator.prototype, iteratorPrototype);
  }

  constructor(list: SegmentList, from: number, to: number) {
    this.#list = list;
    this.#to = to;
    this.#offset = from;
    this.#generation = list.truncationGeneration;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<LogRecord, void> {
    if (!this.#ended) {
      const value = this.#take();
      if (value !== undefined) return { done: false, value };
    }
    return this.return();
  }

  /** Ends it, and lets go of what was read. */
  return(): IteratorReturnResult<void> {
    this.#ended = true;
    this.#reader = undefined;
    return { done: true, value: undefined };
  }

  #take(): LogRecord | undefined {
    while (this.#offset < this.#to) {
      const reader = this.#stands() ? this.#reader : undefined;
      const record = reader === undefined ? this.#begin() : this.#read(reader);
      if (record === undefined) continue;
      this.#offset = record.offset + 1;
      return record;
    }
    return undefined;
  }

  /** What was cut meanwhile may still stand in the chunk at hand. */
  #stands(): boolean {
    return this.#list.truncationGeneration === this.#generation && !this.#list.isClosed;
  }

  /** Undefined at the end of the segment, or where it is to begin again. */
  #read(reader: SegmentReader): LogRecord | undefined {
    try {
      const record = reader.next();
      if (record === undefined) this.#reader = undefined;
      return record;
    } catch (error) {
      this.#recover(error);
      return undefined;
    }
  }

  /** Looks up the segment of the next record, and reads it. */
  #begin(): LogRecord | undefined {
    this.#checkPlace();
    this.#generation = this.#list.truncationGeneration;
    try {
      this.#reader = new SegmentReader(this.#list.find(this.#offset), this.#offset, this.#to);
    } catch (error) {
      this.#recover(error);
      return undefined;
    }
    return this.#read(this.#reader);
  }

  #recover(error: unknown): void {
    this.#reader = undefined;
    this.#checkPlace();
    // The place is still there: the segment was sealed or taken over meanwhile, or another process changed it.
    const retired = error instanceof LogError && error.code === "LOG_TRUNCATED";
    if (this.#failedAt === this.#offset || !(retired || this.#list.renew())) {
      this.#ended = true;
      throw error;
    }
    this.#failedAt = this.#offset;
  }

  #checkPlace(): void {
    try {
      this.#list.checkPlace(this.#offset, this.#to, this.#generation);
    } catch (error) {
      this.return();
      throw error;
    }
  }
}

/** The records of one segment from an offset on, and below `to`. */
class SegmentReader {
  readonly #segment: Segment;
  readonly #scan: StoreScan;
  readonly #to: number;
  #records: BatchRecords;

  constructor(segment: Segment, offset: number, to: number) {
    const { scan, first } = startScan(segment, offset);
    this.#segment = segment;
    this.#scan = scan;
    this.#to = to;
    this.#records = new BatchRecords(first);
    while (this.#records.offset < offset) this.#records.skip();
  }

  /** Undefined at the end of the segment or of the range. */
  next(): LogRecord | undefined {
    while (this.#records.offset < this.#to) {
      const record = this.#records.next();
      if (record !== undefined) return record;
      const batch = this.#scan.next();
      if (batch === undefined) return this.#ended();
      this.#records = new BatchRecords(batch);
    }
    // What lies behind the range is none of this reader's business, damaged or not.
    return undefined;
  }

  #ended(): undefined {
    const { stop } = this.#scan;
    if (stop !== undefined && stop.kind !== "limit") throw this.#scan.error(this.#segment.path);
  }
}

/** Steps through the records of a batch that was verified. */
class BatchRecords {
  /** Of the next record; after the last, the offset behind the batch. */
  offset: number;
  readonly #end: number;
  readonly #time: number;
  readonly #bytes: Uint8Array;
  // Kept, since asking an array for them is a call into the runtime.
  readonly #buffer: ArrayBufferLike;
  readonly #start: number;
  #position: number;

  constructor({ header, bytes, at }: ScannedBatch) {
    this.offset = header.firstOffset;
    this.#end = header.firstOffset + header.count;
    this.#time = header.time;
    this.#bytes = bytes;
    this.#buffer = bytes.buffer;
    this.#start = bytes.byteOffset;
    this.#position = at + BATCH_HEADER_LENGTH;
  }

  next(): LogRecord | undefined {
    if (this.offset === this.#end) return undefined;
    const from = this.#position + RECORD_PREFIX_LENGTH;
    const { offset } = this;
    this.skip();
    // `subarray` costs twice as much.
    const payload = new Uint8Array(this.#buffer, this.#start + from, this.#position - from);
    return { offset, time: this.#time, payload };
  }

  /** Past a record, which must be there. */
  skip(): void {
    this.#position = recordEnd(this.#bytes, this.#position);
    this.offset += 1;
  }
}

/** A scan that has passed the batch with this offset; an index that leads elsewhere is rebuilt. */
function startScan(segment: Segment, offset: number): { scan: StoreScan; first: ScannedBatch } {
  for (;;) {
    const { position, firstOffset } = segment.placeOf(offset);
    const range = {
      from: position,
      limit: segment.size,
      offset: firstOffset,
      time: segment.createdAt,
    };
    const scan = new StoreScan(segment, segment.marker, range);
    const first = scan.next();
    if (first !== undefined && offset < scan.offset) return { scan, first };
    if (!segment.distrustIndex()) throw scan.error(segment.path);
  }
}

/** The records of a batch that was verified. */
export function* recordsIn(batch: ScannedBatch): Generator<LogRecord, void, void> {
  const records = new BatchRecords(batch);
  for (let record = records.next(); record !== undefined; record = records.next()) yield record;
}

/** Offset of the first record in the list at or after `time`; the end offset if there is none. */
export function findTime(list: SegmentList, time: number): number {
  // One without records says nothing about the times behind it.
  const segments = list.segments.filter(({ baseOffset, endOffset }) => endOffset > baseOffset);
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const lastTime = segments[middle]?.lastTime;
    if (lastTime !== undefined && lastTime < time) low = middle + 1;
    else high = middle;
  }
  const segment = segments[low];
  if (segment === undefined) return list.endOffset;
  const found = findTimeIn(segment, time);
  return Math.min(Math.max(found, list.startOffset), list.endOffset);
}

/** As the index has it, if the two batches on both sides bear it out; else as a rebuilt one has it. */
function findTimeIn(segment: Segment, time: number): number {
  const { index, baseOffset, endOffset } = segment;
  const entry = index.findTime(time);
  const offset = entry < index.count ? index.firstOffsetAt(entry) : endOffset;
  const after = offset < endOffset ? loadBatch(segment, offset).header : undefined;
  const isAfter = after === undefined || (after.time >= time && after.firstOffset === offset);
  const before = offset > baseOffset ? loadBatch(segment, offset - 1).header : undefined;
  const isBefore =
    before === undefined || (before.time < time && before.firstOffset + before.count === offset);
  // Loading a batch may have shown that the index was wrong, and rebuilt it.
  const wrong = segment.index !== index || (!(isAfter && isBefore) && segment.distrustIndex());
  return wrong ? findTimeIn(segment, time) : offset;
}
