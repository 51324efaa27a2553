// Finds the text of an item (item.ts) by its prefix, without an order: a hash table in shards that are made as they are
// needed and split as they fill, so that no growth moves more than one of them at a time. Extendible hashing: Fagin,
// Nievergelt, Pippenger, Strong, "Extendible hashing: a fast access method for dynamic files", 1979. Measured in
// docs/decisions/0501-key-index.md.

import { IndexShard, SHARD_SLOTS } from "./index-shard.js";
import { prefixLength } from "./item.js";
import { type HashOf, keyHash } from "./key-hash.js";

/** Bits of a hash that choose a shard at most: as many shards as this would hold more keys than memory does. */
const DEPTH_MAX = 18;

export class KeyIndex {
  readonly #hashOf: HashOf;
  /** By the top `#depth` bits of a hash; a shard of less depth stands at several places. */
  #shards: (IndexShard | undefined)[];
  #depth: number;
  #count = 0;
  /** The highest that the count has been. */
  #countMax = 0;
  #shardCount = 0;

  /** With shards for about as many texts. */
  constructor(hashOf: HashOf = keyHash(), expectedCount = 0) {
    this.#hashOf = hashOf;
    this.#depth = Math.min(
      Math.max(Math.ceil(Math.log2(expectedCount / (SHARD_SLOTS * 0.7))), 0),
      DEPTH_MAX,
    );
    this.#shards = new Array<undefined>(1 << this.#depth).fill(undefined);
  }

  /** Count of texts. */
  get count(): number {
    return this.#count;
  }

  /**
   * Whether so little is left of what it held that one made anew would take much less memory. One that has only begun
   * to fill is not: its shards are as many as will be needed.
   */
  get isSparse(): boolean {
    return this.#shardCount > 1 && this.#count * 16 < this.#countMax;
  }

  /** The text under a prefix. */
  get(prefix: string): string | undefined {
    const hash = this.#hashOf(prefix, prefix.length);
    return this.#shards[this.#placeOf(hash)]?.get(hash, prefix);
  }

  /** Puts a text under its prefix. False if there is no room for it, as where very many have the same hash. */
  set(prefix: string, text: string): boolean {
    const hash = this.#hashOf(prefix, prefix.length);
    const shard = this.#shards[this.#placeOf(hash)];
    return shard?.replace(hash, prefix, text) || this.#add(hash, text);
  }

  /** As `set`, where there is nothing yet under the prefix of the text. */
  add(text: string): boolean {
    return this.#add(this.#hashOfText(text), text);
  }

  /** Removes what is under a prefix, if anything is. */
  delete(prefix: string): void {
    const hash = this.#hashOf(prefix, prefix.length);
    const shard = this.#shards[this.#placeOf(hash)];
    if (shard?.delete(hash, prefix, (text) => this.#hashOfText(text))) this.#count -= 1;
  }

  #hashOfText(text: string): number {
    return this.#hashOf(text, prefixLength(text));
  }

  #placeOf(hash: number): number {
    // A shift by 32 bits would be one by none.
    return (hash >>> 1) >>> (31 - this.#depth);
  }

  #add(hash: number, text: string): boolean {
    let shard = this.#shards[this.#placeOf(hash)] ?? this.#newShard(hash);
    while (shard.isFull) {
      if (shard.depth === DEPTH_MAX) return false;
      shard = this.#split(shard, hash);
    }
    shard.add(hash, text);
    this.#count += 1;
    if (this.#count > this.#countMax) this.#countMax = this.#count;
    return true;
  }

  #newShard(hash: number): IndexShard {
    const shard = new IndexShard(this.#depth);
    this.#shards[this.#placeOf(hash)] = shard;
    this.#shardCount += 1;
    return shard;
  }

  /** Splits a shard in two; returns the half that a hash belongs to. */
  #split(full: IndexShard, hash: number): IndexShard {
    if (full.depth === this.#depth) {
      this.#shards = this.#shards.flatMap((shard) => [shard, shard]);
      this.#depth += 1;
    }
    const depth = full.depth + 1;
    const low = new IndexShard(depth);
    const high = new IndexShard(depth);
    const isHigh = (moved: number) => ((moved >>> (32 - depth)) & 1) !== 0;
    for (const text of full.texts()) {
      const moved = this.#hashOfText(text);
      (isHigh(moved) ? high : low).add(moved, text);
    }
    const places = 1 << (this.#depth - depth);
    const first = ((hash >>> 1) >>> (31 - full.depth)) * 2 * places;
    this.#shards.fill(low, first, first + places);
    this.#shards.fill(high, first + places, first + 2 * places);
    this.#shardCount += 1;
    return isHigh(hash) ? high : low;
  }
}
