// The manifest of an open log, and the ids that go with it. A replacement is made of what the segments are at
// that moment; memory takes it over only once it stands on disk. Ids are given out once, whatever becomes of them.

import { assert } from "./errors.js";
import type { Floor, Manifest, ManifestSegment } from "./manifest.js";
import { ManifestUnknownError, removeIfThere, replaceManifest } from "./manifest-file.js";
import { indexName, join, SEGMENT_ID_MAX, storeName } from "./names.js";
import type { Poison } from "./poison.js";
import type { Segment } from "./segment.js";
import type { Place } from "./segment-files.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** What the next manifest says; what is left out stays as it was. */
export interface Change {
  /** In order, without the prepared one. */
  readonly segments: readonly Segment[];
  readonly prepared: Segment | undefined;
  readonly floor: Floor;
  /** Counts as sealed although it is not marked so yet. */
  readonly sealing?: Segment;
  readonly dropping?: readonly number[];
  readonly startOffset?: number;
  /** The end was cut here. */
  readonly cutFrom?: number;
}

export class ManifestState {
  readonly #place: Place;
  readonly #poison: Poison;
  #manifest: Manifest;
  #nextSegmentId: number;
  /** Ids whose files may be removed: the manifest lists them. */
  #dropping: readonly number[];

  /** `nextSegmentId` is above every id that the manifest or the directory knows. */
  constructor(place: Place, poison: Poison, manifest: Manifest, nextSegmentId: number) {
    this.#place = place;
    this.#poison = poison;
    this.#manifest = manifest;
    this.#nextSegmentId = nextSegmentId;
    this.#dropping = manifest.dropping;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  get dropping(): readonly number[] {
    return this.#dropping;
  }

  takeId(): number {
    const id = this.#nextSegmentId;
    assert(id <= SEGMENT_ID_MAX, "a log has fewer than 2^32 segments in its life");
    this.#nextSegmentId += 1;
    return id;
  }

  /** Throws `LOG_IO` or `LOG_NO_SPACE` if the old manifest stands; poisons the log if that is unknown. */
  async replace(change: Change): Promise<void> {
    this.#poison.check();
    const manifest = this.#next(change);
    try {
      await replaceManifest(this.#place.fileSystem, this.#place.directory, manifest);
    } catch (error) {
      if (error instanceof ManifestUnknownError)
        throw this.#poison.fail("a change of the manifest", error);
      throw error;
    }
    this.#manifest = manifest;
    this.#dropping = manifest.dropping;
  }

  #next({ segments, prepared, floor, sealing, dropping, startOffset, cutFrom }: Change): Manifest {
    const before = this.#manifest;
    const listed = segments.map((segment) =>
      describe(segment, segment.sealed || segment === sealing),
    );
    if (prepared !== undefined)
      listed.push({ ...describe(prepared, false), state: "prepared", baseOffset: 0 });
    return {
      ...before,
      generation: before.generation + 1,
      startOffset: startOffset ?? before.startOffset,
      nextSegmentId: this.#nextSegmentId,
      floor: floorIn(segments, floor),
      segments: listed,
      dropping: dropping ?? this.#dropping,
      truncationGeneration: before.truncationGeneration + (cutFrom === undefined ? 0 : 1),
      truncatedFrom: cutFrom ?? before.truncatedFrom,
    };
  }

  /** Removes what the manifest on disk lists as being dropped. Throws what the file system throws. */
  async unlinkDropped(): Promise<void> {
    if (this.#dropping.length === 0) return;
    const { fileSystem, directory } = this.#place;
    for (const id of this.#dropping) {
      await removeIfThere(fileSystem, join(directory, indexName(id)));
      await removeIfThere(fileSystem, join(directory, storeName(id)));
    }
    // Until the unlinks are durable they stay listed: a power cut could bring the files back.
    await fileSystem.syncDirectory(directory);
    this.#dropping = [];
  }
}

function describe(segment: Segment, sealed: boolean): ManifestSegment {
  const { id, marker, baseOffset } = segment;
  if (!sealed)
    return { id, marker, state: "unsealed", baseOffset, endOffset: 0, size: 0, lastChecksum: 0 };
  const { endOffset, size, lastChecksum } = segment;
  return { id, marker, state: "sealed", baseOffset, endOffset, size, lastChecksum };
}

/** The floor, or the beginning of the first segment where the floor's own is gone: all before it was durable. */
function floorIn(segments: readonly Segment[], floor: Floor): Floor {
  if (segments.some(({ id }) => id === floor.segmentId)) return floor;
  const first = segments[0];
  if (first === undefined) return floor;
  return {
    segmentId: first.id,
    offset: first.baseOffset,
    position: SEGMENT_HEADER_LENGTH,
    checksum: 0,
  };
}
