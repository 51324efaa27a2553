// The index of a sealed segment: mapped from its file where that verifies, else rebuilt by a scan of the store,
// which must then hold exactly what the manifest says of it. It is a cache, never trusted over the store.

import type { BatchHeader } from "./batch.js";
import { BatchIndex } from "./batch-index.js";
import { LogError } from "./errors.js";
import { type FileSystem, FileSystemError } from "./file-system.js";
import { indexName, join } from "./names.js";
import { type ScanSource, StoreScan } from "./scan.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** A segment as far as its index depends on it. */
export interface IndexedStore extends ScanSource {
  readonly id: number;
  readonly marker: number;
  readonly path: string;
  readonly createdAt: number;
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly size: number;
  readonly lastChecksum: number;
}

export interface LoadedIndex {
  readonly index: BatchIndex;
  readonly rebuilt: boolean;
}

/** Throws only what the store's own damage or failure brings: `LOG_CORRUPT`, `LOG_IO`. */
export function loadIndex(
  fileSystem: FileSystem,
  directory: string,
  store: IndexedStore,
): LoadedIndex {
  const index = readIndex(fileSystem, directory, store);
  return index === undefined ? rebuildIndex(store) : { index, rebuilt: false };
}

/** The index as its file has it; undefined where that is missing or does not verify. */
export function readIndex(
  fileSystem: FileSystem,
  directory: string,
  store: IndexedStore,
): BatchIndex | undefined {
  const bytes = mapIndex(fileSystem, join(directory, indexName(store.id)), store.size);
  if (bytes === undefined) return undefined;
  const { id: segmentId, marker, baseOffset, endOffset, size: storeSize, createdAt } = store;
  const expected = { segmentId, marker, baseOffset, endOffset, storeSize, createdAt };
  const verdict = BatchIndex.decode(bytes, expected);
  return verdict.kind === "valid" ? verdict.index : undefined;
}

function mapIndex(fileSystem: FileSystem, path: string, storeSize: number): Uint8Array | undefined {
  try {
    const file = fileSystem.openSync(path);
    try {
      // An index takes far less than its store; a file of any size may have its name.
      return file.sizeSync() <= storeSize ? file.map().bytes : undefined;
    } finally {
      file.closeSync();
    }
  } catch (error) {
    // Missing, unreadable or no file at all: whatever it is, the store has it all.
    if (error instanceof FileSystemError) return undefined;
    throw error;
  }
}

/** Adds a batch that was read; one that no writer would have put here is damage, however right its checksums are. */
export function addToIndex(
  index: BatchIndex,
  file: string,
  { count, firstOffset, time }: Pick<BatchHeader, "count" | "firstOffset" | "time">,
  position: number,
): void {
  if (count === 0) return;
  if (!index.canHold(firstOffset, position, time)) {
    const details = { file, position, offset: firstOffset, actual: time };
    throw new LogError("LOG_CORRUPT", "a batch whose time or place a segment cannot have", details);
  }
  index.append(firstOffset, position, time);
}

export function rebuildIndex(store: IndexedStore): LoadedIndex {
  const index = BatchIndex.empty(store.baseOffset, store.createdAt);
  const { size: limit, baseOffset: offset, createdAt: time } = store;
  const range = { from: SEGMENT_HEADER_LENGTH, limit, offset, time };
  const scan = new StoreScan(store, store.marker, range);
  for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
    addToIndex(index, store.path, batch.header, batch.position);
  }
  if (scan.stop?.kind !== "limit") throw scan.error(store.path);
  if (scan.offset !== store.endOffset || scan.lastChecksum !== store.lastChecksum) {
    throw new LogError("LOG_CORRUPT", "the store is not the one that was sealed", {
      file: store.path,
      position: store.size,
      offset: scan.offset,
      expected: `records up to offset ${store.endOffset}, checksum ${store.lastChecksum}`,
      actual: `records up to offset ${scan.offset}, checksum ${scan.lastChecksum}`,
    });
  }
  return { index, rebuilt: true };
}
