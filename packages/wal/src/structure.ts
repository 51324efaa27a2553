// The life of segments: prepared, active, sealed, dropped. Changes take turns; each is one replacement of the
// manifest, and memory changes only after it. Files come before the manifest that names them and go after the
// one that no longer does.

import { tellRetention, tellRotation } from "./channels.js";
import { assert, LogError } from "./errors.js";
import type { Floor, Manifest } from "./manifest.js";
import type { Change, ManifestState } from "./manifest-state.js";
import type { LogReport, ResolvedOptions } from "./options.js";
import type { Poison } from "./poison.js";
import { endOf, type Segment } from "./segment.js";
import { SegmentCreation } from "./segment-creation.js";
import { discard, type Place, writeIndex } from "./segment-files.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import type { SegmentList } from "./segment-list.js";
import { giveUpSpare, keepSpare } from "./spare.js";
import type { Counters } from "./stats.js";
import { Turns } from "./turns.js";
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

export class Structure {
  readonly #parts: StructureParts;
  readonly #state: ManifestState;
  readonly #creation: SegmentCreation;
  #prepared: Segment | undefined;
  #preparing: Promise<void> | undefined;
  #prepareAgainAtMs = 0;
  readonly #turns = new Turns();
  #writer: WriterView | undefined;

  constructor(parts: StructureParts, state: ManifestState, prepared: Segment | undefined) {
    this.#parts = parts;
    this.#state = state;
    this.#creation = new SegmentCreation(parts, state);
    this.#prepared = prepared;
  }

  /** Joins the two that need each other. */
  attach(writer: WriterView): void {
    this.#writer = writer;
  }

