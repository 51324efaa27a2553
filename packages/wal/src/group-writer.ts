// Writing groups to the active segment: headers, zeros ahead, one write, one sync, and the acknowledgement.
// Invariant: `floor` and the list's durable offset cover only what a sync that succeeded has covered.

import { BATCH_HEADER_LENGTH } from "./batch.js";
import { type Committer, writeFullySync } from "./file-system.js";
import type { Group, PendingBatch } from "./group.js";
import type { Floor } from "./manifest.js";
import type { ResolvedOptions } from "./options.js";
import type { Poison } from "./poison.js";
import { endOf, type Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";
import type { SegmentList } from "./segment-list.js";
import type { Counters } from "./stats.js";
import type { Structure } from "./structure.js";
import type { ZeroFill } from "./zero-fill.js";

/** More goes in several writes, so that encoding one never holds the event loop for long. */
const COMMIT_BYTES_MAX = 4 * 1024 * 1024;
/** A write into the page cache up to here takes less time than handing it to another thread. */
const WRITE_AT_ONCE_BYTES_MAX = 64 * 1024;
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
}

export class GroupWriter {
  readonly #parts: GroupWriterParts;
  #floor: Floor;
  /** What the newest batch states as durable. */
  #statedOffset = 0;
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

  /** Writes a group whole, and acknowledges it as it goes. */
  async write(group: Group): Promise<void> {
    while (group.next !== undefined) {
      const segment = await this.#room(group.next);
      await this.#writeSome(group, segment);
    }
    if (group.durable) await this.syncAll();
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

  /** Writes as many of the group's batches as belong together. */
  async #writeSome(group: Group, segment: Segment): Promise<void> {
    const { list, options, zeroFill, counters, structure } = this.#parts;
    const room = Math.max(0, options.segmentBytes - segment.size);
    const batches = group.take(Math.min(room, COMMIT_BYTES_MAX), segment.createdAt + INDEX_MS_MAX);
    const { durable } = group;
    await zeroFill.ahead(segment, segment.size + lengthOf(batches));
    const stated = list.durableOffset;
    const checksums = batches.map((batch) => group.seal(batch, segment.marker, stated));
    const bytes = group.bytesOf(batches);
    const startMs = performance.now();
    await this.#put(segment, bytes, durable);
    this.#statedOffset = stated;
    batches.forEach((batch, index) => {
      segment.extend({ checksum: checksums[index] ?? 0, ...batch });
    });
    counters.wrote(segment.endOffset - list.endOffset, bytes.length);
    list.endOffset = segment.endOffset;
    if (durable) {
      this.#durableAt(segment);
      counters.synced(performance.now() - startMs);
    }
    group.acknowledge(batches.length, list.endOffset);
    structure.grew();
  }

  async #put(segment: Segment, bytes: Uint8Array, durable: boolean): Promise<void> {
    const { committer } = this.#parts;
    if (durable) {
      // The old store before any group in the new one: a gap between them would look like damage.
      await this.#syncOthers(segment);
      await committer.commit(segment.file, bytes, segment.size, true);
      this.#dirty.delete(segment);
      return;
    }
    this.#dirty.add(segment);
    if (bytes.length <= WRITE_AT_ONCE_BYTES_MAX) writeFullySync(segment.file, bytes, segment.size);
    else await committer.commit(segment.file, bytes, segment.size, false);
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
    const { list, committer, structure } = this.#parts;
    if (list.durableOffset === list.endOffset) return;
    const { active } = structure;
    await this.#syncOthers(active);
    await committer.commit(active.file, EMPTY, active.size, true);
    this.#dirty.delete(active);
    this.#durableAt(active);
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
