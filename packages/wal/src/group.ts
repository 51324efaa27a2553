// Appends that wait together: encoded as they come into one buffer, so that a commit is one write, and the
// promises to settle once they are durable. Headers are written last, when segment and durable offset are known.

import { BATCH_HEADER_LENGTH, encodeBatchHeader, RECORD_PREFIX_LENGTH } from "./batch.js";
import { assert, type LogError } from "./errors.js";

/** Independent appends share a batch up to here: damage stays local, and a random read verifies little (docs/decisions/0009-shared-batches.md). */
const SHARED_BODY_BYTES_MAX = 8 * 1024;
/** What a group holds once its buffer is another's. */
const RELEASED = new Uint8Array(0);

/** A batch that waits: its body stands in the buffer behind room for its header. */
export interface PendingBatch {
  readonly at: number;
  bodyLength: number;
  count: number;
  readonly firstOffset: number;
  readonly time: number;
  /** Of its header; 0 until it is sealed. */
  checksum: number;
}

/** What settles a promise. */
interface Settle {
  resolve: (offset: number) => void;
  reject: (error: LogError) => void;
}

interface Waiter extends Readonly<Settle> {
  /** Acknowledged when the log's end passes it. */
  readonly offset: number;
}

// What settles the promise that was made last. A function of its own for each promise to keep it in would cost 35 ns.
const kept: Settle = { resolve: () => undefined, reject: () => undefined };

function keep(resolve: Settle["resolve"], reject: Settle["reject"]): void {
  kept.resolve = resolve;
  kept.reject = reject;
}

/** Gives and takes back buffers, so that a steady load allocates none. */
export interface BufferPool {
  take(lengthMin: number): Uint8Array;
  give(bytes: Uint8Array): void;
}

export class Group {
  /** Someone in it waits for stable storage. */
  durable: boolean;
  #bytes: Uint8Array;
  #length = 0;
  #batches: PendingBatch[] = [];
  /** The last batch, if others may join it. */
  #shared: PendingBatch | undefined;
  #written = 0;
  #writtenLength = 0;
  readonly #waiters: Waiter[] = [];
  #settled = 0;
  readonly #syncs: { resolve: () => void; reject: (error: LogError) => void }[] = [];
  readonly #pool: BufferPool;

  constructor(pool: BufferPool, durable: boolean) {
    this.#pool = pool;
    this.#bytes = pool.take(0);
    this.durable = durable;
  }

  /** Bytes of batches that wait to be written. */
  get waitingBytes(): number {
    return this.#length - this.#writtenLength;
  }

  /** Appends that it has taken, acknowledged or not. */
  get appends(): number {
    return this.#waiters.length;
  }

  /** Records that wait to be written. */
  get waitingRecords(): number {
    let records = 0;
    for (const { count } of this.#batches.slice(this.#written)) records += count;
    return records;
  }

  /** The next batch to be written; undefined when all are. */
  get next(): PendingBatch | undefined {
    return this.#batches[this.#written];
  }

  /** Copies one payload; it may share a batch with others of the same time. Where that throws, nothing was taken. */
  add(payload: Uint8Array, offset: number, time: number): void {
    const recordLength = RECORD_PREFIX_LENGTH + payload.length;
    const shared = this.#shared;
    const joins =
      shared !== undefined &&
      shared.time === time &&
      shared.bodyLength + recordLength <= SHARED_BODY_BYTES_MAX;
    this.#reserve(BATCH_HEADER_LENGTH + recordLength);
    const end = this.#put(payload, this.#length + (joins ? 0 : BATCH_HEADER_LENGTH));
    const batch = joins ? shared : this.#begin(offset, time, false);
    this.#length = end;
    batch.bodyLength += recordLength;
    batch.count += 1;
  }

  /** Copies payloads as one batch of their own. Where that throws, nothing was taken. */
  addWhole(
    payloads: readonly Uint8Array[],
    bodyLength: number,
    offset: number,
    time: number,
  ): void {
    this.#reserve(BATCH_HEADER_LENGTH + bodyLength);
    const start = this.#length + BATCH_HEADER_LENGTH;
    let end = start;
    for (const payload of payloads) end = this.#put(payload, end);
    assert(end - start === bodyLength, "payloads do not change while they are copied");
    const batch = this.#begin(offset, time, true);
    this.#length = end;
    batch.bodyLength = bodyLength;
    batch.count = payloads.length;
  }

  /** A batch without records, which states what is durable. */
  addNote(offset: number, time: number): void {
    this.#reserve(BATCH_HEADER_LENGTH);
    this.#begin(offset, time, true);
  }

  /** Settled when the log's acknowledged end passes `offset`. */
  wait(offset: number): Promise<number> {
    const promise = new Promise(keep);
    this.#waiters.push({ offset, resolve: kept.resolve, reject: kept.reject });
    return promise;
  }

  /** Settled when all that was appended before is on stable storage. */
  waitForSync(resolve: () => void, reject: (error: LogError) => void): void {
    this.durable = true;
    this.#syncs.push({ resolve, reject });
  }

  /** `whole`: nothing may join it, and all of it is written or nothing. */
  #begin(firstOffset: number, time: number, whole: boolean): PendingBatch {
    const at = this.#length;
    const batch = { at, bodyLength: 0, count: 0, firstOffset, time, checksum: 0 };
    this.#length += BATCH_HEADER_LENGTH;
    this.#batches.push(batch);
    this.#shared = whole ? undefined : batch;
    return batch;
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const grown = this.#pool.take(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#pool.give(this.#bytes);
    this.#bytes = grown;
  }