  get manifest(): Manifest {
    return this.#state.manifest;
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
    return this.#turns.take(async () => {
      const { list } = this.#parts;
      const segment = await this.#creation.empty(list.startOffset, this.#writerView.creationTime());
      await this.#put(segment, { segments: [segment], floor: endOf(segment) });
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
    return this.#turns.take(async () => {
      if (this.#prepared !== undefined) return;
      const segment = await this.#creation.empty(0, this.#writerView.creationTime());
      await this.#put(segment, { prepared: segment });
      this.#prepared = segment;
    });
  }

  /** Makes the prepared segment the active one; waits only where writing outran preparing. */
  async rotate(baseOffset: number, time: number): Promise<Segment> {
    const { list, counters, place } = this.#parts;
    const startMs = performance.now();
    if (this.#prepared === undefined) counters.rotationWaits += 1;
    await this.#preparing;
    const prepared = this.#prepared;
    const fits = prepared?.index.canHold(prepared.baseOffset, SEGMENT_HEADER_LENGTH, time);
    if (fits === false) await this.#dropPrepared();
    if (this.#prepared === undefined) await this.#prepare();
    const next = this.#prepared;
    assert(next !== undefined, "what was prepared is there");
    this.#prepared = undefined;
    next.begin(baseOffset);
    list.replace([...list.segments, next]);
    counters.rotations += 1;
    this.sealSoon();
    tellRotation(place.directory, next, startMs);
    return next;
  }

  /** Seals in the background; what fails is tried again at the next rotation. */
  sealSoon(): void {
    this.sealInactive().catch((cause: unknown) => {
      this.#report("seal", "sealing failed; it is tried again at the next rotation", cause);
    });
  }

  /** Seals every segment behind the active one, in order. */
  sealInactive(): Promise<void> {
    return this.#turns.take(() => this.#sealInactive());
  }

  async #sealInactive(): Promise<void> {
    for (const segment of this.#parts.list.segments) {
      if (!segment.sealed && segment !== this.active) await this.#seal(segment);
    }
  }

  async #seal(segment: Segment): Promise<void> {
    const { place, poison } = this.#parts;
    poison.check();
    try {
      // The manifest is about to say that all of it is there.
      await segment.cutToSize();
    } catch (cause) {
      throw poison.fail("syncing a full segment", cause);
    }
    this.#writerView.sealedThrough(segment);
    try {
      await writeIndex(place, segment);
    } catch (cause) {
      this.#report("index", "writing an index failed; it is rebuilt when it is needed", cause);
    }
    await this.#replace({ sealing: segment });
    await segment.markSealed();
  }

  /** Drops the sealed segments whose records are all below `offset`. */
  truncateBefore(offset: number): Promise<void> {
    return this.#turns.take(async () => {
      const { list, counters, place } = this.#parts;
      // What is sealed already can go on a full disk too.
      await this.#sealInactive().catch((error: unknown) => this.#tolerateNoSpace("seal", error));
      const kept = list.segments.filter(({ sealed, endOffset }) => !sealed || endOffset > offset);
      const dropped = list.segments.filter((segment) => !kept.includes(segment));
      const first = kept[0];
      if (dropped.length === 0 || first === undefined) return;
      // Rotation goes on meanwhile, also between two attempts: only what was dropped goes.
      const left = () => list.segments.filter((segment) => !dropped.includes(segment));
      const dropping = [...this.#state.dropping, ...dropped.map(({ id }) => id)];
      const rest = { dropping, startOffset: first.baseOffset };
      await this.#replace({ segments: left(), ...rest }).catch(async (error: unknown) => {
        this.#tolerateNoSpace("drop", error);
        await giveUpSpare(place);
        await this.#replace({ segments: left(), ...rest });
      });
      list.replace(left());
      list.startOffset = first.baseOffset;
      list.wake();
      counters.segmentsDropped += dropped.length;
      await this.#letGo(dropped);
      tellRetention(place.directory, list.startOffset, dropped);
      await keepSpare(place);
    });
  }

  /**
   * Drops `from` and all above it. The segment that holds `from` is replaced by a copy of its front with a new
   * id and marker, so nothing that a later scan finds in old bytes can ever be taken for a record.
   */
  truncateFrom(from: number): Promise<Floor> {
    return this.#turns.take(async () => {
      const { list } = this.#parts;
      list.checkPlace(from, from, list.truncationGeneration);
      const cut = list.find(from);
      const kept = list.segments.slice(0, list.segments.indexOf(cut));
      const dropped = list.segments.slice(kept.length);
      if (this.#prepared !== undefined) dropped.push(this.#prepared);
      const front =
        from === cut.baseOffset
          ? await this.#creation.empty(from, this.#writerView.creationTime())
          : await this.#creation.front(cut, from, (dropping) => this.#replace({ dropping }));
      const dropping = [...this.#state.dropping, ...dropped.map(({ id }) => id)].filter(
        (id) => id !== front.id,
      );
      const segments = [...kept, front];
      await this.#put(front, {
        segments,
        prepared: undefined,
        dropping,
        cutFrom: from,
        floor: endOf(front),
      });
      this.#prepared = undefined;
      list.replace(segments);
      list.cut(from, this.manifest.truncationGeneration);
      await this.#letGo(dropped);
      return endOf(front);
    });
  }

  /** Puts a new segment to use through the manifest, or lets go of it if that is rejected. */
  async #put(segment: Segment, change: Partial<Change>): Promise<void> {
    try {
      await this.#replace(change);
    } catch (error) {
      segment.closeSync();
      const { poison, place } = this.#parts;
      if (poison.failure === undefined) await discard(place.fileSystem, [segment.path]);
      throw error;
    }
  }

  async #dropPrepared(): Promise<void> {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    await this.#turns.take(async () => {
      const dropping = [...this.#state.dropping, prepared.id];
      await this.#replace({ prepared: undefined, dropping });
      this.#prepared = undefined;
      await this.#letGo([prepared]);
    });
  }

  /** On a full disk: gives back the prepared segment's zeros, so that structural changes find room. */
  async freeSpace(): Promise<void> {
    const prepared = this.#prepared;
    if (prepared === undefined || prepared.zeroedTo === prepared.size) return;
    try {
      await prepared.cutToSize();
    } catch (cause) {
      this.#report("prepare", "cutting the prepared segment failed", cause);
    }
  }

  /** Leaves files without zeros, and a manifest whose floor is the end: the sign of a close in order. */
  close(): Promise<void> {
    return this.#turns.take(async () => {
      await this.#sealInactive().catch((error: unknown) => this.#tolerateNoSpace("seal", error));
      const { active } = this;
      if (active.zeroedTo > active.size) await active.cutToSize();
      const { floor } = this.manifest;
      const dropped = this.#prepared === undefined ? [] : [this.#prepared];
      const { segmentId, position } = this.#writerView.floor;
      if (dropped.length === 0 && segmentId === floor.segmentId && position === floor.position)
        return;
      const dropping = [...this.#state.dropping, ...dropped.map(({ id }) => id)];
      try {
        await this.#replace({ prepared: undefined, dropping });
      } catch (error) {
        // The next opening finds the end by itself; everything is durable.
        return this.#tolerateNoSpace("seal", error);
      }
      this.#prepared = undefined;
      await this.#letGo(dropped);
    });
  }

  #tolerateNoSpace(kind: LogReport["kind"], error: unknown): void {
    if (!(error instanceof LogError) || error.code !== "LOG_NO_SPACE") throw error;
    this.#report(kind, "there is no room for the manifest", error);
  }

  /** Resolves when no change is under way: none may go on once the lock is released. */
  settled(): Promise<void> {
    return this.#turns.take(() => Promise.resolve());
  }

  /** Closes what the list does not know. */
  releaseSync(): void {
    this.#prepared?.closeSync();
  }

  /** Closes and removes what the manifest no longer has. */
  async #letGo(dropped: readonly Segment[]): Promise<void> {
    try {
      const reason = new LogError("LOG_TRUNCATED", "the records here have been dropped");
      for (const segment of dropped) segment.retire(reason);
      this.#parts.poison.check();
      await this.#state.unlinkDropped();
    } catch (cause) {
      this.#report("drop", "removing a dropped segment failed; it is tried again later", cause);
    }
  }

  #replace(change: Partial<Change>): Promise<void> {
    const { segments } = this.#parts.list;
    return this.#state.replace({
      segments,
      prepared: this.#prepared,
      floor: this.#writerView.floor,
      ...change,
    });
  }

  get #writerView(): WriterView {
    assert(this.#writer !== undefined, "a structure has its writer before it changes anything");
    return this.#writer;
  }

  #report(kind: LogReport["kind"], message: string, cause: unknown): void {
    this.#parts.options.onReport({ kind, message, cause });
  }
}
