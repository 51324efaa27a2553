// Which segments make up the log: the only place that replaces the manifest and moves segments through their
// life (prepared, active, sealed, dropped). Changes take turns; each is one replacement of the manifest, and
// memory changes only after it. Files come before the manifest that names them and go after the one that does not.

import { randomInt } from "node:crypto";
import { assert, ioError, LogError } from "./errors.js";
import type { Floor, Manifest, ManifestSegment } from "./manifest.js";
import { ManifestUnknownError, removeIfThere, replaceManifest } from "./manifest-file.js";
import { indexName, join, SEGMENT_ID_MAX, storeName } from "./names.js";
import type { ResolvedOptions } from "./options.js";
import type { Poison } from "./poison.js";
import { endOf, type Segment } from "./segment.js";
import { copyFront, createSegment, discard, type Place, writeIndex } from "./segment-files.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import type { SegmentList } from "./segment-list.js";
import type { Counters } from "./stats.js";
import type { ZeroFill } from "./zero-fill.js";

/** After a failed attempt to prepare a segment in the background, the next one waits so long. */
const PREPARE_RETRY_MS = 1000;

export interface StructureParts {
  readonly options: ResolvedOptions;
  readonly place: Place;
  readonly list: SegmentList;
  readonly poison: Poison;
  readonly counters: Counters;
  readonly zeroFill: ZeroFill;
}

/** What the structure asks of the writer. */
export interface WriterView {
  readonly floor: Floor;
  creationTime(): number;
  sealedThrough(segment: Segment): void;
}

/** A change of the manifest; what is left out stays. */
interface Change {
  readonly segments?: readonly Segment[];
  readonly prepared?: Segment | undefined;
  readonly dropping?: readonly number[];
  readonly startOffset?: number;
  readonly cutFrom?: number;
  readonly floor?: Floor;
  /** Counts as sealed although it is not marked so yet. */
  readonly sealing?: Segment;
}

export class Structure {
  readonly #parts: StructureParts;
  #manifest: Manifest;
  #nextSegmentId: number;
  #prepared: Segment | undefined;
  #preparing: Promise<void> | undefined;
  #prepareAgainAtMs = 0;
  /** Ids that the manifest lists as being dropped. */
  #dropping: readonly number[];
  #turn: Promise<unknown> = Promise.resolve();
  #writer: WriterView | undefined;

  /** `nextSegmentId` is above every id that the manifest or the directory knows. */
  constructor(
    parts: StructureParts,
    manifest: Manifest,
    prepared: Segment | undefined,
    nextSegmentId: number,
  ) {
    this.#parts = parts;
    this.#manifest = manifest;
    this.#prepared = prepared;
    this.#dropping = manifest.dropping;
    this.#nextSegmentId = nextSegmentId;
  }

