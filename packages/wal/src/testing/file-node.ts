// A file of the simulated disk: what is on the disk, and what was written since and may arrive or not.
// Invariant: a slot's versions are in the order in which they were written, each holding those before it, as
// pages in a cache do. The newest is what reading shows.

import { EMPTY_PAGE, PAGE_BYTES, type Page, SECTOR_BYTES } from "./page.js";

/** What a page became. */
export interface PageVersion {
  readonly page: Page;
  /** Place in the order of all that happened on the disk. */
  readonly step: number;
  /** Bytes of the page that changed: [from, to). */
  readonly from: number;
  readonly to: number;
}

export interface SizeVersion {
  readonly size: number;
  readonly step: number;
}

/** One page of a file. */
export class Slot {
  durable: Page;
  /** What was on the disk before `durable`: what a stale sector shows. */
  former: Page;
  versions: PageVersion[] = [];
  /** The next sync writes the newest version. After a failed sync it may not, although it is not on the disk. */
  dirty = false;

  constructor(durable: Page, former: Page) {
    this.durable = durable;
    this.former = former;
  }

  get current(): Page {
    return this.versions[this.versions.length - 1]?.page ?? this.durable;
  }

  add(version: PageVersion): void {
    this.versions.push(version);
    this.dirty = true;
  }

  clone(): Slot {
    const slot = new Slot(this.durable, this.former);
    if (this.versions.length > 0) slot.versions = [...this.versions];
    slot.dirty = this.dirty;
    return slot;
  }
}

export class FileNode {
  readonly kind = "file";
  /** Same in all copies of the disk. */
  readonly id: number;
  readonly slots: Slot[] = [];
  size = 0;
  durableSize = 0;
  sizes: SizeVersion[] = [];
  sizeDirty = false;
  /** The next sync fails: the error of one that seemed to succeed. */
  lateError: string | undefined;
  /** Sectors that cannot be read. */
  readonly unreadable = new Set<number>();
  /** The open file that holds the lock. */
  lockedBy: object | undefined;

  constructor(id: number) {
    this.id = id;
  }

  read(into: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(into.length, this.size - position));
    for (let done = 0; done < length; ) {
      const at = (position + done) % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - at, length - done);
      const slot = this.slots[Math.floor((position + done) / PAGE_BYTES)];
      (slot?.current ?? EMPTY_PAGE).readInto(into.subarray(done, done + count), at);
      done += count;
    }
    return length;
  }

  /** Whether a read of these bytes meets a sector that cannot be read. */
  meetsUnreadable(position: number, length: number): boolean {
    for (const sector of this.unreadable) {
      const start = sector * SECTOR_BYTES;
      if (start < position + length && start + SECTOR_BYTES > position) return true;
    }
    return false;
  }

  write(bytes: Uint8Array, position: number, step: number): void {
    for (let done = 0; done < bytes.length; ) {
      const from = (position + done) % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - from, bytes.length - done);
      const slot = this.#slot(Math.floor((position + done) / PAGE_BYTES));
      const page = slot.current.with(bytes.subarray(done, done + count), from);
      slot.add({ page, step, from, to: from + count });
      done += count;
    }
    if (position + bytes.length > this.size) this.#resize(position + bytes.length, step);
  }

  truncate(size: number, step: number): void {
    if (size === this.size) return;
    for (let index = Math.floor(size / PAGE_BYTES); index < this.slots.length; index++) {
      const slot = this.#slot(index);
      const from = Math.max(0, size - index * PAGE_BYTES);
      const page = slot.current.cutAt(from);
      if (page !== slot.current) slot.add({ page, step, from, to: PAGE_BYTES });
    }
    this.#resize(size, step);
  }

  /** What is in memory is on the disk. */
  sync(): void {
    for (const slot of this.slots) {
      if (!slot.dirty) continue;
      slot.former = slot.durable;
      slot.durable = slot.current;
      slot.versions = [];
      slot.dirty = false;
    }
    if (this.sizeDirty) {
      this.durableSize = this.size;
      this.sizes = [];
      this.sizeDirty = false;
    }
  }

  /** What is in memory counts as written, whatever the disk has. */
  markClean(): void {
    for (const slot of this.slots) slot.dirty = false;
    this.sizeDirty = false;
  }

  /** What is on the disk is read anew: what was written since the last sync is gone. */
  revert(): void {
    for (const slot of this.slots) {
      slot.versions = [];
      slot.dirty = false;
    }
    this.size = this.durableSize;
    this.sizes = [];
    this.sizeDirty = false;
  }

  /** Takes back what came with one step, the newest. */
  undo(step: number): void {
    for (const slot of this.slots) {
      if (slot.versions[slot.versions.length - 1]?.step === step) slot.versions.pop();
    }
    if (this.sizes[this.sizes.length - 1]?.step === step) this.sizes.pop();
    this.size = this.sizes[this.sizes.length - 1]?.size ?? this.durableSize;
  }

  clone(): FileNode {
    const node = new FileNode(this.id);
    for (const slot of this.slots) node.slots.push(slot.clone());
    node.size = this.size;
    node.durableSize = this.durableSize;
    node.sizes = [...this.sizes];
    node.sizeDirty = this.sizeDirty;
    node.lateError = this.lateError;
    for (const sector of this.unreadable) node.unreadable.add(sector);
    return node;
  }

  #slot(index: number): Slot {
    while (this.slots.length <= index) this.slots.push(new Slot(EMPTY_PAGE, EMPTY_PAGE));
    const slot = this.slots[index];
    if (slot === undefined) throw new RangeError(`no page ${index}`);
    return slot;
  }

  #resize(size: number, step: number): void {
    this.size = size;
    this.sizes.push({ size, step });
    this.sizeDirty = true;
  }
}
