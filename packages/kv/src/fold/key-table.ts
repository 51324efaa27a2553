// A map with many keys that never takes long to grow: a Map moves all of its entries at once when it is full, which
// takes 80 ms at half a million. So there are many of them, by a hash of the key, each with few.

/** Enough for ten million keys; there are as many maps as have keys. */
const SHARDS = 256;
/** Characters that are looked at, spread over the key. */
const SAMPLES = 16;
/** Sorting this many at once takes a few ms. */
export const RUN_LENGTH = 4096;

export class KeyTable<V> {
  #shards: (Map<string, V> | undefined)[] = [];
  #runs: string[][] = [];

  get(key: string): V | undefined {
    return this.#shards[shardOf(key)]?.get(key);
  }

  set(key: string, value: V): void {
    const at = shardOf(key);
    let shard = this.#shards[at];
    if (shard === undefined) {
      shard = new Map();
      this.#shards[at] = shard;
    }
    const { size } = shard;
    shard.set(key, value);
    if (shard.size > size) this.#note(key);
  }

  #note(key: string): void {
    const run = this.#runs.at(-1);
    if (run !== undefined && run.length < RUN_LENGTH) run.push(key);
    else this.#runs.push([key]);
  }

  clear(): void {
    this.#shards = [];
    this.#runs = [];
  }

  /** All keys, in the order in which they came, in arrays of bounded length. */
  get runs(): readonly (readonly string[])[] {
    return this.#runs;
  }
}

function shardOf(key: string): number {
  const { length } = key;
  const step = length <= SAMPLES ? 1 : Math.ceil(length / SAMPLES);
  let hash = length;
  for (let i = length - 1; i >= 0; i -= step) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SHARDS - 1);
}
