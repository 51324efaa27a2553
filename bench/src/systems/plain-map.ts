// A Map that hands out what it holds: the least that a lookup can cost, without order, encoding, isolation or disk.

import type { Value } from "../material.js";
import type { ReadableStore } from "../store.js";

export async function openMap(): Promise<ReadableStore> {
  const map = new Map<string, Value>();
  return {
    put: (key, value) => map.set(key, value),
    batch(entries) {
      for (const [key, value] of entries) map.set(key, value);
    },
    get: (key) => map.get(key),
    scan: () => {
      throw new Error("a Map has no order");
    },
    count: () => map.size,
    close: () => map.clear(),
  };
}