  /** Joins the two that need each other. */
  attach(writer: WriterView): void {
    this.#writer = writer;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** The segment that is appended to. */
  get active(): Segment {
    const { segments } = this.#parts.list;
    const last = segments[segments.length - 1];
    assert(last !== undefined, "an open log has an active segment");
    return last;
  }

  /** The first segment of a log that has none. */
  createFirst(): Promise<void> {
    return this.#inTurn(async () => {
      const { list } = this.#parts;
      const segment = await this.#create(list.startOffset);
      await this.#replace({ segments: [segment], floor: endOf(segment) });
      list.replace([segment]);
    });
  }

  /** Called after each write: prepares the next segment once the active one is half full. */
  grew(): void {
    if (this.#prepared !== undefined || this.#preparing !== undefined) return;
    if (this.active.size < this.#parts.options.segmentBytes / 2) return;
    if (performance.now() < this.#prepareAgainAtMs) return;
    this.#preparing = this.#prepare()
      .catch((cause: unknown) => {
        this.#prepareAgainAtMs = performance.now() + PREPARE_RETRY_MS;
        this.#report("prepare", "preparing the next segment failed; it is tried again", cause);
      })
      .finally(() => {
        this.#preparing = undefined;
      });
  }

  #prepare(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#prepared !== undefined) return;
      const segment = await this.#create(0);
      try {
        await this.#replace({ prepared: segment });
      } catch (error) {
        await this.#abandon(segment);
        throw error;
      }
      this.#prepared = segment;
    });
  }

  /** Makes the prepared segment the active one; waits for it only where writing outran preparing. */
  async rotate(baseOffset: number, time: number): Promise<Segment> {
    const { list, counters } = this.#parts;
    if (this.#prepared === undefined) counters.rotationWaits += 1;
    await this.#preparing;
    if (
      this.#prepared !== undefined &&
      !this.#prepared.index.canHold(0, SEGMENT_HEADER_LENGTH, time)
    ) {
      await this.#dropPrepared();
    }
    try {
      if (this.#prepared === undefined) await this.#prepare();
    } catch (cause) {
      throw cause instanceof LogError ? cause : ioError("preparing the next segment", cause);
    }
    const next = this.#prepared;
    assert(next !== undefined, "what was prepared is there");
    this.#prepared = undefined;
    next.begin(baseOffset);
    list.replace([...list.segments, next]);
    counters.rotations += 1;
    this.sealInactive().catch((cause: unknown) => {
      this.#report(
        "seal",
        "sealing a segment failed; it is tried again at the next rotation",
        cause,
      );
    });
    return next;
  }

  /** Seals every segment behind the active one, in order. */
  sealInactive(): Promise<void> {
    return this.#inTurn(() => this.#sealInactive());
  }

  async #sealInactive(): Promise<void> {
    for (const segment of this.#parts.list.segments) {
      if (!segment.sealed && segment !== this.active) await this.#seal(segment);
    }
  }

  async #seal(segment: Segment): Promise<void> {
    const { place, poison } = this.#parts;
    poison.check();
    await segment.file.truncate(segment.size);
    try {
      await segment.file.sync();
    } catch (cause) {
      throw poison.fail("syncing a full segment", cause);
    }
    segment.zeroedTo = segment.size;
    this.#writerView.sealedThrough(segment);
    try {
      await writeIndex(place, segment);
    } catch (cause) {
      this.#report("index", "writing an index failed; it is rebuilt when it is needed", cause);
    }
    await this.#replace({ sealing: segment });
    segment.markSealed();
  }

  /** Drops the sealed segments whose records are all below `offset`; resolves with how many. */
  truncateBefore(offset: number): Promise<number> {
    return this.#inTurn(async () => {
      const { list, counters } = this.#parts;
      await this.#sealInactive();
      const kept = list.segments.filter(({ sealed, endOffset }) => !sealed || endOffset > offset);
      const dropped = list.segments.filter((segment) => !kept.includes(segment));
      const first = kept[0];
      if (dropped.length === 0 || first === undefined) return 0;
      const dropping = [...this.#dropping, ...dropped.map(({ id }) => id)];
      await this.#replace({ segments: kept, dropping, startOffset: first.baseOffset });
      list.replace(kept);
      list.startOffset = first.baseOffset;
      list.wake();
      counters.segmentsDropped += dropped.length;
      for (const segment of dropped) segment.closeSync();
      await this.#unlinkDropped();
      return dropped.length;
    });
  }

  /**
   * Drops `from` and all above it. The segment that holds `from` is replaced by a copy of its front with a new
   * id and marker, so nothing that a later scan finds in old bytes can ever be taken for a record.
   */
  truncateFrom(from: number): Promise<Floor> {
    return this.#inTurn(async () => {
      const { list } = this.#parts;
      if (from < list.startOffset) {
        throw new LogError("LOG_OUT_OF_RANGE", "retention has removed the records here", {
          offset: from,
          expected: `an offset from ${list.startOffset} to ${list.endOffset}`,
        });
      }
      const cut = list.find(from);
      const kept = list.segments.slice(0, list.segments.indexOf(cut));
      const gone = list.segments.slice(kept.length);
      const front = await this.#createFront(cut, from);
      const dropped = [...gone, ...(this.#prepared === undefined ? [] : [this.#prepared])];
      const dropping = [
        ...this.#dropping.filter((id) => id !== front.id),
        ...dropped.map(({ id }) => id),
      ];
      const segments = [...kept, front];
      try {
        await this.#replace({
          segments,
          prepared: undefined,
          dropping,
          cutFrom: from,
          floor: endOf(front),
        });
      } catch (error) {
        await this.#abandon(front);
        throw error;
      }
      this.#prepared = undefined;
      list.replace(segments);
      list.cut(from, this.#manifest.truncationGeneration);
      for (const segment of dropped) segment.closeSync();
      await this.#unlinkDropped();
      return endOf(front);
    });
  }

  async #createFront(cut: Segment, from: number): Promise<Segment> {
    if (from === cut.baseOffset) return this.#create(from);
    // It gets records before it is in use: until then it is listed as being dropped, so that a crash in
    // between leaves a file that may be removed.
    const id = this.#takeId();
    await this.#replace({ dropping: [...this.#dropping, id] });
    return this.#createAs(id, cut.baseOffset, cut.createdAt, (front) =>
      copyFront(cut, front, from),
    );
  }

  #create(baseOffset: number): Promise<Segment> {
    const createdAt = this.#writerView.creationTime();
    return this.#createAs(this.#takeId(), baseOffset, createdAt, async (segment) => {
      segment.zeroedTo = await this.#parts.zeroFill.begin(segment.file, segment.size);
    });
  }

  #takeId(): number {
    const id = this.#nextSegmentId;
    assert(id <= SEGMENT_ID_MAX, "a log has fewer than 2^32 segments in its life");
    this.#nextSegmentId += 1;
    return id;
  }

  async #createAs(
    id: number,
    baseOffset: number,
    createdAt: number,
    fill: (segment: Segment) => Promise<void>,
  ): Promise<Segment> {
    const { place, poison } = this.#parts;
    poison.check();
    const identity = { id, marker: randomInt(1, 2 ** 32), logId: this.#manifest.logId };
    try {
      return await createSegment(place, { identity, createdAt, baseOffset }, fill);
    } catch (cause) {
      throw cause instanceof LogError ? cause : ioError("creating a segment", cause);
    }
  }

  /** Lets go of a segment that no manifest came to name. */
  async #abandon(segment: Segment): Promise<void> {
    segment.closeSync();
    if (this.#parts.poison.failure === undefined)
      await discard(this.#parts.place.fileSystem, [segment.path]);
  }

  async #dropPrepared(): Promise<void> {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    this.#prepared = undefined;
    await this.#inTurn(async () => {
      await this.#replace({ prepared: undefined, dropping: [...this.#dropping, prepared.id] });
      prepared.closeSync();
      await this.#unlinkDropped();
    });
  }

  /** On a full disk: gives back the prepared segment's zeros, so that structural changes find room. */
  async freeSpace(): Promise<void> {
    const prepared = this.#prepared;
    if (prepared === undefined || prepared.zeroedTo === prepared.size) return;
    try {
      await prepared.file.truncate(prepared.size);
      await prepared.file.sync();
      prepared.zeroedTo = prepared.size;
    } catch (cause) {
      this.#report("prepare", "cutting the prepared segment failed", cause);
    }
  }

  /** Leaves files without zeros, and a manifest whose floor is the end: the sign of a close in order. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sealInactive();
      const { active } = this;
      if (active.zeroedTo > active.size) {
        await active.file.truncate(active.size);
        await active.file.sync();
        active.zeroedTo = active.size;
      }
      const { floor } = this.#writerView;
      const prepared = this.#prepared;
      if (prepared === undefined && sameFloor(floor, this.#manifest.floor)) return;
      const dropping = [...this.#dropping, ...(prepared === undefined ? [] : [prepared.id])];
      await this.#replace({ prepared: undefined, dropping });
      this.#prepared = undefined;
      prepared?.closeSync();
      await this.#unlinkDropped();
    });
  }

  /** Closes files without a change on disk. */
  releaseSync(): void {
    this.#prepared?.closeSync();
    this.#prepared = undefined;
  }

  async #unlinkDropped(): Promise<void> {
    const { fileSystem, directory } = this.#parts.place;
    try {
      for (const id of this.#dropping) {
        await removeIfThere(fileSystem, join(directory, indexName(id)));
        await removeIfThere(fileSystem, join(directory, storeName(id)));
      }
      // Until the unlinks are durable the list stands: the next manifest leaves it out.
      await fileSystem.syncDirectory(directory);
      this.#dropping = [];
    } catch (cause) {
      this.#report("drop", "removing a dropped segment failed; it is tried again later", cause);
    }
  }

  async #replace(change: Change): Promise<void> {
    const { place, poison, list } = this.#parts;
    poison.check();
    const segments = change.segments ?? list.segments;
    const prepared = "prepared" in change ? change.prepared : this.#prepared;
    const manifest: Manifest = {
      ...this.#manifest,
      generation: this.#manifest.generation + 1,
      startOffset: change.startOffset ?? this.#manifest.startOffset,
      nextSegmentId: this.#nextSegmentId,
      floor: floorIn(segments, change.floor ?? this.#writerView.floor),
      segments: [
        ...segments.map((segment) =>
          describe(segment, segment.sealed || segment === change.sealing),
        ),
        ...(prepared === undefined
          ? []
          : [{ ...describe(prepared, false), state: "prepared" as const, baseOffset: 0 }]),
      ],
      dropping: change.dropping ?? this.#dropping,
      ...(change.cutFrom === undefined
        ? {}
        : {
            truncationGeneration: this.#manifest.truncationGeneration + 1,
            truncatedFrom: change.cutFrom,
          }),
    };
    try {
      await replaceManifest(place.fileSystem, place.directory, manifest);
    } catch (error) {
      if (error instanceof ManifestUnknownError)
        throw poison.fail("a change of the manifest", error);
      throw error;
    }
    this.#manifest = manifest;
    this.#dropping = manifest.dropping;
  }

  get #writerView(): WriterView {
    assert(this.#writer !== undefined, "a structure has its writer before it changes anything");
    return this.#writer;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #report(kind: "prepare" | "seal" | "index" | "drop", message: string, cause: unknown): void {
    this.#parts.options.onReport({ kind, message, cause });
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

function sameFloor(a: Floor, b: Floor): boolean {
  return a.segmentId === b.segmentId && a.position === b.position && a.offset === b.offset;
}
