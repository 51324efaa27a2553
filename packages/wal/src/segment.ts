// One segment as the running log knows it: its store file, opened on first use, and its index.
// Invariant: bytes below `size` are whole batches that were written; the index names each that has records.
// A sealed segment's index file is a cache: verified when first used, rebuilt from the store where it fails.

import { BATCH_HEADER_LENGTH, type BatchHeader, bodyIsValid, decodeBatchHeader } from "./batch.js";
import { BatchIndex } from "./batch-index.js";
import { assert, ioError, LogError } from "./errors.js";
import type { File, FileSystem, Mapping } from "./file-system.js";
import type { Floor } from "./manifest.js";
import { indexName, join, storeName } from "./names.js";
import { StoreScan } from "./scan.js";
import { decodeSegmentHeader, SEGMENT_HEADER_LENGTH } from "./segment-header.js";

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

/** A verified batch in memory. */
export interface LoadedBatch {
  /** Holds the batch from `at` on. */
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly header: BatchHeader;
}

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
  #file: File | undefined;
  #createdAt: number | undefined;
  #index: BatchIndex | undefined;
  /** Keeps the mapped bytes of the index from being let go of. */
  #indexMapping: Mapping | undefined;
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
    if (!this.sealed) this.#index ??= BatchIndex.empty(this.baseOffset, this.createdAt);
  }

  #openStore(): File {
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
    if (this.#index === undefined) this.#loadIndex();
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
    if (header.count > 0) this.index.append(header.firstOffset, this.size, header.time);
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

  /** From now on the index is read from its file; its memory is free, and so is the descriptor. */
  markSealed(): void {
    this.sealed = true;
    this.closeSync();
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

  /** Loads and verifies the batch that holds this offset. The bytes stay valid until the next call. */
  load(offset: number): LoadedBatch {
    assert(offset >= this.baseOffset && offset < this.endOffset, "the offset is in this segment");
    const loaded = this.#loadByIndex(offset);
    if (!(loaded instanceof LogError)) return loaded;
    // The index may be what is wrong, however well it verified: the store decides.
    if (!this.distrustIndex()) throw loaded;
    const again = this.#loadByIndex(offset);
    if (again instanceof LogError) throw again;
    return again;
  }

  #loadByIndex(offset: number): LoadedBatch | LogError {
    const { index } = this;
    const entry = index.find(offset);
    if (entry < 0) return this.corrupt("no batch in the index", SEGMENT_HEADER_LENGTH, offset);
    const position = index.positionAt(entry);
    const end = entry + 1 < index.count ? index.positionAt(entry + 1) : this.size;
    const bytes = scratch(end - position);
    let count: number;
    try {
      count = this.file.readSync(bytes, position);
    } catch (cause) {
      throw ioError("reading a batch", cause);
    }
    const read = bytes.subarray(0, count);
    const verdict = decodeBatchHeader(read, 0, this.marker);
    if (verdict.kind !== "valid") {
      const reason = verdict.kind === "invalid" ? verdict.reason : "no batch where one was";
      return this.corrupt(reason, position, index.firstOffsetAt(entry));
    }
    const { header } = verdict;
    if (
      header.firstOffset !== index.firstOffsetAt(entry) ||
      offset >= header.firstOffset + header.count
    ) {
      return this.corrupt("a batch with another offset", position, offset, header.firstOffset);
    }
    const reason = bodyIsValid(read, 0, header, this.marker);
    if (reason !== undefined) return this.corrupt(reason, position, header.firstOffset);
    return { bytes: read, at: 0, header };
  }

  /** Where to read on from for the record at `offset`: the batch that holds it, or the end. */
  placeOf(offset: number): { readonly position: number; readonly firstOffset: number } {
    if (offset >= this.endOffset) return { position: this.size, firstOffset: this.endOffset };
    const { index } = this;
    const entry = index.find(offset);
    if (entry < 0) return { position: SEGMENT_HEADER_LENGTH, firstOffset: this.baseOffset };
    return { position: index.positionAt(entry), firstOffset: index.firstOffsetAt(entry) };
  }

  /** Rebuilds an index that led to no batch, once; false if it is not the index that is wrong. */
  distrustIndex(): boolean {
    if (!this.sealed || this.#indexRebuilt) return false;
    this.#rebuildIndex();
    return true;
  }

  corrupt(reason: string, position: number, offset: number, actual?: number): LogError {
    return new LogError("LOG_CORRUPT", `damaged batch: ${reason}`, {
      file: this.path,
      position,
      offset,
      ...(actual === undefined ? {} : { expected: offset, actual }),
    });
  }

  #loadIndex(): void {
    const path = join(this.#directory, indexName(this.id));
    try {
      const file = this.#fileSystem.openSync(path);
      try {
        this.#indexMapping = file.map();
      } finally {
        file.closeSync();
      }
      const { id: segmentId, marker, baseOffset, endOffset, size: storeSize, createdAt } = this;
      const expected = { segmentId, marker, baseOffset, endOffset, storeSize, createdAt };
      const verdict = BatchIndex.decode(this.#indexMapping.bytes, expected);
      if (verdict.kind === "valid") this.#index = verdict.index;
    } catch (error) {
      // A cache that cannot be read is rebuilt; the store's own errors come from the store.
      if (error instanceof LogError) throw error;
    }
    if (this.#index === undefined) this.#rebuildIndex();
  }

  /** Scans the store, which must hold exactly what the manifest says of it. */
  #rebuildIndex(): void {
    const index = BatchIndex.empty(this.baseOffset, this.createdAt);
    const scan = new StoreScan(this, this.marker, {
      from: SEGMENT_HEADER_LENGTH,
      limit: this.size,
      offset: this.baseOffset,
    });
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      if (batch.header.count > 0)
        index.append(batch.header.firstOffset, batch.position, batch.header.time);
    }
    const { stop } = scan;
    if (stop?.kind !== "limit") throw scan.error(this.path);
    if (scan.offset !== this.endOffset || scan.lastChecksum !== this.lastChecksum) {
      throw this.corrupt(
        "the store is not the one that was sealed",
        this.size,
        scan.offset,
        this.endOffset,
      );
    }
    this.#index = index;
    this.#indexMapping = undefined;
    this.#indexRebuilt = true;
  }

  /** Forgets what is open; a later use opens it again. */
  closeSync(): void {
    this.#file?.closeSync();
    this.#file = undefined;
    if (this.sealed) {
      this.#index = undefined;
      this.#indexMapping = undefined;
    }
  }
}

/** The place after a segment's last batch, as the manifest's floor. */
export function endOf(segment: Segment): Floor {
  const { id: segmentId, endOffset: offset, size: position, lastChecksum: checksum } = segment;
  return { segmentId, offset, position, checksum };
}

let scratchBytes = new Uint8Array(64 * 1024);

/** Memory for one synchronous read; what is returned to users is copied out of it. */
function scratch(length: number): Uint8Array {
  if (length > SCRATCH_BYTES_MAX) return new Uint8Array(length);
  if (length > scratchBytes.length) scratchBytes = new Uint8Array(length);
  return scratchBytes.subarray(0, length);
}

const SCRATCH_BYTES_MAX = 4 * 1024 * 1024;
