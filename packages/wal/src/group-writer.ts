// Writing groups to the active segment: headers, zeros ahead, one write, one sync, and the acknowledgement.
// Invariant: `floor` and the list's durable offset cover only what a sync that succeeded has covered.

import { BATCH_HEADER_LENGTH } from "./batch.js";
import { commitChannel, startOf, syncChannel } from "./channels.js";
import { type Committer, writeFullySync } from "./file-system.js";
import type { Group, PendingBatch } from "./group.js";
import type { Floor } from "./manifest.js";
import type { ResolvedOptions } from "./options.js";
import type { Poison } from "./poison.js";
import { endOf, type Segment } from "./segment.js";
import type { Place } from "./segment-files.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import type { SegmentList } from "./segment-list.js";
import type { Counters } from "./stats.js";
import type { Structure } from "./structure.js";
import type { ZeroFill } from "./zero-fill.js";

/** More goes in several writes, so that encoding one never holds the event loop for long. */
const COMMIT_BYTES_MAX = 4 * 1024 * 1024;
/** A write into the page cache up to here takes less time than handing it to another thread. */
const WRITE_AT_ONCE_BYTES_MAX = 256 * 1024;
/** Times in the index are u32 ms since the segment's creation. */
const INDEX_MS_MAX = 2 ** 32 - 1;
const EMPTY = new Uint8Array(0);

export interface GroupWriterParts {
  readonly options: ResolvedOptions;
  readonly list: SegmentList;
  readonly structure: Structure;
  readonly committer: Committer;
  readonly zeroFill: ZeroFill;
  readonly counters: Counters;
  readonly poison: Poison;
  readonly place: Place;
}

export class GroupWriter {
  /** Called right before appends are acknowledged; must not throw. */
  onAcknowledging: () => void = () => undefined;
  readonly #parts: GroupWriterParts;
  #floor: Floor;
  /** What the newest batch states as durable. */
  #statedOffset = 0;
  /** What the batches that are being written state. */
  #stating = 0;
  /** Segments with writes that no sync has covered. */
  readonly #dirty = new Set<Segment>();

  constructor(parts: GroupWriterParts, floor: Floor) {
    this.#parts = parts;
    this.#floor = floor;
  }

  /** A place below which everything is on stable storage. */
  get floor(): Floor {
    return this.#floor;
  }

  /** Whether records are durable that no batch on disk states as such. */
  get unstated(): boolean {
    return this.#statedOffset < this.#parts.list.durableOffset;
  }

  /** Takes the end of the log as durable: it was opened, created or cut there. */
  startAt(floor: Floor): void {
    this.#floor = floor;
    this.#statedOffset = 0;
    this.#dirty.clear();
  }

  /** A segment behind the active one, and all before it, has been synced and sealed. */
  sealedThrough(segment: Segment): void {
    this.#dirty.delete(segment);
    const { list } = this.#parts;
    if (segment.endOffset <= list.durableOffset) return;
    list.durableOffset = segment.endOffset;
    this.#floor = endOf(segment);
    list.wake();
  }

  /**
   * Writes a group whole, and acknowledges it as it goes. Undefined where it is done at once: to await what is done
   * already costs as much as a small write does.
   */
  write(group: Group): Promise<void> | undefined {
    while (group.next !== undefined) {
      const room = this.#room(group.next);
      if (room instanceof Promise) return this.#writeLater(group, room);
      const writing = this.#writeSome(group, room);
      if (writing !== undefined) return this.#writeRest(group, writing);
    }
    return group.durable ? this.syncAll() : undefined;
  }

