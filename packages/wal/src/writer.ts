// The commit path: appends take their offsets in call order, gather in a group while the group before is
// written and synced, and resolve at the log's durability. One item of the queue is at work at a time.
// Invariant: what is not acknowledged is either behind `endOffset` of the list, in the queue, or rejected.

import { BATCH_HEADER_LENGTH, RECORD_PREFIX_LENGTH } from "./batch.js";
import type { CommitBuffers } from "./commit-buffers.js";
import { ioError, LogError } from "./errors.js";
import { type Committer, FileSystemError, writeFullySync } from "./file-system.js";
import { Group, type PendingBatch } from "./group.js";
import type { LogClock } from "./log-clock.js";
import type { Floor } from "./manifest.js";
import { type ResolvedOptions, STORE_BYTES_MAX } from "./options.js";
import type { Poison } from "./poison.js";
import { endOf, type Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import type { SegmentList } from "./segment-list.js";
import type { Counters } from "./stats.js";
import type { Structure } from "./structure.js";
import type { ZeroFill } from "./zero-fill.js";

/** More goes in several writes, so that encoding one never holds the event loop for long. */
const COMMIT_BYTES_MAX = 4 * 1024 * 1024;
/** A write into the page cache up to here takes less time than handing it to another thread. */
const WRITE_AT_ONCE_BYTES_MAX = 64 * 1024;

/** Something that takes its turn among appends. */
interface Task {
  run(): Promise<void>;
  reject(error: LogError): void;
}

export interface WriterParts {
  readonly options: ResolvedOptions;
  readonly list: SegmentList;
  readonly structure: Structure;
  readonly committer: Committer;
  readonly buffers: CommitBuffers;
  readonly zeroFill: ZeroFill;
  readonly clock: LogClock;
  readonly poison: Poison;
  readonly counters: Counters;
}

export class Writer {
  /** Offset that the next append gets. */
  endOffset: number;
  /** Bytes of appends that are not acknowledged. */
  pendingBytes = 0;
  /** Where everything below is on stable storage, for the manifest. */
  #floor: Floor;
  /** What the newest batch states as durable. */
  #statedOffset: number;
  #queue: (Group | Task)[] = [];
  #flushing: Group | undefined;
  #running = false;
  readonly #dirty = new Set<Segment>();
  readonly #parts: WriterParts;
  /** Called when a commit is done, with whether something waits for a sync by time or for a note. */
  onCommitted: (unsynced: boolean, unstated: boolean) => void = ignore;

  constructor(parts: WriterParts, floor: Floor) {
    this.#parts = parts;
    this.#floor = floor;
    this.endOffset = parts.list.endOffset;
    this.#statedOffset = 0;
  }

  /** The end of the log as it was opened, or created. */
  startAt(floor: Floor): void {
    this.#floor = floor;
    this.endOffset = floor.offset;
  }

  /** Makes everything durable, as the last thing before a close. */
  async finish(): Promise<void> {
    try {
      await this.#syncAll();
    } catch (cause) {
      throw this.#parts.poison.fail("the last sync", cause);
    }
  }

  get floor(): Floor {
    return this.#floor;
  }

  get isIdle(): boolean {
    return !this.#running;
  }

  /** Time that a segment which is created now must not exceed: no batch that still waits is older. */
  creationTime(): number {
    const waiting = [this.#flushing, ...this.#queue];
    for (const item of waiting)
      if (item instanceof Group && item.next !== undefined) return item.next.time;
    return this.#parts.clock.now();
  }

  append(payload: Uint8Array, sync: boolean): Promise<number> {
    const refusal = this.#refusal(payload, RECORD_PREFIX_LENGTH + payload.length, 1);
    if (refusal !== undefined) return Promise.reject(refusal);
    const offset = this.endOffset;
    const group = this.#gathering();
    const before = group.length;
    group.add(payload, offset, this.#parts.clock.now());
    return this.#accepted(group, before, offset, 1, sync);
  }

  appendBatch(payloads: readonly Uint8Array[], sync: boolean): Promise<number> {
    let bodyLength = 0;
    let longest = payloads[0] ?? new Uint8Array(0);
    for (const payload of payloads) {
      bodyLength += RECORD_PREFIX_LENGTH + payload.length;
      if (payload.length > longest.length) longest = payload;
    }
    const refusal = this.#refusal(longest, bodyLength, payloads.length);
    if (refusal !== undefined) return Promise.reject(refusal);
    const offset = this.endOffset;
    const group = this.#gathering();
    const before = group.length;
    group.addWhole(payloads, bodyLength, offset, this.#parts.clock.now());
    return this.#accepted(group, before, offset, payloads.length, sync);
  }

  #accepted(
    group: Group,
    before: number,
    offset: number,
    count: number,
    sync: boolean,
  ): Promise<number> {
    this.endOffset = offset + count;
    this.pendingBytes += group.length - before;
    if (sync) group.durable = true;
    this.#start();
    return new Promise((resolve, reject) => group.wait(offset, resolve, reject));
  }

  #refusal(longest: Uint8Array, bodyLength: number, count: number): LogError | undefined {
    const { failure } = this.#parts.poison;
    if (failure !== undefined) return failure;
    const { maxRecordBytes, maxPendingBytes } = this.#parts.options;
    if (longest.length > maxRecordBytes) {
      const [expected, actual] = [
        `at most ${maxRecordBytes} bytes (maxRecordBytes)`,
        longest.length,
      ];
      return new LogError("LOG_RECORD_TOO_LARGE", "a record is too large", { expected, actual });
    }
    const length = BATCH_HEADER_LENGTH + bodyLength;
    if (length > STORE_BYTES_MAX - SEGMENT_HEADER_LENGTH) {
      const [expected, actual] = [
        `at most ${STORE_BYTES_MAX - SEGMENT_HEADER_LENGTH} bytes`,
        length,
      ];
      return new LogError("LOG_RECORD_TOO_LARGE", "a batch is too large", { expected, actual });
    }
    if (this.pendingBytes > 0 && this.pendingBytes + length > maxPendingBytes) {
      const [expected, actual] = [
        `at most ${maxPendingBytes} bytes (maxPendingBytes)`,
        this.pendingBytes,
      ];
      return new LogError("LOG_BUSY", "too many appends wait; wait for some of them", {
        expected,
        actual,
      });
    }
    if (this.endOffset > Number.MAX_SAFE_INTEGER - count) {
      return new LogError("LOG_OUT_OF_RANGE", "the log has used up its offsets", {
        offset: this.endOffset,
      });
    }
    return undefined;
  }

  /** Resolves with the durable offset once everything appended before is on stable storage. */
  sync(): Promise<number> {
    const { poison, list } = this.#parts;
    if (poison.failure !== undefined) return Promise.reject(poison.failure);
    if (!this.#running && list.durableOffset === list.endOffset)
      return Promise.resolve(list.durableOffset);
    const group = this.#gathering();
    this.#start();
    return new Promise((resolve, reject) => {
      group.waitForSync(() => resolve(list.durableOffset), reject);
    });
  }

  /** States the durable offset in a batch of its own, if there is room and none states it yet. */
  note(): void {
    const { list, poison, clock, options, structure } = this.#parts;
    if (poison.failure !== undefined || this.#running) return;
    if (list.durableOffset !== list.endOffset || this.#statedOffset === list.durableOffset) return;
    if (structure.active.size + BATCH_HEADER_LENGTH > options.segmentBytes) return;
    const group = this.#gathering();
    group.addNote(this.endOffset, clock.now());
    group.durable = true;
    this.#start();
  }

  /** Cuts `from` and all above when its turn comes; offsets given from now on go on at `from`. */
  truncateFrom(from: number): Promise<void> {
    const { poison, structure, list } = this.#parts;
    if (poison.failure !== undefined) return Promise.reject(poison.failure);
    this.endOffset = from;
    return this.#takeTurn(async () => {
      await this.#syncAll();
      if (from === list.endOffset) return;
      this.#floor = await structure.truncateFrom(from);
      this.#dirty.clear();
      this.#statedOffset = 0;
    });
  }

  /** Resolves when nothing is at work and nothing waits, however that came about. */
  drain(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      const run = () => Promise.resolve(resolve());
      this.#queue.push({ run, reject: () => resolve() });
    });
  }

  #takeTurn(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ run: () => run().then(resolve), reject });
      this.#start();
    });
  }

  /** The group that takes appends: the last in the queue, if that is a group. */
  #gathering(): Group {
    const last = this.#queue[this.#queue.length - 1];
    if (last instanceof Group) return last;
    const group = new Group(this.#parts.buffers, this.#parts.options.durability === "commit");
    this.#queue.push(group);
    return group;
  }

  /** Begins with the queue once all that is running now, and may append too, has had its turn. */
  #start(): void {
    if (this.#running) return;
    this.#running = true;
    setImmediate(this.#step);
  }

  readonly #step = (): void => {
    const item = this.#queue.shift();
    if (item === undefined) {
      this.#running = false;
      return;
    }
    const { failure } = this.#parts.poison;
    const work =
      failure !== undefined
        ? Promise.reject(failure)
        : item instanceof Group
          ? this.#flush(item)
          : item.run();
    // What follows an acknowledgement appends again: the next group begins after it.
    work.then(this.#next, (error: unknown) =>
      this.#failed(item, error).then(this.#next, this.#next),
    );
  };

  readonly #next = (): void => {
    this.#flushing = undefined;
    setImmediate(this.#step);
  };

  async #flush(group: Group): Promise<void> {
    this.#flushing = group;
    const { length } = group;
    while (group.next !== undefined) {
      const segment = await this.#room(group.next);
      await this.#write(group, segment);
    }
    if (group.durable) await this.#syncAll();
    this.pendingBytes -= length;
    group.finish();
    const { list } = this.#parts;
    this.onCommitted(list.durableOffset < list.endOffset, this.#statedOffset < list.durableOffset);
  }

  /** The segment that takes this batch: the active one, or the next. */
  async #room(batch: PendingBatch): Promise<Segment> {
    const { structure, options } = this.#parts;
    const { active } = structure;
    const fits = active.size + BATCH_HEADER_LENGTH + batch.bodyLength <= options.segmentBytes;
    const fresh = active.size === SEGMENT_HEADER_LENGTH;
    if ((fits || fresh) && active.index.canHold(batch.firstOffset, active.size, batch.time))
      return active;
    return structure.rotate(batch.firstOffset, batch.time);
  }

  /** Writes as many of the group's batches as belong together, and acknowledges them. */
  async #write(group: Group, segment: Segment): Promise<void> {
    const { list, options, zeroFill, counters, structure } = this.#parts;
    const room = Math.max(0, options.segmentBytes - segment.size);
    const batches = group.take(Math.min(room, COMMIT_BYTES_MAX), segment.createdAt + INDEX_MS_MAX);
    const checksums = batches.map((batch) => group.seal(batch, segment.marker, list.durableOffset));
    const bytes = group.bytesOf(batches);
    const { durable } = group;
    await zeroFill.ahead(segment, segment.size + bytes.length);
    const startMs = performance.now();
    this.#statedOffset = list.durableOffset;
    const endOffset = await this.#put(segment, bytes, durable, batches, checksums);
    const records = endOffset - list.endOffset;
    list.endOffset = endOffset;
    if (durable) {
      this.#durableAt(segment);
      counters.synced(performance.now() - startMs);
    }
    counters.wrote(records, bytes.length);
    group.acknowledge(batches.length, endOffset);
    structure.grew();
  }

  async #put(
    segment: Segment,
    bytes: Uint8Array,
    durable: boolean,
    batches: readonly PendingBatch[],
    checksums: readonly number[],
  ): Promise<number> {
    if (durable) {
      // The old store before any group in the new one: a gap between them would look like damage.
      await this.#syncOthers(segment);
      await this.#parts.committer.commit(segment.file, bytes, segment.size, true);
    } else if (bytes.length <= WRITE_AT_ONCE_BYTES_MAX) {
      writeFullySync(segment.file, bytes, segment.size);
    } else {
      await this.#parts.committer.commit(segment.file, bytes, segment.size, false);
    }
    if (durable) this.#dirty.delete(segment);
    else this.#dirty.add(segment);
    batches.forEach((batch, index) => {
      segment.extend({ ...batch, checksum: checksums[index] ?? 0 });
    });
    return segment.endOffset;
  }

  async #syncOthers(segment: Segment): Promise<void> {
    for (const other of this.#dirty) {
      if (other === segment) continue;
      await other.file.datasync();
      this.#dirty.delete(other);
    }
  }

  /** A segment behind the active one, and all before it, has been synced and sealed. */
  sealedThrough(segment: Segment): void {
    this.#dirty.delete(segment);
    const { list } = this.#parts;
    if (segment.endOffset <= list.durableOffset) return;
    list.durableOffset = segment.endOffset;
    this.#floor = endOf(segment);
    list.wake();
  }

  /** Everything acknowledged, on stable storage. */
  async #syncAll(): Promise<void> {
    const { list, committer, structure } = this.#parts;
    if (list.durableOffset === list.endOffset) return;
    const { active } = structure;
    await this.#syncOthers(active);
    await committer.commit(active.file, EMPTY, active.size, true);
    this.#dirty.delete(active);
    this.#durableAt(active);
  }

  #durableAt(segment: Segment): void {
    const { list } = this.#parts;
    list.durableOffset = list.endOffset;
    this.#floor = endOf(segment);
    list.wake();
  }

  /** Undoes what a failed item left behind, or poisons the log; rejects it and everything behind it. */
  async #failed(item: Group | Task, error: unknown): Promise<void> {
    const rejection = await this.#settleFailure(error);
    const behind = this.#queue;
    this.#queue = [];
    this.pendingBytes = 0;
    // Before anyone hears of it: whoever appends next gets the offset after the last acknowledged record.
    this.endOffset = this.#parts.list.endOffset;
    item.reject(rejection);
    for (const waiting of behind) waiting.reject(rejection);
    this.#parts.list.wake();
  }

  async #settleFailure(error: unknown): Promise<LogError> {
    const { poison, structure } = this.#parts;
    if (poison.failure !== undefined) return poison.failure;
    if (error instanceof LogError) return error;
    // A sync that failed says nothing about what is on disk, and is never tried again (PostgreSQL, 2018).
    if (!(error instanceof FileSystemError) || error.call !== "write")
      return poison.fail("a commit", error);
    const rejection = ioError("appending", error);
    const { active } = structure;
    try {
      await active.file.truncate(active.size);
      await active.file.sync();
      active.zeroedTo = active.size;
    } catch (cause) {
      return poison.fail("cutting back a failed write", cause);
    }
    if (rejection.code === "LOG_NO_SPACE") await structure.freeSpace();
    return rejection;
  }
}

const EMPTY = new Uint8Array(0);
/** Times in the index are u32 ms since the segment's creation. */
const INDEX_MS_MAX = 2 ** 32 - 1;

function ignore(): void {}
