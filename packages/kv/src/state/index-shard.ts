// One table of a key index: open addressing with linear probing, and deletion that moves back what follows, so that
// nothing marks where something was (Knuth, The Art of Computer Programming, vol. 3, 6.4, algorithms L and R).
// Invariant: between the slot that a hash begins at and the slot of its text no slot is empty, and one always is.

import { hasPrefix } from "./item.js";

export const SHARD_SLOTS = 1024;
const MASK = SHARD_SLOTS - 1;
/** Fuller, and searches become long. */
const COUNT_MAX = (SHARD_SLOTS * 3) / 4;

/** What stands in the place of a text where there is none. */
const NONE = "";

export class IndexShard {
  /** Bits of the hash that all its texts have in common. */
  readonly depth: number;
  /** By slot: 0 where it is empty, else some bits of the hash, so that hardly any text but the right one is looked at. */
  readonly #tags = new Uint8Array(SHARD_SLOTS);
  readonly #texts = new Array<string>(SHARD_SLOTS).fill(NONE);
  #count = 0;

  constructor(depth: number) {
    this.depth = depth;
  }

  get isFull(): boolean {
    return this.#count >= COUNT_MAX;
  }

  get(hash: number, prefix: string): string | undefined {
    const slot = this.#find(hash, prefix);
    return slot < 0 ? undefined : this.#texts[slot];
  }

  /** False if there is no text under that prefix. */
  replace(hash: number, prefix: string, text: string): boolean {
    const slot = this.#find(hash, prefix);
    if (slot < 0) return false;
    this.#texts[slot] = text;
    return true;
  }

  /** Adds a text whose prefix none has yet, to a shard that is not full. */
  add(hash: number, text: string): void {
    const tags = this.#tags;
    let slot = hash & MASK;
    while (tags[slot] !== 0) slot = (slot + 1) & MASK;
    tags[slot] = tagOf(hash);
    this.#texts[slot] = text;
    this.#count += 1;
  }

  /** False if there is no text under that prefix. */
  delete(hash: number, prefix: string, hashOfText: (text: string) => number): boolean {
    let hole = this.#find(hash, prefix);
    if (hole < 0) return false;
    const tags = this.#tags;
    const texts = this.#texts;
    for (let slot = (hole + 1) & MASK; tags[slot] !== 0; slot = (slot + 1) & MASK) {
      const from = hashOfText(texts[slot] as string) & MASK;
      // One that begins behind the hole would not be found before it.
      if (((slot - from) & MASK) < ((slot - hole) & MASK)) continue;
      tags[hole] = tags[slot] as number;
      texts[hole] = texts[slot] as string;
      hole = slot;
    }
    tags[hole] = 0;
    texts[hole] = NONE;
    this.#count -= 1;
    return true;
  }

  /** In no order. */
  *texts(): Generator<string, void, void> {
    for (let slot = 0; slot < SHARD_SLOTS; slot++) {
      if (this.#tags[slot] !== 0) yield this.#texts[slot] as string;
    }
  }

  /** The slot of the text under a prefix; negative if there is none. */
  #find(hash: number, prefix: string): number {
    const tags = this.#tags;
    const tag = tagOf(hash);
    for (let slot = hash & MASK; ; slot = (slot + 1) & MASK) {
      const found = tags[slot];
      if (found === tag && hasPrefix(this.#texts[slot] as string, prefix)) return slot;
      if (found === 0) return -1;
    }
  }
}

/** Of bits that choose neither shard nor slot, as long as there are few shards. */
function tagOf(hash: number): number {
  return ((hash >>> 10) & 0xff) | 1;
}
