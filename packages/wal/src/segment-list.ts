// What can be read: the segments in order, and the bounds of the offsets in them. The writer, or a read-only
// log that follows one, changes it; `read`, `records` and `follow` look things up in it by offset each time,
// so nothing that they hold can be pulled away.

import { assert, LogError } from "./errors.js";
import type { Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** A cut from the end, for readers that were above it. */
interface Cut {
  readonly generation: number;
  /** The first offset that is gone. */
  readonly from: number;
}

/** Sealed stores kept open at once; beyond, the one opened longest ago is closed, and opened again when needed. */
const OPEN_SEGMENTS_MAX = 128;

export class SegmentList {
  #segments: readonly Segment[] = [];
  /** First offset that can be read. */
  startOffset: number;
  /** Offset after the last record that can be read: the acknowledged end. */
  endOffset: number;
  /** Every record below it is on stable storage. */
  durableOffset: number;
  /** Number of cuts from the end so far. */
  truncationGeneration = 0;
  #closed = false;
  #cuts: Cut[] = [];
  readonly #waiters = new Set<() => void>();
  /** Sealed segments that are open, the one opened longest ago first. */
  readonly #open = new Set<Segment>();
  readonly #onOpened = (segment: Segment): void => this.#opened(segment);

  constructor(startOffset: number) {
    this.startOffset = startOffset;
    this.endOffset = startOffset;
    this.durableOffset = startOffset;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  replace(segments: readonly Segment[]): void {
    this.#segments = segments;
    const listed = new Set(segments);
    for (const segment of this.#open) if (!listed.has(segment)) this.#open.delete(segment);
    for (const segment of segments) segment.onOpened = this.#onOpened;
  }

  /** The segment that holds this offset, or that will; the offset is within [startOffset, endOffset]. */
  find(offset: number): Segment {
    const segments = this.#segments;
    let low = 0;
    let high = segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const candidate = segments[middle];
      assert(candidate !== undefined, "a search stays inside the list");
      if (candidate.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    const found = segments[low];
    assert(found !== undefined, "a log that can be read has a segment");
    return found;
  }

  /** Bytes of batches that were written, from the one with `offset` on, which is within [startOffset, endOffset]. */
  bytesFrom(offset: number): number {
    let bytes = 0;
    for (const segment of this.#segments) {
      if (segment.baseOffset >= offset) bytes += segment.size - SEGMENT_HEADER_LENGTH;
      else if (segment.endOffset > offset) bytes += segment.size - segment.placeOf(offset).position;
    }
    return bytes;
  }

  /** Bounds the descriptors: closes the sealed segment that was opened longest ago. */
  #opened(segment: Segment): void {
    this.#open.delete(segment);
    this.#open.add(segment);
    if (this.#open.size <= OPEN_SEGMENTS_MAX) return;
    for (const oldest of this.#open) {
      this.#open.delete(oldest);
      oldest.closeSync();
      return;
    }
  }

  /** Notes that [from, …) is gone for good. */
  cut(from: number, generation: number): void {
    this.truncationGeneration = generation;
    // A reader that is behind by more cuts than are kept counts as cut off: a bounded list is enough.
    this.#cuts = [...this.#cuts.slice(-(CUTS_KEPT - 1)), { generation, from }];
    this.endOffset = Math.min(this.endOffset, from);
    this.durableOffset = Math.min(this.durableOffset, from);
    this.wake();
  }

  /**
   * Throws `LOG_CLOSED`, or `LOG_TRUNCATED` if what a reader wants, [offset, to), is no longer what it was when the reader
   * last looked, at `generation`.
   */
  checkPlace(offset: number, to: number, generation: number): void {
    if (this.#closed) throw closedError();
    if (offset < this.startOffset) {
      throw new LogError("LOG_TRUNCATED", "the records here have been removed by retention", {
        offset,
        expected: `an offset from ${this.startOffset} to ${this.endOffset}`,
      });
    }
    if (generation === this.truncationGeneration) return;
    const missed = this.#cuts.filter((cut) => cut.generation > generation);
    const known = missed.length === this.truncationGeneration - generation;
    if (known && missed.every((cut) => cut.from >= to)) return;
    throw new LogError("LOG_TRUNCATED", "the records here were cut from the end of the log", {
      offset,
    });
  }

  /**
   * Where another process writes: takes in what it has changed, and tells whether that may be why reading
   * failed.
   */
  renew: () => boolean = () => false;

  /** Resolves at the next `wake`. */
  changed(): { readonly promise: Promise<void>; readonly cancel: () => void } {
    let wake: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#waiters.add(wake);
    return {
      promise,
      cancel: () => {
        this.#waiters.delete(wake);
        wake();
      },
    };
  }

  get hasWaiters(): boolean {
    return this.#waiters.size > 0;
  }

  /** Tells everyone who waits that the bounds have moved. */
  wake(): void {
    if (this.#waiters.size === 0) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** For good: readers that are under way are told. */
  closeSync(): void {
    this.#closed = true;
    this.#open.clear();
    const reason = closedError();
    let failure: unknown;
    for (const segment of this.#segments) {
      try {
        segment.retire(reason);
      } catch (error) {
        failure ??= error;
      }
    }
    this.wake();
    if (failure !== undefined) throw failure;
  }
}

const CUTS_KEPT = 64;

export function closedError(): LogError {
  return new LogError("LOG_CLOSED", "the log is closed");
}
