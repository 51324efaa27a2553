// Walking a store's batches in order, each verified, and looking for batches in damaged bytes.
// A scan never throws for what the bytes are: it stops, and `stop` says why. Only the file system throws.

import {
  BATCH_HEADER_LENGTH,
  type BatchHeader,
  bodyIsValid,
  decodeBatchHeader,
  nextHeader,
} from "./batch.js";
import { ioError, LogError } from "./errors.js";
import type { File } from "./file-system.js";

/** Why a scan ended. */
export type ScanStop =
  /** The limit, exactly at a batch's end. */
  | { readonly kind: "limit" }
  /** Nothing but zeros from here to the limit. */
  | { readonly kind: "zeros" }
  | { readonly kind: "unsupported"; readonly flags: number }
  | {
      readonly kind: "bad";
      readonly reason: string;
      readonly expected?: string | number;
      readonly actual?: string | number;
      /** The header is valid and says what cannot be here: not what a torn write leaves behind. */
      readonly misplaced: boolean;
      /** It states a later offset than is due. */
      readonly ahead?: boolean;
    };

/** Positions [from, to) in a store. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** A verified batch on its way past. */
export interface ScannedBatch {
  /** In the store. */
  readonly position: number;
  readonly header: BatchHeader;
  /** Hold the batch from `at` on; never written again. */
  readonly bytes: Uint8Array;
  readonly at: number;
}

export interface ScanRange {
  /** Position of a batch, or of where one would be. */
  readonly from: number;
  /** Position at which the scan ends; bytes from there on are not looked at. */
  readonly limit: number;
  /** Offset that the first batch must state. */
  readonly offset: number;
  /** Lowest time that it may state, in ms: that of the segment's creation, where it is known. */
  readonly time: number;
}

/** Where a scan finds its store each time it reads: a segment closes and opens again under a slow reader. */
export interface ScanSource {
  readonly file: File;
}

const FIRST_CHUNK_BYTES = 16 * 1024;
const CHUNK_BYTES = 256 * 1024;

export class StoreScan {
  /** Position of the next batch, or of what stopped the scan. */
  position: number;
  /** Offset that the next batch must state. */
  offset: number;
  /** Header checksum of the last batch passed; 0 before the first. */
  lastChecksum = 0;
  stop: ScanStop | undefined;
  #time: number;
  readonly #source: ScanSource;
  readonly #marker: number;
  readonly #limit: number;
  #chunk = new Uint8Array(0);
  #chunkPosition = 0;
  #chunkBytes = FIRST_CHUNK_BYTES;

  constructor(source: ScanSource, marker: number, range: ScanRange) {
    this.#source = source;
    this.#marker = marker;
    this.#limit = range.limit;
    this.position = range.from;
    this.offset = range.offset;
    this.#time = range.time;
  }

  /** The next batch, or undefined once `stop` says why there is none. */
  next(): ScannedBatch | undefined {
    if (this.stop !== undefined) return undefined;
    if (this.position >= this.#limit) return this.#stopAt({ kind: "limit" });
    let at = this.#ensure(Math.min(BATCH_HEADER_LENGTH, this.#limit - this.position));
    const verdict = decodeBatchHeader(this.#chunk, at, this.#marker);
    if (verdict.kind === "end") return this.#stopAtZeros();
    if (verdict.kind === "unsupported")
      return this.#stopAt({ kind: "unsupported", flags: verdict.flags });
    if (verdict.kind === "invalid")
      return this.#stopAt({ ...verdict, kind: "bad", misplaced: false });
    const { header } = verdict;
    const stop = this.#contradiction(header);
    if (stop !== undefined) return this.#stopAt(stop);
    const length = BATCH_HEADER_LENGTH + header.bodyLength;
    at = this.#ensure(length);
    if (this.#chunk.length - at < length) {
      return this.#stopAt({
        kind: "bad",
        reason: "the file ends inside a batch",
        misplaced: false,
      });
    }
    const reason = bodyIsValid(this.#chunk, at, header, this.#marker);
    if (reason !== undefined) return this.#stopAt({ kind: "bad", reason, misplaced: false });
    const batch = { position: this.position, header, bytes: this.#chunk, at };
    this.position += length;
    this.offset += header.count;
    this.lastChecksum = header.checksum;
    this.#time = header.time;
    return batch;
  }

  /** What a valid header says that cannot be so here. */
  #contradiction({ firstOffset, time, bodyLength }: BatchHeader): ScanStop | undefined {
    const stop = (reason: string, expected: number, actual: number, misplaced: boolean) =>
      ({ kind: "bad", reason, expected, actual, misplaced }) as const;
    if (firstOffset !== this.offset) {
      const ahead = firstOffset > this.offset;
      return { ...stop("a batch with another offset", this.offset, firstOffset, true), ahead };
    }
    if (time < this.#time) return stop("a batch before its time", this.#time, time, true);
    const [length, room] = [BATCH_HEADER_LENGTH + bodyLength, this.#limit - this.position];
    return length > room ? stop("a batch cut short", length, room, false) : undefined;
  }

  /** The typed error for a stop that must not be here. */
  error(path: string): LogError {
    const { position, offset, stop } = this;
    if (stop?.kind === "unsupported") {
      return new LogError("LOG_UNSUPPORTED_VERSION", "a batch has flags that are not known here", {
        file: path,
        position,
        offset,
        actual: stop.flags,
      });
    }
    const reason = stop?.kind === "bad" ? stop.reason : "the store ends early";
    return new LogError("LOG_CORRUPT", `damaged batch: ${reason}`, {
      file: path,
      position,
      offset,
      ...(stop?.kind === "bad" && stop.expected !== undefined ? { expected: stop.expected } : {}),
      ...(stop?.kind === "bad" && stop.actual !== undefined ? { actual: stop.actual } : {}),
    });
  }

  #stopAt(stop: ScanStop): undefined {
    this.stop = stop;
    return undefined;
  }

  /** Zeros where a header should be are an end only if nothing else follows. */
  #stopAtZeros(): undefined {
    const found = firstNonZero(this.#source.file, this.position, this.#limit);
    if (found === -1) return this.#stopAt({ kind: "zeros" });
    return this.#stopAt({
      kind: "bad",
      reason: `zeros where a batch should be, and bytes at position ${found}`,
      misplaced: false,
    });
  }

