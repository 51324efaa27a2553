// Stores to read: so many keys, written in an order that jumps about.

import { keyAt, scattered, valueAt } from "./material.js";
import type { Store } from "./store.js";

const BATCH_COUNT = 1000;

/** Puts `count` keys, a power of ten from 1,000 on: key number n has value number n. */
export async function fillStore(store: Store, count: number): Promise<void> {
  for (let from = 0; from < count; from += BATCH_COUNT) {
    await store.batch(
      Array.from({ length: BATCH_COUNT }, (_, n) => {
        const number = scattered(from + n, count);
        return [keyAt(number), valueAt(number)] as const;
      }),
    );
  }
}
