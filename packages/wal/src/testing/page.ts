// Pages of a simulated file: immutable, so that any number of disks share them and crash states are made of
// references. Invariant: a page ends at a sector's border; what it does not hold is zeros.

import { mix } from "./random.js";

export const SECTOR_BYTES = 512;
export const PAGE_BYTES = 4096;
export const SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES;

export class Page {
  /** Never written once the page is made. */
  readonly bytes: Uint8Array;
  #digest: string | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The same for pages that read the same. */
  get digest(): string {
    this.#digest ??= digestOf(this.bytes);
    return this.#digest;
  }

  /** This page with other bytes from `at` on. */
  with(bytes: Uint8Array, at: number): Page {
    const end = at + bytes.length;
    const next = new Uint8Array(sectorEnd(Math.max(end, this.bytes.length)));
    if (at > 0 || end < this.bytes.length) next.set(this.bytes);
    next.set(bytes, at);
    return new Page(next);
  }

  /** This page with zeros from `at` on. */
  cutAt(at: number): Page {
    if (at >= this.bytes.length) return this;
    const next = new Uint8Array(sectorEnd(at));
    next.set(this.bytes.subarray(0, at));
    return new Page(next);
  }

  /** The bytes of one sector, or fewer where zeros follow. */
  sector(index: number): Uint8Array {
    return this.bytes.subarray(index * SECTOR_BYTES, (index + 1) * SECTOR_BYTES);
  }

  /** Copies the bytes from `at` on over the whole of `into`. */
  readInto(into: Uint8Array, at: number): void {
    const held = this.bytes.subarray(at, at + into.length);
    into.set(held);
    if (held.length < into.length) into.fill(0, held.length);
  }
}

export const EMPTY_PAGE = new Page(new Uint8Array(0));

/** Whether two sectors read the same. */
export function sameSector(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length === b.length) return Buffer.compare(a, b) === 0;
  const held = a.length === 0 ? b : a;
  return held.every((byte) => byte === 0);
}

function sectorEnd(position: number): number {
  return Math.ceil(position / SECTOR_BYTES) * SECTOR_BYTES;
}

/** 64 bits; zeros add nothing, so that a page without its trailing zeros has the same. */
function digestOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
  let low = 0;
  let high = 0;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? 0;
    if (word === 0) continue;
    low = (low + mix(word, Math.imul(index + 1, 0x9e3779b1))) | 0;
    high = (high + mix(Math.imul(word, 0x27d4eb2f) ^ index, word)) | 0;
  }
  return low === 0 && high === 0 ? "" : `${(low >>> 0).toString(36)}.${(high >>> 0).toString(36)}`;
}
