// What is written everywhere: records of 128 bytes, keys of 14 bytes and values of 100 bytes in MessagePack, made
// from their number alone, so that whoever reads one back knows what it has to be.

export const RECORD_BYTES = 128;
export const VALUE_BYTES = 100;
export const KEY_BYTES = 14;

const RECORDS = Array.from({ length: 1024 }, (_, number) => {
  const bytes = Buffer.alloc(RECORD_BYTES);
  const next = chance(number + 1);
  for (let at = 0; at < RECORD_BYTES; at++) bytes[at] = next() * 256;
  return bytes;
});

/** Random bytes; the same again after 1,024 others. */
export function recordAt(number: number): Buffer {
  return RECORDS[number % RECORDS.length] ?? Buffer.alloc(0);
}

/** A reading of a sensor: 100 bytes in MessagePack. */
export interface Value {
  id: number;
  place: string;
  celsius: number;
  time: number;
  note: string;
}

export function valueAt(number: number): Value {
  return {
    id: 1_000_000 + number,
    place: `station-${String(number % 1000).padStart(4, "0")}`,
    celsius: 20.5 + (number % 100) / 128,
    time: 1_764_000_000_000 + number,
    note: "nothing unusual was seen here so",
  };
}

export function keyAt(number: number): string {
  return `key-${String(number).padStart(10, "0")}`;
}

/** Goes through 0 to `count` - 1 in an order that jumps about, each once; `count` is a power of ten. */
export function scattered(index: number, count: number): number {
  // No divisor in common with the counts here, which are powers of ten.
  return (index * 7_919_993) % count;
}

/** Numbers from 0 to below 1 that follow from the seed (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
