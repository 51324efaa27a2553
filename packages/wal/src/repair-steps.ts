// The steps of a repair: copy aside, mend headers, make the new front, replace the manifest, remove. A crash may
// cut off any of them: until the manifest is replaced the damaged log stands, and done again it ends the same.

import { randomInt } from "node:crypto";
import type { SegmentExamination } from "./examine.js";
import { type FileSystem, FileSystemError, writeFully } from "./file-system.js";
import type { Floor, Manifest, ManifestSegment } from "./manifest.js";
import { removeIfThere, replaceManifest } from "./manifest-file.js";
import { indexName, join, MANIFEST, storeName } from "./names.js";
import type { RepairPlan } from "./repair-plan.js";
import { endOf, type Segment } from "./segment.js";
import { copyFront, createSegment } from "./segment-files.js";
import { encodeSegmentHeader, SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import { copyBytes } from "./trim.js";

/** Resolves with the path of the folder that holds what was replaced or left out. */
export async function applyRepair(
  fileSystem: FileSystem,
  directory: string,
  plan: RepairPlan,
): Promise<string> {
  const touched = [...plan.dropped, ...plan.mended].map(({ segment }) => segment.id);
  if (plan.manifestRebuilt) touched.push(...plan.manifest.dropping);
  const aside = await setAside(fileSystem, directory, touched);
  for (const examined of plan.mended) await mendHeader(fileSystem, examined);
  const manifest = await makeManifest(fileSystem, directory, plan);
  await replaceManifest(fileSystem, directory, manifest);
  for (const id of manifest.dropping) {
    await removeIfThere(fileSystem, join(directory, storeName(id)));
    await removeIfThere(fileSystem, join(directory, indexName(id)));
  }
  await fileSystem.syncDirectory(directory);
  return aside;
}

/** Copies the manifest and these segments' files, durably, to a new folder. */
async function setAside(
  fileSystem: FileSystem,
  directory: string,
  ids: readonly number[],
): Promise<string> {
  const aside = await newFolder(fileSystem, directory);
  const present = new Set(
    (await fileSystem.list(directory))
      .filter(({ kind }) => kind === "file")
      .map(({ name }) => name),
  );
  for (const name of [MANIFEST, ...ids.flatMap((id) => [storeName(id), indexName(id)])]) {
    if (present.has(name)) await copyFile(fileSystem, join(directory, name), join(aside, name));
  }
  // Everything that goes must be readable here after a power cut, by name too.
  await fileSystem.syncDirectory(aside);
  return aside;
}

async function newFolder(fileSystem: FileSystem, directory: string): Promise<string> {
  for (let number = 1; ; number++) {
    const path = join(directory, `repair-${number}`);
    try {
      await fileSystem.makeDirectory(path);
      return path;
    } catch (error) {
      if (!(error instanceof FileSystemError) || error.code !== "EEXIST") throw error;
    }
  }
}

async function copyFile(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  const source = await fileSystem.open(from, "read");
  try {
    const target = await fileSystem.create(to);
    try {
      await copyBytes(source, 0, target, 0, source.sizeSync());
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Writes a header anew, of what the manifest and the batches say: half of one is damage as before. */
async function mendHeader(
  fileSystem: FileSystem,
  { segment, whole }: SegmentExamination,
): Promise<void> {
  const { id, marker, logId } = segment;
  const file = await fileSystem.open(segment.path, "write");
  try {
    await writeFully(
      file,
      encodeSegmentHeader({ id, marker, logId, createdAt: whole.firstTime }),
      0,
    );
    await file.sync();
  } finally {
    await file.close();
  }
}

async function makeManifest(
  fileSystem: FileSystem,
  directory: string,
  plan: RepairPlan,
): Promise<Manifest> {
  const { manifest, kept, dropped, startOffset } = plan;
  const keptIds = new Set(kept.map(({ segment }) => segment.id));
  const segments = manifest.segments.filter(({ id }) => keptIds.has(id));
  const dropping = [...manifest.dropping, ...dropped.map(({ segment }) => segment.id)];
  const next = {
    ...manifest,
    generation: manifest.generation + 2,
    startOffset,
    segments,
    dropping,
  };
  // Without anything dropped before the end, the active segment is still there.
  if (dropped.length === 0 || startOffset > manifest.startOffset)
    return { ...next, floor: floorOf(next) };
  const last = await makeLast(fileSystem, directory, plan);
  const listed = segments.filter(({ state }) => state !== "prepared");
  const { id, marker, baseOffset } = last;
  const added: ManifestSegment = {
    id,
    marker,
    state: "unsealed",
    baseOffset,
    endOffset: 0,
    size: 0,
    lastChecksum: 0,
  };
  return {
    ...next,
    segments: [...listed, added],
    nextSegmentId: id + 1,
    truncationGeneration: manifest.truncationGeneration + 1,
    truncatedFrom: last.endOffset,
    floor: endOf(last),
  };
}

/** The floor of a manifest that lost segments at its beginning. */
function floorOf({ floor, segments }: Manifest): Floor {
  const first = segments[0];
  if (first === undefined || segments.some(({ id }) => id === floor.segmentId)) return floor;
  return {
    segmentId: first.id,
    offset: first.baseOffset,
    position: SEGMENT_HEADER_LENGTH,
    checksum: 0,
  };
}

/** The new last segment: the whole front of the damaged one, or empty where the whole ones before it end. */
async function makeLast(
  fileSystem: FileSystem,
  directory: string,
  { manifest, kept, front }: RepairPlan,
): Promise<Segment> {
  const id = manifest.nextSegmentId;
  const identity = { id, marker: randomInt(1, 2 ** 32), logId: manifest.logId };
  const place = { fileSystem, directory };
  const end = kept[kept.length - 1]?.whole.offset ?? manifest.startOffset;
  // It gets records before it is in use: listed as being dropped until then, as truncateFrom does it.
  await replaceManifest(fileSystem, directory, {
    ...manifest,
    generation: manifest.generation + 1,
    nextSegmentId: id + 1,
    dropping: [...manifest.dropping, id],
  });
  if (front === undefined) {
    const createdAt = kept[kept.length - 1]?.whole.firstTime ?? 0;
    const empty = await createSegment(place, { identity, createdAt, baseOffset: end }, () =>
      Promise.resolve(),
    );
    empty.closeSync();
    return empty;
  }
  const { segment, whole } = front;
  const source = await fileSystem.open(segment.path, "read");
  try {
    const { marker, path, baseOffset } = segment;
    const createdAt = whole.firstTime;
    const store = { file: source, marker, path, baseOffset, createdAt, size: whole.position };
    const created = { identity, createdAt, baseOffset };
    const made = await createSegment(place, created, (target) =>
      copyFront(store, target, whole.offset),
    );
    made.closeSync();
    return made;
  } finally {
    await source.close();
  }
}
