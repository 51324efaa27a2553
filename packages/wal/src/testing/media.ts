// Damage to the medium: bytes that were durable and read differently afterwards, or not at all.

import type { FileNode, Slot } from "./file-node.js";
import { EMPTY_PAGE, PAGE_BYTES, type Page, SECTOR_BYTES, SECTORS_PER_PAGE } from "./page.js";
import type { Random } from "./random.js";

/**
 * `"flip"`: one bit is another. `"stale"`: a sector shows what was there before its last sync. `"misdirected"`: the
 * bytes of one sector are written over another as well. `"zeroed"`: a sector shows zeros. `"unreadable"`: reading it
 * fails with `EIO`. Sectors are counted from the start of the file, positions in bytes.
 */
export type MediaDamage =
  | {
      readonly kind: "flip";
      readonly path: string;
      readonly position: number;
      readonly bit: number;
    }
  | {
      readonly kind: "stale" | "zeroed" | "unreadable";
      readonly path: string;
      readonly sector: number;
    }
  | {
      readonly kind: "misdirected";
      readonly path: string;
      readonly sector: number;
      readonly onto: number;
    };

export function damage(node: FileNode, what: MediaDamage): void {
  switch (what.kind) {
    case "flip": {
      const slot = slotAt(node, Math.floor(what.position / PAGE_BYTES));
      const at = what.position % PAGE_BYTES;
      replace(slot, Uint8Array.of((slot.durable.bytes[at] ?? 0) ^ (1 << what.bit)), at);
      return;
    }
    case "unreadable":
      node.unreadable.add(what.sector);
      return;
    case "misdirected":
      put(node, what.onto, sectorBytes(pageOf(node, what.sector), what.sector));
      return;
    case "stale": {
      const slot = slotAt(node, Math.floor(what.sector / SECTORS_PER_PAGE));
      put(node, what.sector, sectorBytes(slot.former, what.sector));
      return;
    }
    case "zeroed":
      put(node, what.sector, new Uint8Array(SECTOR_BYTES));
  }
}

/** Damage by chance to one of these files; undefined if they are all empty. */
export function randomDamage(
  files: readonly { readonly path: string; readonly node: FileNode }[],
  random: Random,
): { readonly node: FileNode; readonly what: MediaDamage } | undefined {
  const filled = files.filter(({ node }) => node.slots.length > 0 && node.size > 0);
  const chosen = filled[random.below(filled.length)];
  if (chosen === undefined) return undefined;
  const { path, node } = chosen;
  // Beyond its pages a file is a hole: no medium behind it.
  const length = Math.min(node.size, node.slots.length * PAGE_BYTES);
  const sectors = Math.ceil(length / SECTOR_BYTES);
  const sector = random.below(sectors);
  switch (random.below(6)) {
    case 0:
      return { node, what: { kind: "stale", path, sector } };
    case 1:
      return { node, what: { kind: "zeroed", path, sector } };
    case 2:
      return { node, what: { kind: "unreadable", path, sector } };
    case 3:
      return { node, what: { kind: "misdirected", path, sector, onto: random.below(sectors) } };
    default: {
      const position = random.below(length);
      return { node, what: { kind: "flip", path, position, bit: random.below(8) } };
    }
  }
}

function slotAt(node: FileNode, index: number): Slot {
  const slot = node.slots[index];
  if (slot === undefined) throw new RangeError(`the file has no page ${index}`);
  return slot;
}

function pageOf(node: FileNode, sector: number): Page {
  return node.slots[Math.floor(sector / SECTORS_PER_PAGE)]?.durable ?? EMPTY_PAGE;
}

function sectorBytes(page: Page, sector: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES);
  page.readInto(bytes, (sector % SECTORS_PER_PAGE) * SECTOR_BYTES);
  return bytes;
}

function put(node: FileNode, sector: number, bytes: Uint8Array): void {
  const slot = slotAt(node, Math.floor(sector / SECTORS_PER_PAGE));
  replace(slot, bytes, (sector % SECTORS_PER_PAGE) * SECTOR_BYTES);
}

/** On the disk, and in memory too unless memory holds something newer. */
function replace(slot: Slot, bytes: Uint8Array, at: number): void {
  slot.durable = slot.durable.with(bytes, at);
}
