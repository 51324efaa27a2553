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
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#manifest = manifest;
    this.list = list;
    this.#provedOffset = manifest.floor.offset;
  }

  static async open(
    fileSystem: FileSystem,
    directory: string,
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
        const reader = new LiveReader(fileSystem, directory, manifest, opened.list);
        if (opened.live) reader.#begin(manifest);
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

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Takes in what the writer has made durable since. Throws as opening does. */
  refresh(): void {
    let before: Manifest | undefined;
    for (let attempt = 1; ; attempt++) {
      const manifest = readManifest(this.#fileSystem, this.#directory);
      if (manifest === undefined) throw noLog(this.#fileSystem, this.#directory);
      try {
        if (manifest.generation !== this.#manifest.generation) this.#adopt(manifest);
        this.#advance(manifest);
        return;
      } catch (error) {
        const repeated = before?.generation === manifest.generation;
        if (attempt >= ATTEMPTS_MAX || repeated || !(error instanceof LogError)) throw error;
        before = manifest;
      }
    }
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

  /** Takes over another manifest's segments; those that it shares stay as they are. */
  #adopt(manifest: Manifest): void {
    const { list } = this;
    const entries = listEntries(this.#fileSystem, this.#directory);
    if (entries === undefined) throw notFound(this.#directory);
    checkFiles(this.#fileSystem, this.#directory, manifest, entries);
    const { sealed, unsealed } = segmentsOf(this.#fileSystem, this.#directory, manifest);
    const known = new Map(list.segments.map((segment) => [segment.id, segment]));
    const segments = [...sealed, ...unsealed].map((fresh) => {
      const old = known.get(fresh.id);
      return old?.sealed === fresh.sealed ? old : fresh;
    });
    const cuts = manifest.truncationGeneration - list.truncationGeneration;
    const gone = list.segments.filter((segment) => !segments.includes(segment));
    list.replace(segments);
    list.startOffset = manifest.startOffset;
    this.#manifest = manifest;
    if (cuts > 0) {
      this.#provedOffset = Math.min(this.#provedOffset, manifest.truncatedFrom);
      list.cut(manifest.truncatedFrom, manifest.truncationGeneration);
    }
    for (const segment of gone) segment.closeSync();
  }

  /** Reads on in the unsealed segments up to what is proved durable. */
  #advance(manifest: Manifest): void {
    const { list } = this;
    const live = isWritten(this.#fileSystem, this.#directory);
    let offset = manifest.startOffset;
    let proved = Math.max(this.#provedOffset, manifest.floor.offset);
    const found: { segment: Segment; headers: BatchHeader[] }[] = [];
    for (const segment of list.segments) {
      if (segment.sealed) {
        offset = segment.endOffset;
        continue;
      }
      if (segment.size === SEGMENT_HEADER_LENGTH) segment.begin(offset);
      const headers: BatchHeader[] = [];
      const limit = segment.file.sizeSync();
      const scan = new StoreScan(segment, segment.marker, {
        from: segment.size,
        limit,
        offset: segment.endOffset,
        time: segment.createdAt,
      });
      for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
        headers.push(batch.header);
        proved = Math.max(proved, batch.header.durableOffset);
      }
      found.push({ segment, headers });
      offset = scan.offset;
      if (scan.stop?.kind === "unsupported") throw scan.error(segment.path);
      if (scan.stop?.kind === "bad") {
        if (offset < proved) throw scan.error(segment.path);
        break;
      }
    }
    if (offset < proved) {
      throw new LogError("LOG_CORRUPT", "records that had been acknowledged are missing", {
        file: this.#directory,
        offset,
        expected: `records up to ${proved - 1} at least`,
      });
    }
    // Beside a live writer the batches above may yet be rejected and cut back.
    this.#show(found, live ? proved : offset, Math.max(proved, this.#provedOffset));
  }

  #show(
    found: readonly { segment: Segment; headers: readonly BatchHeader[] }[],
    end: number,
    proved: number,
  ): void {
    const { list } = this;
    let endOffset = list.startOffset;
    for (const segment of list.segments) if (segment.sealed) endOffset = segment.endOffset;
    for (const { segment, headers } of found) {
      for (const header of headers) {
        if (header.firstOffset + header.count > end) break;
        segment.extend(header);
      }
      endOffset = Math.max(endOffset, segment.endOffset);
    }
    this.#provedOffset = proved;
    const grew = endOffset > list.endOffset;
    list.endOffset = endOffset;
    list.durableOffset = Math.min(endOffset, Math.max(proved, list.durableOffset));
    if (grew) list.wake();
  }
}

const UNTOUCHED = { created: false, rewrittenBytes: 0, removed: [], takenOver: undefined };

/** Whether a writer may be at work: in doubt, yes. */
function isWritten(fileSystem: FileSystem, directory: string): boolean {
  return describeHolder(fileSystem, directory)?.alive ?? false;
}

function hasChanged(fileSystem: FileSystem, directory: string, manifest: Manifest): boolean {
  return (
    readManifest(fileSystem, directory)?.generation !== manifest.generation ||
    isWritten(fileSystem, directory)
  );
}

function openBesideWriter(fileSystem: FileSystem, directory: string, manifest: Manifest) {
  const entries = listEntries(fileSystem, directory) ?? new Map();
  checkFiles(fileSystem, directory, manifest, entries);
  const { sealed, unsealed } = segmentsOf(fileSystem, directory, manifest);
  const list = new SegmentList(manifest.startOffset);
  list.replace([...sealed, ...unsealed]);
  list.truncationGeneration = manifest.truncationGeneration;
  const report = { orderly: false, provedOffset: manifest.floor.offset, torn: undefined };
  return { list, report, live: true };
}

/** Undefined if a writer came meanwhile. */
async function openAtRest(fileSystem: FileSystem, directory: string, manifest: Manifest) {
  const entries = listEntries(fileSystem, directory) ?? new Map();
  checkFiles(fileSystem, directory, manifest, entries);
  const { sealed, unsealed } = segmentsOf(fileSystem, directory, manifest);
  const tail = await readTail(manifest, unsealed).catch((error: unknown) => {
    for (const segment of unsealed) segment.closeSync();
    throw error;
  });
  if (isWritten(fileSystem, directory)) {
    for (const segment of unsealed) segment.closeSync();
    return undefined;
  }
  const { list } = listOf(manifest, sealed, tail);
  list.durableOffset = tail.provenOffset;
  return { list, report: reportOf(manifest, tail, []), live: false };
}
