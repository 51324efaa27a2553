// What a crash leaves to chance: units that are each in one of several states, independent of one another.
// A choice names a state for each unit, and makes a disk. Choice 0 of a unit is what is on the disk for sure.

import { apply, DirectoryNode, type EntryChange, type Node } from "./directory-node.js";
import type { DiskState } from "./disk-state.js";
import { FileNode, Slot } from "./file-node.js";
import {
  EMPTY_PAGE,
  PAGE_BYTES,
  Page,
  SECTOR_BYTES,
  SECTORS_PER_PAGE,
  sameSector,
} from "./page.js";
import { Random } from "./random.js";

/** States of one unit beyond this are left out, but for the newest. */
const STATES_MAX = 36;

const NOISE = noise(new Random(1));

/** Something that a crash decides. */
export interface Unit {
  /** Step that each state but the first came with, in order. */
  readonly steps: readonly number[];
  /** Number of states: those of `steps`, the first, and perhaps garbage, which no step wrote. */
  readonly count: number;
}

/** All that a crash can decide at one moment. */
export interface CrashSpace {
  readonly units: readonly Unit[];
  /** The disk that a choice, one state for each unit, leaves. */
  disk(choice: readonly number[]): DiskState;
}

interface EntryUnit extends Unit {
  readonly change: EntryChange;
}

interface SizeUnit extends Unit {
  readonly sizes: readonly number[];
}

/** Sectors [first, last] of a page; each state takes them from one page. */
interface SectorUnit extends Unit {
  readonly slotIndex: number;
  readonly first: number;
  readonly last: number;
  readonly pages: readonly Page[];
}

interface FileUnits {
  size: SizeUnit | undefined;
  readonly sectors: SectorUnit[];
}

/** Pages of 4 KiB, or sectors of 512 B and garbage where nothing was written; sizes; entries. */
export class IndependentSpace implements CrashSpace {
  readonly units: Unit[] = [];
  readonly #state: DiskState;
  readonly #bySector: boolean;
  readonly #files = new Map<FileNode, FileUnits>();
  readonly #entries = new Map<DirectoryNode, EntryUnit[]>();
  readonly #places = new Map<Unit, number>();

  constructor(state: DiskState, bySector: boolean) {
    this.#state = state;
    this.#bySector = bySector;
    this.#addDirectory(state.root);
  }

  disk(choice: readonly number[]): DiskState {
    const made = new Map<Node, Node>();
    return this.#state.restarted(this.#directory(this.#state.root, choice, made));
  }

