// The queue of the commit path: appends take their offsets in call order, gather in a group while the group
// before is written and synced, and resolve at the log's durability. One item of the queue is at work at a time.
// Invariant: what is not acknowledged is in the item at work, in the queue, or rejected.

import { BATCH_HEADER_LENGTH, RECORD_PREFIX_LENGTH } from "./batch.js";
import type { CommitBuffers } from "./commit-buffers.js";
import { ioError, LogError } from "./errors.js";
import { FileSystemError } from "./file-system.js";
import { Group } from "./group.js";
import type { GroupWriter } from "./group-writer.js";
import type { LogClock } from "./log-clock.js";
import type { Floor } from "./manifest.js";
import { type ResolvedOptions, STORE_BYTES_MAX } from "./options.js";
import type { Poison } from "./poison.js";
import { endOf, type Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import type { SegmentList } from "./segment-list.js";
import type { Counters } from "./stats.js";
import type { Structure } from "./structure.js";

/** Bytes of a batch, header included, at the most: one has to fit into a segment of its own. */
const BATCH_BYTES_MAX = STORE_BYTES_MAX - SEGMENT_HEADER_LENGTH;

/**
 * So long at the most without a turn of the event loop: a program that appends in a loop is not alone in it, not even
 * where syncs are done at once, as on a simulated disk.
 */
const TICKS_MS_MAX = 1;
const TICKS_UNTIMED = 8;

const DONE = Promise.resolve();

/** Something that takes its turn among appends. */
interface Task {
  run(): Promise<void>;
  reject(error: LogError): void;
}

export interface WriterParts {
  readonly options: ResolvedOptions;
  readonly list: SegmentList;
  readonly structure: Structure;
  readonly groupWriter: GroupWriter;
  readonly buffers: CommitBuffers;
  readonly clock: LogClock;
  readonly poison: Poison;
  readonly counters: Counters;
}

export class Writer {
  readonly #parts: WriterParts;
  /** Offset that the next append gets. */
  #endOffset = 0;
  #queue: (Group | Task)[] = [];
  #atWork: Group | undefined;
  /** Appends that waited behind it right before it was acknowledged. */
  #waitingBefore = 0;
  #running = false;
  /** When the event loop had its last turn. */
  #turnedAtMs = 0;
  #ticks = 0;
  #onCommitted: (unsynced: boolean, unstated: boolean) => void = () => undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    parts.groupWriter.onAcknowledging = () => {
      this.#waitingBefore = this.#waiting();
    };
  }

  /** Begins at the end of the active segment; tells after each group whether a sync by time, or a note, is due. */
  start(onCommitted: (unsynced: boolean, unstated: boolean) => void): void {
    const floor = endOf(this.#parts.structure.active);
    this.#parts.groupWriter.startAt(floor);
    this.#endOffset = floor.offset;
    this.#onCommitted = onCommitted;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  /** Bytes of batches that are not acknowledged. */
  get pendingBytes(): number {
    let bytes = this.#atWork?.waitingBytes ?? 0;
    for (const item of this.#queue) if (item instanceof Group) bytes += item.waitingBytes;
    return bytes;
  }

  get floor(): Floor {
    return this.#parts.groupWriter.floor;
  }

  get isIdle(): boolean {
    return !this.#running;
  }

  /** Time that a segment which is created now must not exceed: no batch that still waits is older. */
  creationTime(): number {
    for (const item of [this.#atWork, ...this.#queue]) {
      if (item instanceof Group && item.next !== undefined) return item.next.time;
    }
    return this.#parts.clock.now();
  }

  sealedThrough(segment: Segment): void {
    this.#parts.groupWriter.sealedThrough(segment);
  }

  append(payload: Uint8Array, sync: boolean): Promise<number> {
    const refusal = this.#refusal(payload.length, RECORD_PREFIX_LENGTH + payload.length, 1);
    if (refusal !== undefined) return Promise.reject(refusal);
    const group = this.#gathering();
    group.add(payload, this.#endOffset, this.#parts.clock.now());
    return this.#accepted(group, 1, sync);
  }

  appendBatch(payloads: readonly Uint8Array[], sync: boolean): Promise<number> {
    let bodyLength = 0;
    let longest = 0;
    for (const { length } of payloads) {
      bodyLength += RECORD_PREFIX_LENGTH + length;
      if (length > longest) longest = length;
    }
    const refusal = this.#refusal(longest, bodyLength, payloads.length);
    if (refusal !== undefined) return Promise.reject(refusal);
    const group = this.#gathering();
    group.addWhole(payloads, bodyLength, this.#endOffset, this.#parts.clock.now());
    return this.#accepted(group, payloads.length, sync);
  }

  #accepted(group: Group, count: number, sync: boolean): Promise<number> {
    const offset = this.#endOffset;
    this.#endOffset = offset + count;
    if (sync) group.durable = true;
    this.#start();
    return group.wait(offset);
  }

  #refusal(longest: number, bodyLength: number, count: number): LogError | undefined {
    const { failure } = this.#parts.poison;
    if (failure !== undefined) return failure;
    const { maxRecordBytes, maxPendingBytes } = this.#parts.options;
    if (longest > maxRecordBytes)
      return tooLarge("a record", "maxRecordBytes", maxRecordBytes, longest);
    const length = BATCH_HEADER_LENGTH + bodyLength;
    if (length > BATCH_BYTES_MAX)
      return tooLarge("a batch", "a segment's bytes", BATCH_BYTES_MAX, length);
    const { pendingBytes } = this;
    if (pendingBytes > 0 && pendingBytes + length > maxPendingBytes) {
      return new LogError("LOG_BUSY", "too many appends wait; wait for some of them", {
        expected: `at most ${maxPendingBytes} bytes (maxPendingBytes)`,
        actual: pendingBytes + length,
      });
    }
    if (this.#endOffset > Number.MAX_SAFE_INTEGER - count) {
      return new LogError("LOG_OUT_OF_RANGE", "the log has used up its offsets", {
        offset: this.#endOffset,
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

  /** States the durable offset in a batch of its own, if it is due and there is room. */
  note(): void {
    const { list, poison, clock, options, structure, groupWriter } = this.#parts;
    if (poison.failure !== undefined || this.#running || !groupWriter.unstated) return;
    if (list.durableOffset !== list.endOffset) return;
    if (structure.active.size + BATCH_HEADER_LENGTH > options.segmentBytes) return;
    const group = this.#gathering();
    group.addNote(this.#endOffset, clock.now());
    group.durable = true;
    this.#start();
  }

  /** Cuts `from` and all above when its turn comes; offsets given from now on go on at `from`. */
  truncateFrom(from: number): Promise<void> {
    const { poison, structure, groupWriter, list } = this.#parts;
    if (poison.failure !== undefined) return Promise.reject(poison.failure);
    this.#endOffset = from;
    const run = async () => {
      await groupWriter.syncAll();
      if (from !== list.endOffset) groupWriter.startAt(await structure.truncateFrom(from));
    };
    return new Promise((resolve, reject) => {
      this.#queue.push({ run: () => run().then(resolve), reject });
      this.#start();
    });
  }

  /** Resolves when nothing is at work and nothing waits, however that came about. */
  drain(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#queue.push({ run: () => Promise.resolve(resolve()), reject: () => resolve() });
    });
  }

  /** Makes everything durable, as the last thing before a close. */
  async finish(): Promise<void> {
    try {
      await this.#parts.groupWriter.syncAll();
    } catch (cause) {
      throw this.#parts.poison.fail("the last sync", cause);
    }
  }

  /** The group that takes appends: the last in the queue, if that is a group. */
  #gathering(): Group {
    // Place -1 of an empty array would be looked for as a property: 80 ns.
    const { length } = this.#queue;
    const last = length === 0 ? undefined : this.#queue[length - 1];
    if (last instanceof Group) return last;
    const group = new Group(this.#parts.buffers, this.#parts.options.durability === "commit");
    this.#queue.push(group);
    return group;
  }

  /** Begins with the queue once all that is running now, and may append too, has had its turn. */
  #start(): void {
    if (this.#running) return;
    this.#running = true;
    setImmediate(this.#turned);
  }

  readonly #turned = (): void => {
    this.#turnedAtMs = performance.now();
    this.#step();
  };

  readonly #step = (): void => {
    const item = this.#queue.shift();
    if (item === undefined) {
      this.#running = false;
      return;
    }
    try {
      const working = this.#work(item);
      // Where it is done already, what the acknowledgements set off is in the queue of promises by now, and comes first.
      if (working === undefined) void DONE.then(this.#next);
      else working.then(this.#next, (error: unknown) => this.#recover(item, error));
    } catch (error) {
      this.#recover(item, error);
    }
  };

  #recover(item: Group | Task, error: unknown): void {
    this.#failed(item, error).then(this.#next, this.#next);
  }

  // What an acknowledgement sets off appends again: the next group begins once as many have come since as were
  // acknowledged (those that waited already say nothing: who is told now would have to wait for another group, and the
  // two would take turns for good). If not now, promises that follow from it have all been settled at the next tick.
  // Where syncs are waited for, a turn of the event loop more brings more into one.
  readonly #next = (): void => {
    const done = this.#atWork;
    this.#atWork = undefined;
    if (done === undefined || !this.#hasTicks()) setImmediate(this.#turned);
    else if (this.#areBack(done)) this.#step();
    else process.nextTick(this.#ticked, done);
  };

  readonly #ticked = (done: Group): void => {
    if (!done.durable || this.#areBack(done)) this.#step();
    else setImmediate(this.#turned);
  };

  #areBack(done: Group): boolean {
    return done.appends > 0 && this.#waiting() - this.#waitingBefore >= done.appends;
  }

  /** Appends of the next group so far. */
  #waiting(): number {
    const next = this.#queue[0];
    return next instanceof Group ? next.appends : 0;
  }

  /** Looks at the time at one tick in eight: that costs a fiftieth of a small write. */
  #hasTicks(): boolean {
    this.#ticks = (this.#ticks + 1) % TICKS_UNTIMED;
    return this.#ticks !== 0 || performance.now() - this.#turnedAtMs < TICKS_MS_MAX;
  }

  /** Undefined where it is done at once. */
  #work(item: Group | Task): Promise<void> | undefined {
    const { poison, groupWriter } = this.#parts;
    poison.check();
    if (!(item instanceof Group)) return item.run();
    this.#atWork = item;
    const writing = groupWriter.write(item);
    if (writing !== undefined) return writing.then(() => this.#finish(item));
    this.#finish(item);
    return undefined;
  }

  #finish(group: Group): void {
    const { groupWriter, list } = this.#parts;
    group.finish();
    this.#onCommitted(list.durableOffset < list.endOffset, groupWriter.unstated);
  }

  /** Undoes what a failed item left behind, or poisons the log; rejects it and everything behind it. */
  async #failed(item: Group | Task, error: unknown): Promise<void> {
    const rejection = await this.#judge(error);
    const behind = this.#queue;
    this.#queue = [];
    for (const rejected of [item, ...behind]) {
      if (!(rejected instanceof Group)) continue;
      this.#parts.counters.recordsRejected += rejected.waitingRecords;
    }
    // Before anyone hears of it: whoever appends next gets the offset after the last acknowledged record.
    this.#endOffset = this.#parts.list.endOffset;
    item.reject(rejection);
    for (const waiting of behind) waiting.reject(rejection);
    const { list, groupWriter } = this.#parts;
    list.wake();
    this.#onCommitted(list.durableOffset < list.endOffset, groupWriter.unstated);
  }

  async #judge(error: unknown): Promise<LogError> {
    const { poison, structure } = this.#parts;
    if (poison.failure !== undefined) return poison.failure;
    if (error instanceof LogError) return error;
    // A sync that failed says nothing about what is on disk, and is never tried again: the kernel may have
    // dropped the pages and marked them clean (PostgreSQL's fsync findings, 2018).
    const wasWrite = error instanceof FileSystemError && error.call === "write";
    if (!wasWrite) return poison.fail("a commit", error);
    try {
      await structure.active.cutToSize();
    } catch (cause) {
      return poison.fail("cutting back a failed write", cause);
    }
    const rejection = ioError("appending", error);
    if (rejection.code === "LOG_NO_SPACE") await structure.freeSpace();
    return rejection;
  }
}

function tooLarge(what: string, limit: string, max: number, actual: number): LogError {
  return new LogError("LOG_RECORD_TOO_LARGE", `${what} is too large`, {
    expected: `at most ${max} bytes (${limit})`,
    actual,
  });
}
