// Zeros written ahead of the batches, in steps, so that a durable commit changes no file size: about a third
// faster than letting each commit grow the file. That it fails is no append's failure.

import { type Committer, type File, FileSystemError, writeFully } from "./file-system.js";
import type { LogReport, ResolvedOptions } from "./options.js";
import type { Segment } from "./segment.js";
import type { Counters } from "./stats.js";

const STEP_BYTES = 1024 * 1024;
/** After a failure, commits grow the file by themselves for so long. */
const RETRY_MS = 1000;

export class ZeroFill {
  /** Nobody waits for syncs of small writes without "commit", so zeros would cost and gain nothing. */
  readonly #enabled: boolean;
  readonly #segmentBytes: number;
  readonly #committer: Committer;
  readonly #counters: Counters;
  readonly #onReport: (report: LogReport) => void;
  #zeros: Uint8Array | undefined;
  #retryAtMs = 0;

  constructor(options: ResolvedOptions, committer: Committer, counters: Counters) {
    this.#enabled = options.durability === "commit";
    this.#segmentBytes = options.segmentBytes;
    this.#onReport = options.onReport;
    this.#committer = committer;
    this.#counters = counters;
  }

  /**
   * Makes sure that zeros reach well beyond `end`, the position that the next batches will fill up to. Undefined where that
   * takes no waiting.
   */
  ahead(segment: Segment, end: number): Promise<void> | undefined {
    const { zeroedTo } = segment;
    if (!this.#enabled || zeroedTo - end >= STEP_BYTES / 2 || zeroedTo >= this.#segmentBytes)
      return undefined;
    if (end >= this.#segmentBytes || performance.now() < this.#retryAtMs) return undefined;
    return this.#extend(segment, end);
  }

  async #extend(segment: Segment, end: number): Promise<void> {
    const { zeroedTo } = segment;
    const from = Math.max(zeroedTo, end);
    const zeros = this.#step(from);
    try {
      // Through the committer, as commits go: a busy thread pool would hold everyone up.
      await this.#committer.commit(segment.file, zeros, from, false);
      segment.zeroedTo = from + zeros.length;
      this.#counters.zerosWritten += zeros.length;
    } catch (cause) {
      this.#failed(cause);
    }
  }

  /** The first zeros of a segment that is being made; returns how far they reach. */
  async begin(file: File, from: number): Promise<number> {
    if (!this.#enabled) return from;
    const zeros = this.#step(from);
    try {
      await writeFully(file, zeros, from);
      this.#counters.zerosWritten += zeros.length;
      return from + zeros.length;
    } catch (cause) {
      this.#failed(cause);
      await file.truncate(from);
      return from;
    }
  }

  #failed(cause: unknown): void {
    if (!(cause instanceof FileSystemError)) throw cause;
    this.#retryAtMs = performance.now() + RETRY_MS;
    const message = `writing zeros ahead failed: ${cause.message}`;
    this.#onReport({ kind: "extend", message, cause });
  }

  #step(from: number): Uint8Array {
    this.#zeros ??= new Uint8Array(Math.min(STEP_BYTES, this.#segmentBytes));
    return this.#zeros.subarray(0, Math.min(this.#zeros.length, this.#segmentBytes - from));
  }
}
