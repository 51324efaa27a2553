// Every byte of every store against every checksum, and all the damage that there is, not only the first: what
// verifying reports and repairing works from. Read-only.

import { inspectStore } from "./directory.js";
import { ioError, LogError } from "./errors.js";
import { type File, type FileSystem, FileSystemError } from "./file-system.js";
import type { Manifest } from "./manifest.js";
import { segmentsOf } from "./opening.js";
import { Pace } from "./pace.js";
import { type LogRecord, recordsIn } from "./records.js";
import {
  type ByteRange,
  headersIn,
  type ScannedBatch,
  type ScanRange,
  type ScanStop,
  StoreScan,
} from "./scan.js";
import type { Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import { readTail, type Tear } from "./tail.js";

/** One place where bytes that had been acknowledged are damaged or missing. */
export interface Damage {
  /** Path of the file. */
  readonly file: string;
  /** Byte position in it, where that is known. */
  readonly position: number | undefined;
  /** Offset of the first record that it concerns, where that is known. */
  readonly offset: number | undefined;
  readonly message: string;
}

/** Offsets [from, to). */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/** The end of what is whole from a segment's beginning on. */
export interface WholeFront {
  readonly offset: number;
  readonly position: number;
  /** Header checksum of the last whole batch; 0 if there is none. */
  readonly checksum: number;
  /** Time of the first batch, in ms; 0 if there is none. */
  readonly firstTime: number;
}

/** A segment, and what is wrong with it. */
export interface SegmentExamination {
  readonly segment: Segment;
  readonly damage: readonly Damage[];
  /** Its only fault is its header, which the manifest and the batches make up for. */
  readonly headerOnly: boolean;
  /** Offset of its first record, as the segments before it have it. */
  readonly begin: number;
  readonly whole: WholeFront;
  /** Records in whole batches behind damage. */
  readonly intact: readonly OffsetRange[];
  /** Positions between whole batches where there are none, in order. */
  readonly gaps: readonly ByteRange[];
  readonly batches: number;
  readonly records: number;
  /** Bytes that were read and checked. */
  readonly bytes: number;
}

export interface LogExamination {
  readonly segments: readonly SegmentExamination[];
  /** Batches at the end that were never proved acknowledged and did not arrive whole. */
  readonly tear: Tear | undefined;
}

/** How far a look at a whole log is. */
export interface Progress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface Watch {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly visit?: RecordVisitor | undefined;
}

/** Told of whole records in order; the reading waits for a promise that it returns. */
export type RecordVisitor = (record: LogRecord) => undefined | Promise<void>;

/** Examines the segments of a manifest. Throws `LOG_IO` and the signal's reason, never for damage. */
export async function examineLog(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  watch: Watch,
): Promise<LogExamination> {
  const { sealed, unsealed } = segmentsOf(fileSystem, directory, manifest);
  const walk = new Walk(fileSystem, watch, [...sealed, ...unsealed]);
  try {
    const segments: SegmentExamination[] = [];
    for (const segment of sealed) segments.push(await examineSealed(segment, walk));
    const verdict = await tailVerdict(manifest, unsealed);
    let offset = unsealed[0]?.baseOffset ?? 0;
    // Of what is sealed the manifest has the end, whatever is damaged in it.
    let isBehindDamage = false;
    for (const segment of unsealed) {
      // Behind what opening would read there are zeros, torn bytes, or what a live writer is at.
      const limit = verdict.read ? segment.size : undefined;
      if (isBehindDamage) {
        const due = offset;
        offset = firstOffsetIn(fileSystem, segment, due);
        const before = segments.at(-1);
        // It looks whole but for its header, and is not: records between the two are gone with that.
        if (offset > due && before?.headerOnly === true)
          segments.splice(-1, 1, { ...before, headerOnly: false });
      }
      const found = reachingFloor(manifest, await walk.pass(segment, offset, limit));
      const first = verdict.damage?.file === segment.path ? [verdict.damage] : [];
      const others = found.damage.filter(({ position }) => position !== verdict.damage?.position);
      const damage = [...first, ...others];
      segments.push({ ...found, damage });
      offset = found.whole.offset;
      // One that is whole has an end that the next begins at, or there is a tear between them.
      isBehindDamage = damage.length > 0 || (isBehindDamage && found.records === 0);
    }
    return { segments, tear: verdict.tear };
  } finally {
    for (const segment of [...sealed, ...unsealed]) segment.closeSync();
  }
}

/** Where a segment behind a damaged one begins: what that lost is not its fault. */
function firstOffsetIn(fileSystem: FileSystem, { path }: Segment, due: number): number {
  if (sizeOf(fileSystem, path) <= SEGMENT_HEADER_LENGTH) return due;
  const found = inspectStore(fileSystem, path);
  return found.kind === "store" && found.hasRecords ? Math.max(found.firstOffset, due) : due;
}

/** Torn or corrupt, as opening would decide it. */
async function tailVerdict(
  manifest: Manifest,
  unsealed: readonly Segment[],
): Promise<{ read: boolean; tear?: Tear | undefined; damage?: Damage }> {
  try {
    const { tear } = await readTail(manifest, unsealed);
    return { read: true, tear };
  } catch (error) {
    // A store that is not there is found when its turn comes.
    if (error instanceof LogError && isGone(error.cause)) return { read: false };
    return { read: false, damage: damageOf(error) };
  }
}

async function examineSealed(segment: Segment, walk: Walk): Promise<SegmentExamination> {
  const { baseOffset, endOffset, lastChecksum } = segment;
  const found = await walk.pass(segment, baseOffset, segment.size);
  const { whole } = found;
  if (found.damage.length > 0 && !found.headerOnly) return found;
  if (whole.offset === endOffset && whole.checksum === lastChecksum) return found;
  const damage = {
    file: segment.path,
    position: whole.position,
    offset: whole.offset,
    message: `the store is not the one that was sealed: records up to offset ${whole.offset}, not ${endOffset}`,
  };
  return { ...found, headerOnly: false, damage: [...found.damage, damage] };
}

/** Zeros look like the end: that there was more, where the header keeps opening from coming so far, the floor tells. */
function reachingFloor({ floor }: Manifest, found: SegmentExamination): SegmentExamination {
  const { segment, whole } = found;
  if (floor.segmentId !== segment.id || whole.position >= floor.position) return found;
  if (found.damage.some(({ position }) => position === whole.position)) return found;
  const damage = {
    file: segment.path,
    position: whole.position,
    offset: whole.offset,
    message: `records that had been acknowledged are damaged or missing: there were records up to offset ${floor.offset} at least`,
  };
  return { ...found, headerOnly: false, damage: [...found.damage, damage] };
}

/** A typed error as damage; what is no damage (I/O, an unknown version, a bug) is thrown on. */
export function damageOf(error: unknown): Damage {
  if (!(error instanceof LogError) || error.code !== "LOG_CORRUPT") throw error;
  const { file = "", position, offset, message } = error;
  return { file, position, offset, message };
}

/** Goes through stores one after the other, at a pace, and past damage. */
class Walk {
  readonly #fileSystem: FileSystem;
  readonly #pace: Pace;
  readonly #watch: Watch;
  readonly #bytesTotal: number;
  #bytesDone = 0;

  constructor(fileSystem: FileSystem, watch: Watch, segments: readonly Segment[]) {
    this.#fileSystem = fileSystem;
    this.#watch = watch;
    this.#pace = new Pace(watch.signal);
    this.#bytesTotal = segments.reduce((bytes, { path }) => bytes + sizeOf(fileSystem, path), 0);
  }

  /** Looks at a store up to `limit`, by default its end; a segment that is missing is all damage. */
  async pass(
    segment: Segment,
    offset: number,
    limit: number | undefined,
  ): Promise<SegmentExamination> {
    const damage: Damage[] = [];
    const whole = { offset, position: SEGMENT_HEADER_LENGTH, checksum: 0, firstTime: 0 };
    const begin = offset;
    const none = {
      segment,
      begin,
      damage,
      whole,
      intact: [],
      gaps: [],
      batches: 0,
      records: 0,
      bytes: 0,
    };
    let file: File;
    try {
      file = this.#fileSystem.openSync(segment.path);
    } catch (cause) {
      damage.push(missing(segment, cause));
      return { ...none, headerOnly: false };
    }
    try {
      const header = headerDamage(segment);
      const end = Math.min(limit ?? Number.MAX_SAFE_INTEGER, file.sizeSync());
      // As whoever reads it: no batch is older than its segment, where that says when it was made.
      const time = header === undefined ? segment.createdAt : 0;
      const range = { from: SEGMENT_HEADER_LENGTH, limit: end, offset, time };
      const walked = await this.#walk(segment, file, range, damage);
      const headerOnly = header !== undefined && damage.length === 0;
      if (header !== undefined) damage.unshift(header);
      return { ...none, ...walked, headerOnly };
    } finally {
      file.closeSync();
    }
  }

  async #walk(segment: Segment, file: File, begin: ScanRange, damage: Damage[]) {
    const { limit } = begin;
    const intact: OffsetRange[] = [];
    const gaps: ByteRange[] = [];
    let whole: WholeFront | undefined;
    let [batches, records, firstTime] = [0, 0, 0];
    let range = begin;
    for (;;) {
      const scan = new StoreScan({ file }, segment.marker, range);
      for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
        if (batches === 0) firstTime = batch.header.time;
        batches += 1;
        records += batch.header.count;
        await this.#show(batch);
        if (this.#pace.due) await this.#rest(scan.position);
      }
      if (whole !== undefined && scan.offset > range.offset)
        intact.push({ from: range.offset, to: scan.offset });
      const { offset: end, position, lastChecksum: checksum } = scan;
      whole ??= { offset: end, position, checksum, firstTime };
      if (!isDamage(scan.stop)) break;
      const { message } = scan.error(segment.path);
      damage.push({ file: segment.path, position: scan.position, offset: scan.offset, message });
      const next = this.#nextWhole(file, segment.marker, scan, limit);
      gaps.push({ from: scan.position, to: next?.position ?? limit });
      if (next === undefined) break;
      range = { from: next.position, limit, offset: next.offset, time: next.time };
    }
    this.#bytesDone += limit;
    return { whole, intact, gaps, batches, records, bytes: limit };
  }

  async #show(batch: ScannedBatch): Promise<void> {
    const { visit } = this.#watch;
    if (visit === undefined) return;
    for (const record of recordsIn(batch)) await visit(record);
  }

  /** The next batch whose header is valid; bodies of damaged batches are searched too. */
  #nextWhole(file: File, marker: number, scan: StoreScan, limit: number) {
    for (const { position, header } of headersIn(file, marker, scan.position + 1, limit)) {
      if (header.firstOffset >= scan.offset)
        return { position, offset: header.firstOffset, time: header.time };
    }
    return undefined;
  }

  async #rest(position: number): Promise<void> {
    this.#watch.onProgress?.({
      bytesDone: this.#bytesDone + position,
      bytesTotal: this.#bytesTotal,
    });
    await this.#pace.rest();
  }
}

function isDamage(stop: ScanStop | undefined): boolean {
  return stop?.kind === "bad" || stop?.kind === "unsupported";
}

/** What is wrong with a segment's header, which opening it checks. */
function headerDamage(segment: Segment): Damage | undefined {
  try {
    segment.file.sizeSync();
    return undefined;
  } catch (error) {
    return damageOf(error);
  }
}

function missing({ path: file, baseOffset: offset }: Segment, cause: unknown): Damage {
  const error = ioError("opening a segment", cause);
  if (!isGone(cause)) throw error;
  const message =
    cause.code === "ENOENT" ? "the segment is missing" : "the segment is no regular file";
  return { file, position: undefined, offset, message };
}

export function isGone(cause: unknown): cause is FileSystemError {
  return cause instanceof FileSystemError && (cause.code === "ENOENT" || cause.code === "ENOTREG");
}

/** For progress alone: what cannot be looked at counts as nothing, and is found when its turn comes. */
function sizeOf(fileSystem: FileSystem, path: string): number {
  try {
    return fileSystem.sizeSync(path);
  } catch (error) {
    if (error instanceof FileSystemError) return 0;
    throw error;
  }
}