  /** Writes a record at `start`; returns where it ends. */
  #put(payload: Uint8Array, start: number): number {
    const bytes = this.#bytes;
    const { length } = payload;
    let at = start;
    bytes[at++] = length;
    bytes[at++] = length >>> 8;
    bytes[at++] = length >>> 16;
    bytes[at++] = length >>> 24;
    bytes.set(payload, at);
    return at + length;
  }

  /** The batches, from the next one on, that take at most `lengthMax` bytes and are no later than `timeMax`: at least one. */
  take(lengthMax: number, timeMax: number): PendingBatch[] {
    if (this.#written === 0 && this.#batches.length === 1) return this.#batches;
    let end = this.#written;
    let length = 0;
    for (let batch = this.#batches[end]; batch !== undefined; batch = this.#batches[end]) {
      length += BATCH_HEADER_LENGTH + batch.bodyLength;
      if (end > this.#written && (length > lengthMax || batch.time > timeMax)) break;
      end += 1;
    }
    return this.#batches.slice(this.#written, end);
  }

  /** Writes a batch's header. */
  seal(batch: PendingBatch, marker: number, durableOffset: number): void {
    const { at, bodyLength, count, firstOffset, time } = batch;
    batch.checksum = encodeBatchHeader(this.#bytes, at, marker, {
      bodyLength,
      count,
      firstOffset,
      time,
      durableOffset,
    });
  }

  /** The bytes of consecutive sealed batches. */
  bytesOf(batches: readonly PendingBatch[]): Uint8Array {
    const [first, last] = [batches[0], batches[batches.length - 1]];
    assert(first !== undefined && last !== undefined, "a write has a batch");
    return this.#bytes.subarray(first.at, last.at + BATCH_HEADER_LENGTH + last.bodyLength);
  }

  /** Notes that `count` batches more have been written; resolves the appends below `endOffset`. */
  acknowledge(count: number, endOffset: number): void {
    const last = this.#batches[this.#written + count - 1];
    assert(last !== undefined, "what is acknowledged was taken");
    this.#written += count;
    this.#writtenLength = last.at + BATCH_HEADER_LENGTH + last.bodyLength;
    for (
      let waiter = this.#waiters[this.#settled];
      waiter !== undefined;
      waiter = this.#waiters[this.#settled]
    ) {
      if (waiter.offset >= endOffset) return;
      this.#settled += 1;
      waiter.resolve(waiter.offset);
    }
  }

  /** Everything in it has been written and, where asked for, synced. */
  finish(): void {
    for (const sync of this.#syncs) sync.resolve();
    this.#release();
  }

  /** Rejects what has not been acknowledged. */
  reject(error: LogError): void {
    for (const waiter of this.#waiters.slice(this.#settled)) waiter.reject(error);
    for (const sync of this.#syncs) sync.reject(error);
    this.#settled = this.#waiters.length;
    this.#release();
  }

  #release(): void {
    this.#pool.give(this.#bytes);
    this.#bytes = RELEASED;
    this.#batches = [];
    this.#writtenLength = this.#length;
  }
}
