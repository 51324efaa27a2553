// One segment as the running log knows it: its store file, opened on first use, and its index.
// Invariant: bytes below `size` are whole batches that were written; the index names each that has records.
// A sealed segment's index file is a cache: verified when first used, rebuilt from the store where it fails.

import { BATCH_HEADER_LENGTH, type BatchHeader } from "./batch.js";
import { BatchIndex } from "./batch-index.js";
import { assert, ioError, LogError } from "./errors.js";
import type { File, FileSystem } from "./file-system.js";
import type { Floor } from "./manifest.js";
import { join, storeName } from "./names.js";
import { addToIndex, type LoadedIndex, loadIndex, rebuildIndex } from "./sealed-index.js";
import { decodeSegmentHeader, SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import { Turns } from "./turns.js";

/** What the manifest or a new header says of a segment. */
export interface SegmentIdentity {
  readonly id: number;
  readonly marker: number;
  readonly logId: string;
}

/** How far a segment's records reach. */
export interface SegmentExtent {
  /** Offset of the first record. */
  readonly baseOffset: number;
  /** Offset after the last record. */
  readonly endOffset: number;
  /** Position after the last batch. */
  readonly size: number;
  /** Header checksum of the last batch; 0 if there is none. */
  readonly lastChecksum: number;
}

/** What a segment keeps of a batch that was written to it. */
export type WrittenBatch = Pick<
  BatchHeader,
  "firstOffset" | "count" | "time" | "bodyLength" | "checksum"
>;

export class Segment {
  readonly id: number;
  readonly marker: number;
  readonly logId: string;
  readonly path: string;
  baseOffset: number;
  endOffset: number;
  size: number;
  lastChecksum: number;
  /** Immutable from now on, and the manifest says so. */
  sealed: boolean;
  /** Zeros reach up to this position, or the last batch does. */
  zeroedTo: number;
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  /** One at a time: the system tells a failed write-back to one of two that sync at once. */
  readonly #syncs = new Turns();
  #retired: LogError | undefined;
  /** Told when a sealed segment has been opened. */
  onOpened: (segment: Segment) => void = () => undefined;
  #file: File | undefined;
  #createdAt: number | undefined;
  #index: BatchIndex | undefined;
  #indexRebuilt = false;

  constructor(
    fileSystem: FileSystem,
    directory: string,
    identity: SegmentIdentity,
    extent: SegmentExtent,
    sealed: boolean,
  ) {
    this.id = identity.id;
    this.marker = identity.marker;
    this.logId = identity.logId;
    this.path = join(directory, storeName(identity.id));
    this.baseOffset = extent.baseOffset;
    this.endOffset = extent.endOffset;
    this.size = extent.size;
    this.lastChecksum = extent.lastChecksum;
    this.zeroedTo = extent.size;
    this.sealed = sealed;
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** A segment that has its file at hand and no batch yet. */
  static fresh(
    fileSystem: FileSystem,
    directory: string,
    identity: SegmentIdentity,
    file: File,
    createdAt: number,
    baseOffset: number,
  ): Segment {
    const extent = {
      baseOffset,
      endOffset: baseOffset,
      size: SEGMENT_HEADER_LENGTH,
      lastChecksum: 0,
    };
    const segment = new Segment(fileSystem, directory, identity, extent, false);
    segment.#file = file;
    segment.#createdAt = createdAt;
    segment.#index = BatchIndex.empty(baseOffset, createdAt);
    return segment;
  }

  /** The open store; for a segment that came from a manifest, opened and its header checked on first use. */
  get file(): File {
    if (this.#file === undefined) this.adopt(this.#openStore());
    assert(this.#file !== undefined, "an adopted segment has its file");
    return this.#file;
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** Time at which the segment was created, in ms. */
  get createdAt(): number {
    if (this.#createdAt === undefined) this.adopt(this.#openStore());
    assert(this.#createdAt !== undefined, "an adopted segment has its header");
    return this.#createdAt;
  }

  /** Takes an open store, whose header must be this segment's, and replaces the one at hand. */
  adopt(file: File): void {
    const header = new Uint8Array(SEGMENT_HEADER_LENGTH);
    try {
      const verdict = decodeSegmentHeader(header.subarray(0, file.readSync(header, 0)));
      if (verdict.kind === "unsupported") {
        throw new LogError(
          "LOG_UNSUPPORTED_VERSION",
          "this segment has a format that is not known here",
          {
            file: this.path,
            expected: 1,
            actual: verdict.version,
          },
        );
      }
      if (verdict.kind === "invalid")
        throw this.#damagedHeader(verdict.reason, verdict.expected, verdict.actual);
      const { id, logId, marker, createdAt } = verdict.header;
      if (logId !== this.logId)
        throw this.#damagedHeader("another log's segment", this.logId, logId);
      if (id !== this.id) throw this.#damagedHeader("another segment's file", this.id, id);
      if (marker !== this.marker) throw this.#damagedHeader("another marker", this.marker, marker);
      this.#createdAt = createdAt;
    } catch (error) {
      file.closeSync();
      throw error instanceof LogError ? error : ioError("reading a segment's header", error);
    }
    this.#file?.closeSync();
    this.#file = file;
    if (this.sealed) this.onOpened(this);
    else this.#index ??= BatchIndex.empty(this.baseOffset, this.createdAt);
  }

  #openStore(): File {
    if (this.#retired !== undefined) throw this.#retired;
    try {
      return this.#fileSystem.openSync(this.path);
    } catch (cause) {
      throw ioError("opening a segment", cause);
    }
  }

  #damagedHeader(reason: string, expected?: string | number, actual?: string | number): LogError {
    return new LogError("LOG_CORRUPT", `damaged segment header: ${reason}`, {
      file: this.path,
      position: 0,
      offset: this.baseOffset,
      ...(expected === undefined ? {} : { expected }),
      ...(actual === undefined ? {} : { actual }),
    });
  }

  /** Verified on first use; for an unsealed segment the one in memory. */
  get index(): BatchIndex {
    if (this.#index === undefined) {
      // Once distrusted, the file is not believed again after the segment was closed meanwhile.
      const loaded = this.#indexRebuilt
        ? rebuildIndex(this)
        : loadIndex(this.#fileSystem, this.#directory, this);
      this.#takeIndex(loaded);
    }
    assert(this.#index !== undefined, "a loaded segment has its index");
    return this.#index;
  }

  /** Whether the index file had to be rebuilt from the store since this segment was opened. */
  get indexRebuilt(): boolean {
    return this.#indexRebuilt;
  }

  /** Notes a batch that has been written at `size`. */
  extend(header: WrittenBatch): void {
    assert(!this.sealed, "a sealed segment is immutable");
    assert(header.firstOffset === this.endOffset, "batches follow one another");
    addToIndex(this.index, this.path, header, this.size);
    this.endOffset += header.count;
    this.size += BATCH_HEADER_LENGTH + header.bodyLength;
    this.lastChecksum = header.checksum;
    if (this.size > this.zeroedTo) this.zeroedTo = this.size;
  }

  /** States the base offset of a prepared segment, as its first batch is about to. */
  begin(baseOffset: number): void {
    assert(this.size === SEGMENT_HEADER_LENGTH, "a base offset is stated before any batch");
    this.baseOffset = baseOffset;
    this.endOffset = baseOffset;
    this.#index = BatchIndex.empty(baseOffset, this.createdAt);
  }

  /** Cuts off what follows the last batch, durably: zeros, torn bytes, a failed write. */
  cutToSize(): Promise<void> {
    return this.#syncs.take(async () => {
      await this.file.truncate(this.size);
      await this.file.sync();
      this.zeroedTo = this.size;
    });
  }

  /** Makes what was written durable; sealing has done so already. */
  datasync(): Promise<void> {
    return this.#syncs.take(() => (this.sealed ? Promise.resolve() : this.file.datasync()));
  }

  /** From now on the index is read from its file; its memory is free, and so is the descriptor. */
  markSealed(): Promise<void> {
    return this.#syncs.take(() => {
      this.sealed = true;
      this.closeSync();
      return Promise.resolve();
    });
  }

  /** The index as it stands in its file. */
  encodeIndex(): Uint8Array {
    const { id, marker, endOffset, size } = this;
    return this.index.encode({ segmentId: id, marker, endOffset, storeSize: size });
  }

  /** Time of the newest record, in ms; the segment's creation if it has none. */
  get lastTime(): number {
    const { index } = this;
    return index.count === 0 ? this.createdAt : index.timeAt(index.count - 1);
  }

  /** Where to read on from for the record at `offset`: the batch that holds it, or the end. */
  placeOf(offset: number): { readonly position: number; readonly firstOffset: number } {
    if (offset >= this.endOffset) return { position: this.size, firstOffset: this.endOffset };
    const { index } = this;
    const entry = index.find(offset);
    if (entry < 0) return { position: SEGMENT_HEADER_LENGTH, firstOffset: this.baseOffset };
    return { position: index.positionAt(entry), firstOffset: index.firstOffsetAt(entry) };
  }

  /** Rebuilds an index that led astray, once; false if it is not the index that is wrong. */
  distrustIndex(): boolean {
    if (!this.sealed || this.#indexRebuilt) return false;
    this.#takeIndex(rebuildIndex(this));
    return true;
  }

  #takeIndex({ index, rebuilt }: LoadedIndex): void {
    this.#index = index;
    this.#indexRebuilt ||= rebuilt;
  }

  /** Closes it for good: who still reads it is told the reason. Its path may soon name nothing, or another file. */
  retire(reason: LogError): void {
    this.#retired = reason;
    this.closeSync();
  }

  /** Forgets what is open; a later use opens it again. */
  closeSync(): void {
    const file = this.#file;
    this.#file = undefined;
    if (this.sealed) this.#index = undefined;
    file?.closeSync();
  }
}

/** The place after a segment's last batch, as the manifest's floor. */
export function endOf(segment: Segment): Floor {
  const { id: segmentId, endOffset: offset, size: position, lastChecksum: checksum } = segment;
  return { segmentId, offset, position, checksum };
}
