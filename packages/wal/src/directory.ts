// What lies in a log's directory, held against its manifest: what must be there, what is left over from a
// step that a crash cut off, and what is foreign. Only a writer removes anything, and of segments only
// those that a manifest lists as being dropped or that hold no record.

import { ioError, LogError } from "./errors.js";
import type { DirectoryEntry, FileSystem } from "./file-system.js";
import type { Manifest, ManifestSegment } from "./manifest.js";
import { indexName, isNewName, isOurs, join, MANIFEST, storeId, storeName } from "./names.js";
import { headersIn } from "./scan.js";
import { decodeSegmentHeader, SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** Entries of a directory by name. */
export type EntryMap = ReadonlyMap<string, DirectoryEntry>;

/** The entries of a directory by name; undefined if there is no such directory. */
export function listEntries(fileSystem: FileSystem, directory: string): EntryMap | undefined {
  try {
    return new Map(fileSystem.listSync(directory).map((entry) => [entry.name, entry]));
  } catch (cause) {
    const error = ioError("listing the log's directory", cause);
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: LogError): boolean {
  return error.cause instanceof Error && "code" in error.cause && error.cause.code === "ENOENT";
}

/**
 * For a directory without a manifest: throws if it holds segments (`LOG_CORRUPT`: the manifest comes first of
 * all files, so it was lost) or is something else altogether (`LOG_INVALID_ARGUMENT`).
 */
export function checkCreatable(fileSystem: FileSystem, directory: string, entries: EntryMap): void {
  const manifest = join(directory, MANIFEST);
  for (const { name, kind } of entries.values()) {
    if (storeId(name) === undefined || kind !== "file") continue;
    if (inspectStore(fileSystem, join(directory, name)).kind === "foreign") continue;
    throw new LogError(
      "LOG_CORRUPT",
      `the manifest is missing beside segment ${name}; repairLog can rebuild it`,
      { file: manifest, position: 0, offset: 0, expected: "a manifest", actual: "none" },
    );
  }
  for (const { name } of entries.values()) {
    if (isOurs(name) && storeId(name) === undefined) continue;
    throw new LogError("LOG_INVALID_ARGUMENT", "this directory is not empty and holds no log", {
      file: directory,
      expected: "an empty directory, or none",
      actual: name,
    });
  }
}

/** Throws the first of {@link filesAtFault}. */
export function checkFiles(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  entries: EntryMap,
): void {
  for (const error of filesAtFault(fileSystem, directory, manifest, entries)) throw error;
}

/**
 * `LOG_CORRUPT` for each segment that is missing, no regular file or of another size than when it was sealed,
 * and for each that has records of this log and is unknown to the manifest.
 */
export function* filesAtFault(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  entries: EntryMap,
): Generator<LogError, void, void> {
  for (const segment of manifest.segments) {
    const entry = entries.get(storeName(segment.id));
    const error = segmentAtFault(
      fileSystem,
      join(directory, storeName(segment.id)),
      segment,
      entry,
    );
    if (error !== undefined) yield error;
  }
  const known = new Set([...manifest.segments.map(({ id }) => id), ...manifest.dropping]);
  for (const { name, kind } of entries.values()) {
    const id = storeId(name);
    if (id === undefined || known.has(id) || kind !== "file") continue;
    const file = join(directory, name);
    const found = inspectStore(fileSystem, file);
    if (found.kind !== "store" || found.logId !== manifest.logId || !found.hasRecords) continue;
    const reason =
      "a segment with records is unknown to the manifest, which therefore is older than the log (put back from a copy?)";
    yield new LogError("LOG_CORRUPT", reason, { file, offset: found.firstOffset, position: 0 });
  }
}

function segmentAtFault(
  fileSystem: FileSystem,
  file: string,
  segment: ManifestSegment,
  entry: DirectoryEntry | undefined,
): LogError | undefined {
  const { state, baseOffset, endOffset, size } = segment;
  const found = { file, offset: baseOffset };
  if (entry === undefined) {
    const records =
      state === "sealed" ? `${baseOffset} to ${endOffset - 1}` : `from ${baseOffset} on`;
    return new LogError("LOG_CORRUPT", `a segment is missing, with records ${records}`, found);
  }
  if (entry.kind !== "file") {
    const details = { ...found, expected: "file", actual: entry.kind };
    return new LogError("LOG_CORRUPT", "a segment is no regular file", details);
  }
  const actual = state === "sealed" ? sizeOf(fileSystem, file) : size;
  if (actual === size) return undefined;
  const details = { ...found, position: Math.min(actual, size), expected: size, actual };
  return new LogError(
    "LOG_CORRUPT",
    "a sealed segment has another size than when it was sealed",
    details,
  );
}

function sizeOf(fileSystem: FileSystem, path: string): number {
  try {
    return fileSystem.sizeSync(path);
  } catch (cause) {
    throw ioError("looking at a sealed segment", cause);
  }
}

/** What a file of a store's name turns out to be. */
export type StoreInspection =
  | { readonly kind: "foreign" }
  | {
      readonly kind: "store";
      readonly logId: string;
      readonly id: number;
      readonly marker: number;
      readonly createdAt: number;
      readonly hasRecords: boolean;
      readonly firstOffset: number;
    };

export function inspectStore(fileSystem: FileSystem, path: string): StoreInspection {
  try {
    const file = fileSystem.openSync(path);
    try {
      const bytes = new Uint8Array(SEGMENT_HEADER_LENGTH);
      const verdict = decodeSegmentHeader(bytes.subarray(0, file.readSync(bytes, 0)));
      if (verdict.kind !== "valid") return { kind: "foreign" };
      const { header } = verdict;
      for (const batch of headersIn(file, header.marker, SEGMENT_HEADER_LENGTH, file.sizeSync())) {
        if (batch.header.count === 0) continue;
        return {
          kind: "store",
          ...header,
          hasRecords: true,
          firstOffset: batch.header.firstOffset,
        };
      }
      return { kind: "store", ...header, hasRecords: false, firstOffset: 0 };
    } finally {
      file.closeSync();
    }
  } catch (cause) {
    throw cause instanceof LogError ? cause : ioError("looking at a segment", cause);
  }
}

/** Names that a writer removes: files under construction, what is being dropped, segments that hold no record. */
export function leftovers(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  entries: EntryMap,
): string[] {
  const live = new Set(manifest.segments.map(({ id }) => id));
  const names: string[] = [];
  for (const { name, kind } of entries.values()) {
    if (kind !== "file") continue;
    const id = storeId(name);
    if (isNewName(name)) names.push(name);
    else if (id === undefined || live.has(id) || manifest.dropping.includes(id)) continue;
    else {
      const found = inspectStore(fileSystem, join(directory, name));
      if (found.kind === "store" && found.logId === manifest.logId && !found.hasRecords)
        names.push(name);
    }
  }
  for (const id of manifest.dropping) {
    for (const name of [storeName(id), indexName(id)]) if (entries.has(name)) names.push(name);
  }
  return names;
}
