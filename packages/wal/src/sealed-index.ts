// The index of a sealed segment: mapped from its file where that verifies, else rebuilt by a scan of the store,
// which must then hold exactly what the manifest says of it. It is a cache, never trusted over the store.

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
  const bytes = mapIndex(fileSystem, join(directory, indexName(store.id)));
  if (bytes === undefined) return rebuildIndex(store);
  const { id: segmentId, marker, baseOffset, endOffset, size: storeSize, createdAt } = store;
  const expected = { segmentId, marker, baseOffset, endOffset, storeSize, createdAt };
  const verdict = BatchIndex.decode(bytes, expected);
  return verdict.kind === "valid" ? { index: verdict.index, rebuilt: false } : rebuildIndex(store);
}

function mapIndex(fileSystem: FileSystem, path: string): Uint8Array | undefined {
  try {
    const file = fileSystem.openSync(path);
    try {
      return file.map().bytes;
    } finally {
      file.closeSync();
    }
  } catch (error) {
    // Missing, unreadable or no file at all: whatever it is, the store has it all.
    if (error instanceof FileSystemError) return undefined;
    throw error;
  }
}

export function rebuildIndex(store: IndexedStore): LoadedIndex {
  const index = BatchIndex.empty(store.baseOffset, store.createdAt);
  const range = { from: SEGMENT_HEADER_LENGTH, limit: store.size, offset: store.baseOffset };
  const scan = new StoreScan(store, store.marker, range);
  for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
    const { count, firstOffset, time } = batch.header;
    if (count > 0) index.append(firstOffset, batch.position, time);
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