  /** Brings `length` bytes from `position` into the chunk; returns where they begin in it. */
  #ensure(length: number): number {
    const at = this.position - this.#chunkPosition;
    if (at >= 0 && at + length <= this.#chunk.length) return at;
    const wanted = Math.min(Math.max(length, this.#chunkBytes), this.#limit - this.position);
    // A new chunk each time: what came from the old one belongs to whoever took it.
    const chunk = new Uint8Array(wanted);
    const count = readAt(this.#source.file, chunk, this.position);
    this.#chunk = count === wanted ? chunk : chunk.subarray(0, count);
    this.#chunkPosition = this.position;
    this.#chunkBytes = Math.min(this.#chunkBytes * 2, CHUNK_BYTES);
    return 0;
  }
}

/** Position of the first byte in [from, to) that is not zero, or -1. */
export function firstNonZero(file: File, from: number, to: number): number {
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(0, to - from)));
  for (let position = from; position < to; ) {
    const count = readAt(file, chunk.subarray(0, Math.min(chunk.length, to - position)), position);
    if (count === 0) return -1;
    const found = firstNonZeroIn(chunk, count);
    if (found !== -1) return position + found;
    position += count;
  }
  return -1;
}

function firstNonZeroIn(bytes: Uint8Array, length: number): number {
  const words = new Float64Array(bytes.buffer, bytes.byteOffset, length >> 3);
  // Eight bytes at a time: only +0 has no bit set, and Object.is tells it from -0.
  let at = 0;
  while (at < words.length && Object.is(words[at], 0)) at++;
  for (let index = at * 8; index < length; index++) if (bytes[index] !== 0) return index;
  return -1;
}

/** Position after the last byte in [from, to) that is not zero; `from` if all are. */
export function endOfNonZero(file: File, from: number, to: number): number {
  for (let end = to; end > from; ) {
    const start = Math.max(from, end - CHUNK_BYTES);
    const chunk = new Uint8Array(end - start);
    const count = readAt(file, chunk, start);
    for (let index = count - 1; index >= 0; index--)
      if (chunk[index] !== 0) return start + index + 1;
    end = start;
  }
  return from;
}

/** Each valid batch header at or after `from`, wherever it stands; bodies are not looked at. */
export function* headersIn(
  file: File,
  marker: number,
  from: number,
  to: number,
): Generator<{ position: number; header: BatchHeader }> {
  for (let start = from; start < to; ) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, to - start));
    const count = readAt(file, chunk, start);
    const bytes = chunk.subarray(0, count);
    for (let at = nextHeader(bytes, 0, marker); at !== -1; at = nextHeader(bytes, at + 1, marker)) {
      const verdict = decodeBatchHeader(bytes, at, marker);
      if (verdict.kind === "valid") yield { position: start + at, header: verdict.header };
    }
    if (count < chunk.length || start + count >= to) return;
    // A header may straddle the border of two chunks.
    start += count - (BATCH_HEADER_LENGTH - 1);
  }
}

function readAt(file: File, into: Uint8Array, position: number): number {
  try {
    return file.readSync(into, position);
  } catch (cause) {
    throw ioError("reading a store", cause);
  }
}