  #add<T extends Unit>(unit: T): T {
    this.#places.set(unit, this.units.length);
    this.units.push(unit);
    return unit;
  }

  #stateOf(unit: Unit, choice: readonly number[]): number {
    return choice[this.#places.get(unit) ?? -1] ?? 0;
  }

  #addDirectory(directory: DirectoryNode): void {
    if (this.#entries.has(directory)) return;
    const units = directory.changes.map((change) =>
      this.#add({ change, steps: [change.step], count: 2 }),
    );
    this.#entries.set(directory, units);
    for (const node of directory.durable.values()) this.#addNode(node);
    for (const { set } of directory.changes) if (set !== undefined) this.#addNode(set.node);
  }

  #addNode(node: Node): void {
    if (node.kind === "directory") this.#addDirectory(node);
    else if (!this.#files.has(node)) this.#addFile(node);
  }

  #addFile(node: FileNode): void {
    const units: FileUnits = { size: undefined, sectors: [] };
    this.#files.set(node, units);
    for (const [index, slot] of node.slots.entries()) {
      if (slot.versions.length === 0) continue;
      units.sectors.push(...this.#sectorUnits(node, index, slot).map((unit) => this.#add(unit)));
    }
    const versions = newest(
      node.sizes.filter(({ size }, index) => index > 0 || size !== node.durableSize),
    );
    if (versions.length === 0) return;
    const sizes = [node.durableSize, ...versions.map(({ size }) => size)];
    const steps = versions.map(({ step }) => step);
    units.size = this.#add({ sizes, steps, count: sizes.length });
  }

  #sectorUnits(node: FileNode, slotIndex: number, slot: Slot): SectorUnit[] {
    if (!this.#bySector) {
      const versions = newest(slot.versions);
      const pages = [slot.durable, ...versions.map(({ page }) => page)];
      const steps = versions.map(({ step }) => step);
      return [
        { slotIndex, first: 0, last: SECTORS_PER_PAGE - 1, pages, steps, count: pages.length },
      ];
    }
    const units: SectorUnit[] = [];
    for (let sector = 0; sector < SECTORS_PER_PAGE; sector++) {
      const unit = this.#sectorUnit(node, slotIndex, slot, sector);
      if (unit !== undefined) units.push(unit);
    }
    return units;
  }

  #sectorUnit(
    node: FileNode,
    slotIndex: number,
    slot: Slot,
    sector: number,
  ): SectorUnit | undefined {
    const [start, end] = [sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES];
    const touching = slot.versions.filter(({ from, to }) => from < end && to > start);
    if (touching.length === 0) return undefined;
    // Nothing was ever there: the file system may have given the sector without clearing it.
    const unwritten = slotIndex * PAGE_BYTES + start >= node.durableSize;
    const pages = [slot.durable];
    const steps: number[] = [];
    for (const { page, step } of newest(touching)) {
      if (sameSector((pages[pages.length - 1] ?? EMPTY_PAGE).sector(sector), page.sector(sector)))
        continue;
      pages.push(page);
      steps.push(step);
    }
    if (unwritten) pages.push(this.#garbage(node, slotIndex));
    if (pages.length === 1) return undefined;
    return { slotIndex, first: sector, last: sector, pages, steps, count: pages.length };
  }

  /** What an unlinked file held there, or else noise. */
  #garbage({ id }: FileNode, slotIndex: number): Page {
    const { freed } = this.#state;
    const stale = freed[(id + slotIndex) % Math.max(1, freed.length)];
    return stale?.bytes.length === PAGE_BYTES ? stale : NOISE;
  }

  #directory(
    directory: DirectoryNode,
    choice: readonly number[],
    made: Map<Node, Node>,
  ): DirectoryNode {
    const arrivedChanges = (this.#entries.get(directory) ?? []).filter(
      (unit) => this.#stateOf(unit, choice) === 1,
    );
    const entries = arrivedChanges.length === 0 ? directory.durable : new Map(directory.durable);
    for (const { change } of arrivedChanges) apply(entries, change);
    const arrived = new Map<string, Node>();
    for (const [name, node] of entries) {
      const known = made.get(node);
      const copy = known ?? this.#node(node, choice, made);
      made.set(node, copy);
      arrived.set(name, copy);
    }
    return new DirectoryNode(directory.id, arrived);
  }

  #node(node: Node, choice: readonly number[], made: Map<Node, Node>): Node {
    return node.kind === "directory"
      ? this.#directory(node, choice, made)
      : this.#file(node, choice);
  }

  #file(node: FileNode, choice: readonly number[]): FileNode {
    const units = this.#files.get(node);
    const chosen = units?.size;
    const size = chosen?.sizes[this.#stateOf(chosen, choice)] ?? node.durableSize;
    const parts = units?.sectors ?? [];
    const pages = node.slots.map((slot, index) => {
      const own =
        slot.versions.length === 0 ? [] : parts.filter((part) => part.slotIndex === index);
      return this.#page(slot.durable, own, choice);
    });
    return arrivedFile(node, pages, size);
  }

  #page(durable: Page, units: readonly SectorUnit[], choice: readonly number[]): Page {
    const chosen = units.map((unit) => unit.pages[this.#stateOf(unit, choice)] ?? durable);
    const whole = chosen[0] ?? durable;
    const first = units[0];
    if (first === undefined || (first.first === 0 && first.last === SECTORS_PER_PAGE - 1))
      return whole;
    if (chosen.every((page) => page === durable)) return durable;
    const bytes = new Uint8Array(PAGE_BYTES);
    bytes.set(durable.bytes);
    for (const [index, unit] of units.entries()) {
      const start = unit.first * SECTOR_BYTES;
      const page = chosen[index] ?? durable;
      page.readInto(bytes.subarray(start, start + SECTOR_BYTES), start);
    }
    return new Page(bytes);
  }
}

function newest<T>(versions: readonly T[]): readonly T[] {
  return versions.length < STATES_MAX ? versions : versions.slice(2 - STATES_MAX);
}

/** A file as it is after a power cut: all that it shows is on the disk. */
export function arrivedFile(node: FileNode, pages: readonly Page[], size: number): FileNode {
  const file = new FileNode(node.id);
  for (const [index, page] of pages.entries()) {
    const length = size - index * PAGE_BYTES;
    if (length <= 0) break;
    const former = node.slots[index]?.former ?? EMPTY_PAGE;
    file.slots.push(new Slot(length < PAGE_BYTES ? page.cutAt(length) : page, former));
  }
  file.size = size;
  file.durableSize = size;
  for (const sector of node.unreadable) file.unreadable.add(sector);
  return file;
}

function noise(random: Random): Page {
  return new Page(Uint8Array.from({ length: PAGE_BYTES }, () => random.below(256)));
}
