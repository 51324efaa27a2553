// A manifest made anew from the stores' own headers and batches, where the old one is lost or damaged. What no
// store says (generation, floor, ancestry, ids being dropped) starts over; what it says is believed only as far
// as it fits together.

import { type EntryMap, inspectStore } from "./directory.js";
import { LogError } from "./errors.js";
import { type Damage, damageOf } from "./examine.js";
import type { FileSystem } from "./file-system.js";
import type { Manifest, ManifestSegment } from "./manifest.js";
import { readManifest } from "./manifest-file.js";
import { join, MANIFEST, storeId } from "./names.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** A store with records. */
interface FoundStore {
  readonly id: number;
  readonly marker: number;
  readonly logId: string;
  readonly baseOffset: number;
}

/** The manifest, or the one made anew where it is lost or damaged, and that damage. Throws as `rebuildManifest`. */
export function readOrRebuildManifest(
  fileSystem: FileSystem,
  directory: string,
  entries: EntryMap,
): { manifest: Manifest; damage: Damage[] } {
  const stated = manifestOrDamage(fileSystem, directory);
  if ("generation" in stated) return { manifest: stated, damage: [] };
  return { manifest: rebuildManifest(fileSystem, directory, entries), damage: [stated] };
}

/** The manifest, or what is wrong with it. */
export function manifestOrDamage(fileSystem: FileSystem, directory: string): Manifest | Damage {
  try {
    const manifest = readManifest(fileSystem, directory);
    if (manifest !== undefined) return manifest;
    const message = "the manifest is missing";
    return { file: join(directory, MANIFEST), position: undefined, offset: undefined, message };
  } catch (error) {
    return damageOf(error);
  }
}

/**
 * The manifest of the log whose stores these are. Throws `LOG_CORRUPT` if no store has records, or if they
 * belong to several logs.
 */
export function rebuildManifest(
  fileSystem: FileSystem,
  directory: string,
  entries: EntryMap,
): Manifest {
  const stores: FoundStore[] = [];
  let nextSegmentId = 1;
  for (const { name, kind } of entries.values()) {
    const id = storeId(name);
    if (id === undefined || kind !== "file") continue;
    nextSegmentId = Math.max(nextSegmentId, id + 1);
    const found = readStore(fileSystem, join(directory, name), id);
    if (found !== undefined) stores.push(found);
  }
  const chain = chainOf(stores);
  const [first, last] = [chain[0], chain[chain.length - 1]];
  const file = join(directory, MANIFEST);
  if (first === undefined || last === undefined) {
    throw new LogError(
      "LOG_CORRUPT",
      "no segment with records is left to rebuild the manifest from",
      { file },
    );
  }
  const stranger = stores.find(({ logId }) => logId !== first.logId);
  if (stranger !== undefined) {
    const details = { file, expected: first.logId, actual: stranger.logId };
    throw new LogError(
      "LOG_CORRUPT",
      "the segments here belong to several logs; take the others away",
      details,
    );
  }
  return {
    logId: first.logId,
    ancestry: undefined,
    generation: 1,
    truncationGeneration: 0,
    truncatedFrom: 0,
    startOffset: first.baseOffset,
    nextSegmentId,
    floor: {
      segmentId: first.id,
      offset: first.baseOffset,
      position: SEGMENT_HEADER_LENGTH,
      checksum: 0,
    },
    segments: chain.map(unsealed),
    dropping: superseded(stores, chain, first.baseOffset),
  };
}

/** Ids of stores whose offsets the log holds elsewhere: what a cut of the end left behind. */
function superseded(
  stores: readonly FoundStore[],
  chain: readonly FoundStore[],
  startOffset: number,
): number[] {
  const left = stores.filter((store) => !chain.includes(store) && store.baseOffset >= startOffset);
  return left.map(({ id }) => id);
}

/** All count as unsealed: opening reads them whole, and seals those behind the last again. */
function unsealed({ id, marker, baseOffset }: FoundStore): ManifestSegment {
  return { id, marker, state: "unsealed", baseOffset, endOffset: 0, size: 0, lastChecksum: 0 };
}

function readStore(fileSystem: FileSystem, path: string, id: number): FoundStore | undefined {
  const found = inspectStore(fileSystem, path);
  if (found.kind !== "store" || found.id !== id || !found.hasRecords) return undefined;
  const { marker, logId, firstOffset: baseOffset } = found;
  return { id, marker, logId, baseOffset };
}

/**
 * The stores that make up the log, from the newest backwards. Ids ascend with time, so before the one that
 * begins at an offset comes the newest that begins below it: an older one with the same offsets is what a cut
 * of the end left behind. Whether each reaches to the next is for the examination to find.
 */
function chainOf(stores: readonly FoundStore[]): FoundStore[] {
  const newestFirst = [...stores].sort((a, b) => b.id - a.id);
  const chain: FoundStore[] = [];
  for (const store of newestFirst) {
    const next = chain[0];
    if (next === undefined || store.baseOffset < next.baseOffset) chain.unshift(store);
  }
  return chain;
}
