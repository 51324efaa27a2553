// A read-only view of a log's directory, beside a live writer or at rest. It changes nothing on disk.
// Beside a live writer it shows what is proved durable; at rest, every whole batch. A bad verdict stands only
// if it repeats with the manifest's generation unchanged: a writer may have rotated or truncated meanwhile.

import type { BatchHeader } from "./batch.js";
import { checkFiles, listEntries } from "./directory.js";
import { ioError, LogError } from "./errors.js";
import type { FileSystem } from "./file-system.js";
import { describeHolder } from "./lock.js";
import type { Manifest } from "./manifest.js";
import { readManifest } from "./manifest-file.js";
import { listOf, noLog, notFound, reportOf, segmentsOf } from "./opening.js";
import type { RecoveryReport } from "./recovery.js";
import { StoreScan } from "./scan.js";
import type { Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import { SegmentList } from "./segment-list.js";
import { readTail } from "./tail.js";

/** Attempts to read a directory that changes under the reader before an error is believed. */
const ATTEMPTS_MAX = 8;
/** How often it looks for what the writer has made durable, while someone waits for that. */
const POLL_MS = 20;

export class LiveReader {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly list: SegmentList;
  #manifest: Manifest;
  #provedOffset: number;
  #timer: NodeJS.Timeout | undefined;
  #failure: LogError | undefined;

  private constructor(
    fileSystem: FileSystem,
    directory: string,
    manifest: Manifest,
    list: SegmentList,
    toldOffset: number,
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#manifest = manifest;
    this.list = list;
    this.#provedOffset = Math.max(manifest.floor.offset, toldOffset);
    list.renew = () => this.#renew();
  }

  /** `toldOffset`: below it all is durable, as the writer told someone who tells us. */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    toldOffset: number,
  ): Promise<{ reader: LiveReader; recovery: RecoveryReport }> {
    const startMs = performance.now();
    for (let attempt = 1; ; attempt++) {
      const manifest = readManifest(fileSystem, directory);
      if (manifest === undefined) throw noLog(fileSystem, directory);
      try {
        const opened = isWritten(fileSystem, directory)
          ? openBesideWriter(fileSystem, directory, manifest)
          : await openAtRest(fileSystem, directory, manifest);
        if (opened === undefined) continue;
        const reader = new LiveReader(fileSystem, directory, manifest, opened.list, toldOffset);
        if (opened.live) reader.#begin(manifest);
        else reader.#checkEnd();
        const { startOffset, endOffset } = reader.list;
        const durationMs = performance.now() - startMs;
        const recovery = { ...opened.report, startOffset, endOffset, durationMs };
        return { reader, recovery: { ...UNTOUCHED, ...recovery } };
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || !hasChanged(fileSystem, directory, manifest)) throw error;
      }
    }
  }

  #begin(manifest: Manifest): void {
    try {
      this.#advance(manifest);
    } catch (error) {
      this.list.closeSync();
      throw error;
    }
  }

  /** At rest every whole batch is shown already: what was told to be durable must be among them. */
  #checkEnd(): void {
    const { list } = this;
    const { endOffset } = list;
    list.durableOffset = Math.min(endOffset, Math.max(list.durableOffset, this.#provedOffset));
    if (endOffset >= this.#provedOffset) return;
    list.closeSync();
    throw missingRecords(this.#directory, endOffset, this.#provedOffset);
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Takes in what the writer has made durable since. Throws as opening does. */
  refresh(): void {
    let before: Manifest | undefined;
    for (let attempt = 1; ; attempt++) {
      const manifest = readManifest(this.#fileSystem, this.#directory);
      if (manifest === undefined) throw noLog(this.#fileSystem, this.#directory);
      if (manifest.logId !== this.#manifest.logId) throw otherLog(this.#directory, manifest);
      try {
        this.#advance(manifest);
        this.#failure = undefined;
        return;
      } catch (error) {
        const repeated = before?.generation === manifest.generation;
        if (attempt >= ATTEMPTS_MAX || repeated || !(error instanceof LogError)) throw error;
        before = manifest;
      }
    }
  }

  #renew(): boolean {
    const { generation } = this.#manifest;
    this.refresh();
    return this.#manifest.generation !== generation;
  }

  /** Why looking for more failed while nobody asked, so that those who wait can be told. */
  get failure(): LogError | undefined {
    return this.#failure;
  }

  /** Looks for more again and again, as long as someone waits for a change of the list. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      try {
        this.refresh();
      } catch (error) {
        this.#failure =
          error instanceof LogError ? error : ioError("looking for new records", error);
        this.list.wake();
      }
      if (this.list.hasWaiters) this.watch();
    }, POLL_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Reads on up to what is proved durable; changes what is shown only once all of it is known. */
  #advance(manifest: Manifest): void {
    const { list } = this;
    const renewed = manifest.generation !== this.#manifest.generation;
    if (renewed) checkPresent(this.#fileSystem, this.#directory, manifest);
    const cut = manifest.truncationGeneration !== list.truncationGeneration;
    const before = cut ? Math.min(this.#provedOffset, manifest.truncatedFrom) : this.#provedOffset;
    const liveBefore = isWritten(this.#fileSystem, this.#directory);
    const known = new Map(list.segments.map((segment) => [segment.id, segment]));
    const { sealed, unsealed } = segmentsOf(this.#fileSystem, this.#directory, manifest, known);
    const found = this.#probe(unsealed, Math.max(before, manifest.floor.offset));
    const live = liveBefore || isWritten(this.#fileSystem, this.#directory);
    // Beside a live writer the batches above may yet be rejected and cut back.
    const shown = extend(found, live ? found.provedOffset : found.endOffset);
    const segments = [...sealed, ...shown];
    const gone = list.segments.filter((segment) => !segments.includes(segment));
    list.replace(segments);
    list.startOffset = manifest.startOffset;
    if (cut) list.cut(manifest.truncatedFrom, manifest.truncationGeneration);
    this.#manifest = manifest;
    this.#provedOffset = found.provedOffset;
    const grew = this.#moveEnd(segments[segments.length - 1]?.endOffset ?? manifest.startOffset);
    const reason = new LogError("LOG_TRUNCATED", "the records here have been dropped");
    for (const segment of [...gone, ...unsealed]) {
      if (!segments.includes(segment)) segment.retire(reason);
    }
    if (grew || cut) list.wake();
  }

  /** As `probe`; lets go of what it opened when that throws. */
  #probe(unsealed: readonly Segment[], floor: number): Probe {
    try {
      return probe(unsealed, floor, this.#directory);
    } catch (error) {
      const { segments } = this.list;
      for (const segment of unsealed) if (!segments.includes(segment)) segment.closeSync();
      throw error;
    }
  }

  #moveEnd(endOffset: number): boolean {
    const { list } = this;
    const durableOffset = Math.min(endOffset, this.#provedOffset);
    const grew = endOffset > list.endOffset || durableOffset > list.durableOffset;
    list.endOffset = endOffset;
    list.durableOffset = durableOffset;
    return grew;
  }
}

function otherLog(directory: string, { logId }: Manifest): LogError {
  return new LogError("LOG_NOT_FOUND", "another log has taken the place of the one opened here", {
    file: directory,
    actual: logId,
  });
}

/** Batches behind what is shown, whole and in order. */
interface Probe {
  readonly found: readonly { segment: Segment; headers: readonly BatchHeader[] }[];
  readonly endOffset: number;
  readonly provedOffset: number;
}

/** Looks for whole batches behind what each segment reaches to. Throws if they end below what is proved durable. */
function probe(segments: readonly Segment[], floor: number, directory: string): Probe {
  const found: { segment: Segment; headers: BatchHeader[] }[] = [];
  let offset = segments[0]?.baseOffset ?? floor;
  let provedOffset = floor;
  for (const segment of segments) {
    if (segment.size === SEGMENT_HEADER_LENGTH) segment.begin(offset);
    const headers: BatchHeader[] = [];
    const range = { from: segment.size, limit: segment.file.sizeSync(), offset: segment.endOffset };
    const scan = new StoreScan(segment, segment.marker, { ...range, time: segment.createdAt });
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      headers.push(batch.header);
      provedOffset = Math.max(provedOffset, batch.header.durableOffset);
    }
    found.push({ segment, headers });
    offset = scan.offset;
    if (scan.stop?.kind === "unsupported") throw scan.error(segment.path);
    if (scan.stop?.kind !== "bad") continue;
    if (offset < provedOffset) throw scan.error(segment.path);
    break;
  }
  if (offset >= provedOffset) return { found, endOffset: offset, provedOffset };
  throw missingRecords(directory, offset, provedOffset);
}

function missingRecords(directory: string, endOffset: number, provedOffset: number): LogError {
  return new LogError("LOG_CORRUPT", "records that had been acknowledged are missing", {
    file: directory,
    offset: endOffset,
    expected: `records up to ${provedOffset - 1} at least`,
  });
}

/** Takes in what ends at or below `end`; the segments that have something to show, and the first. */
function extend({ found }: Probe, end: number): Segment[] {
  for (const { segment, headers } of found) {
    for (const header of headers) {
      if (header.firstOffset + header.count > end) break;
      segment.extend(header);
    }
  }
  const segments = found.map(({ segment }) => segment);
  return segments.filter((segment, index) => index === 0 || segment.size > SEGMENT_HEADER_LENGTH);
}

const UNTOUCHED = { created: false, rewrittenBytes: 0, removed: [], takenOver: undefined };

/** Whether a writer may be at work: in doubt, yes. */
function isWritten(fileSystem: FileSystem, directory: string): boolean {
  return describeHolder(fileSystem, directory)?.alive ?? false;
}

function checkPresent(fileSystem: FileSystem, directory: string, manifest: Manifest): void {
  const entries = listEntries(fileSystem, directory);
  if (entries === undefined) throw notFound(directory);
  checkFiles(fileSystem, directory, manifest, entries);
}

function hasChanged(fileSystem: FileSystem, directory: string, manifest: Manifest): boolean {
  return (
    readManifest(fileSystem, directory)?.generation !== manifest.generation ||
    isWritten(fileSystem, directory)
  );
}

function openBesideWriter(fileSystem: FileSystem, directory: string, manifest: Manifest) {
  checkPresent(fileSystem, directory, manifest);
  const list = new SegmentList(manifest.startOffset);
  list.truncationGeneration = manifest.truncationGeneration;
  const report = { orderly: false, provedOffset: manifest.floor.offset, torn: undefined };
  return { list, report, live: true };
}

/** Undefined if a writer came meanwhile. */
async function openAtRest(fileSystem: FileSystem, directory: string, manifest: Manifest) {
  checkPresent(fileSystem, directory, manifest);
  const { sealed, unsealed } = segmentsOf(fileSystem, directory, manifest);
  let shown: readonly Segment[] = [];
  try {
    const tail = await readTail(manifest, unsealed);
    if (isWritten(fileSystem, directory)) return undefined;
    const { list } = listOf(manifest, sealed, tail);
    list.durableOffset = tail.provenOffset;
    shown = list.segments;
    return { list, report: reportOf(manifest, tail, []), live: false };
  } finally {
    for (const segment of unsealed) if (!shown.includes(segment)) segment.closeSync();
  }
}
