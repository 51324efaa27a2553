// The hash of a key, by which the index finds it (key-index.ts).
// Each character is multiplied by a random factor that belongs to its place, and the products are added up (multilinear
// hashing: Carter and Wegman, "New hash functions and their use in authentication and set equality", 1981; Lemire and Kaser,
// "Strongly universal string hashing is fast", 2014): whoever does not know the factors cannot choose keys of up to 256
// characters of which two have the same sum but once in 2^23. MurmurHash3's finalizer (public domain), which is one to one,
// then spreads sums that lie close together over all bits.

import { randomFillSync } from "node:crypto";

/** Hash of the first characters of a text, none above U+00FF: 32 bits. */
export type HashOf = (text: string, length: number) => number;

/** Characters with a factor of their own; longer keys are hashed in parts of so many. */
const FACTOR_COUNT = 256;

/** By chance, as many as a hash needs. */
function randomFactors(): Int32Array {
  return randomFillSync(new Int32Array(FACTOR_COUNT));
}

/** A hash that nobody outside can foretell. */
export function keyHash(factors = randomFactors()): HashOf {
  return (text, length) => {
    let sum = factors[0] as number;
    for (let from = 0; from < length; from += FACTOR_COUNT) {
      const end = Math.min(FACTOR_COUNT, length - from);
      // One more than the character, so that one of U+0000 at the end counts too.
      for (let at = 0; at < end; at++) {
        sum = (sum + Math.imul(factors[at] as number, text.charCodeAt(from + at) + 1)) | 0;
      }
      sum = spread(sum);
    }
    return sum;
  };
}

function spread(sum: number): number {
  let bits = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
