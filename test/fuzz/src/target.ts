// What can be fuzzed. A target knows valid inputs, how to make a changed one get past its checksums, and what
// must hold whatever it is given.

import type { Random } from "@tidemark/wal/testing";
import type { Input } from "./input.js";

export interface Target {
  readonly name: string;
  /** Files whose coverage guides: paths that begin so, from the root of the repository, as they are built. */
  readonly watched: readonly string[];
  /** Valid inputs to begin from. */
  readonly seeds: readonly Input[];
  /** Judging an input takes longer than looking at what has run. */
  readonly isSlow?: boolean;
  /** Bytes outside of the heap that judging an input of this size may take. */
  bytesMax(size: number): number;
  /** Makes the checksums right, in place, and whatever else keeps decoding from going deeper. */
  seal?(input: Input, random: Random): void;
  /** Changes that keep the structure; undefined where none applies. Bytes are the callee's own. */
  restructure?(input: Input, random: Random): Input | undefined;
  /** Throws a `Wrong` for what must not be; anything else that it throws is an error that nobody typed. */
  judge(input: Input): void | Promise<void>;
}

/** A property that does not hold. */
export class Wrong extends Error {}

export function demand(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Wrong(otherwise);
}

/** Both are the same bytes, or what differs is said. */
export function demandSame(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  const sizes = `${actual.length} and ${expected.length} bytes`;
  throw new Wrong(`${what}: ${sizes}, which differ at ${at === -1 ? actual.length : at}`);
}