  async #writeLater(group: Group, room: Promise<Segment>): Promise<void> {
    await this.#writeSome(group, await room);
    await this.write(group);
  }

  async #writeRest(group: Group, writing: Promise<void>): Promise<void> {
    await writing;
    await this.write(group);
  }

  /** The segment that takes this batch: the active one, or the next. */
  #room(batch: PendingBatch): Segment | Promise<Segment> {
    const { structure, options } = this.#parts;
    const { active } = structure;
    const fits = active.size + BATCH_HEADER_LENGTH + batch.bodyLength <= options.segmentBytes;
    const fresh = active.size === SEGMENT_HEADER_LENGTH;
    const indexed = active.index.canHold(batch.firstOffset, active.size, batch.time);
    return (fits || fresh) && indexed ? active : structure.rotate(batch.firstOffset, batch.time);
  }

  /** Writes as many of the group's batches as belong together; undefined where that is done at once. */
  #writeSome(group: Group, segment: Segment): Promise<void> | undefined {
    const { options, zeroFill } = this.#parts;
    const room = Math.max(0, options.segmentBytes - segment.size);
    const batches = group.take(Math.min(room, COMMIT_BYTES_MAX), segment.createdAt + INDEX_MS_MAX);
    const length = lengthOf(batches);
    const extending = zeroFill.ahead(segment, segment.size + length);
    if (group.durable || extending !== undefined || length > WRITE_AT_ONCE_BYTES_MAX) {
      return this.#commit(group, batches, segment, extending);
    }
    const bytes = this.#seal(group, batches, segment);
    this.#dirty.add(segment);
    const startMs = startOf(commitChannel);
    writeFullySync(segment.file, bytes, segment.size);
    this.#written(group, batches, segment, bytes.length, startMs);
    return undefined;
  }

  /** Writes, and syncs where the group asks for it, on another thread. */
  async #commit(
    group: Group,
    batches: readonly PendingBatch[],
    segment: Segment,
    extending: Promise<void> | undefined,
  ): Promise<void> {
    const { counters, committer } = this.#parts;
    const { durable } = group;
    await extending;
    const bytes = this.#seal(group, batches, segment);
    const startMs = performance.now();
    // The old store before any group in the new one: a gap between them would look like damage.
    if (durable) await this.#syncOthers(segment);
    else this.#dirty.add(segment);
    await committer.commit(segment.file, bytes, segment.size, durable);
    if (durable) {
      this.#dirty.delete(segment);
      counters.synced(performance.now() - startMs);
    }
    this.#written(group, batches, segment, bytes.length, startMs);
  }

  /** The bytes of batches, with their headers. */
  #seal(group: Group, batches: readonly PendingBatch[], segment: Segment): Uint8Array {
    this.#stating = this.#parts.list.durableOffset;
    for (const batch of batches) group.seal(batch, segment.marker, this.#stating);
    return group.bytesOf(batches);
  }

  /** What was written, and synced where the group asked for it, is in the log. */
  #written(
    group: Group,
    batches: readonly PendingBatch[],
    segment: Segment,
    length: number,
    startMs: number | undefined,
  ): void {
    const { list, counters, structure } = this.#parts;
    this.#statedOffset = this.#stating;
    for (const batch of batches) segment.extend(batch);
    const records = segment.endOffset - list.endOffset;
    counters.wrote(records, length);
    list.endOffset = segment.endOffset;
    if (group.durable) this.#durableAt(segment);
    this.onAcknowledging();
    group.acknowledge(batches.length, list.endOffset);
    structure.grew();
    if (commitChannel.hasSubscribers) this.#tell(records, length, group.durable, startMs);
  }

  /** Not of notes, nor of what began before anybody listened. */
  #tell(records: number, bytes: number, durable: boolean, startMs: number | undefined): void {
    if (records === 0 || startMs === undefined) return;
    const { list, place } = this.#parts;
    const durationMs = performance.now() - startMs;
    const { endOffset } = list;
    commitChannel.publish({
      directory: place.directory,
      records,
      bytes,
      endOffset,
      durable,
      durationMs,
    });
  }

  async #syncOthers(segment: Segment): Promise<void> {
    for (const other of this.#dirty) {
      if (other === segment) continue;
      await other.datasync();
      // Sealing may have synced it just before and been told of a failure: the system tells only one.
      this.#parts.poison.check();
      this.#dirty.delete(other);
    }
  }

  /** Everything acknowledged, on stable storage. */
  async syncAll(): Promise<void> {
    const { list, committer, structure, counters, place } = this.#parts;
    if (list.durableOffset === list.endOffset) return;
    const { active } = structure;
    const startMs = startOf(syncChannel);
    await this.#syncOthers(active);
    await committer.commit(active.file, EMPTY, active.size, true);
    this.#dirty.delete(active);
    counters.syncs += 1;
    this.#durableAt(active);
    if (startMs === undefined || !syncChannel.hasSubscribers) return;
    const durationMs = performance.now() - startMs;
    syncChannel.publish({
      directory: place.directory,
      durableOffset: list.durableOffset,
      durationMs,
    });
  }

  #durableAt(segment: Segment): void {
    const { list } = this.#parts;
    list.durableOffset = list.endOffset;
    this.#floor = endOf(segment);
    list.wake();
  }
}

function lengthOf(batches: readonly PendingBatch[]): number {
  let length = 0;
  for (const { bodyLength } of batches) length += BATCH_HEADER_LENGTH + bodyLength;
  return length;
}
