// Which slices there are: the parts take turns, and what each is given follows from the seed and the slice's number.

import { Random } from "@tidemark/wal/testing";
import type { Kind } from "../../packages/wal/test/crash/explore-programs.js";
import type { Part, Slice } from "./slice.js";

/** Most of the time is the programs'. */
const TURNS: readonly (readonly [Part, Kind])[] = [
  ["log", "cut"],
  ["database", "cut"],
  ["log", "failing"],
  ["fuzz", "damaged"],
  ["kills", "cut"],
  ["database", "failing"],
  ["log", "damaged"],
  ["database", "damaged"],
];

/** Long enough for code to become fast, short enough for every part to have its turn. */
const SLICE_MS_MAX = 10_000;
const SLICE_MS_MIN: Readonly<Record<Part, number>> = {
  log: 1000,
  database: 1000,
  kills: 1000,
  // Before the first input there is much to load.
  fuzz: 5000,
};

export class Slices {
  readonly #turns: readonly (readonly [Part, Kind])[];
  readonly #random: Random;
  readonly #sliceMs: number;
  #number = 0;

  /** `only`: the parts that there are. `workMs`: time that all of them have together. */
  constructor(seed: number, only: readonly Part[], workMs: number) {
    this.#turns = TURNS.filter(([part]) => only.includes(part));
    this.#random = new Random(seed);
    const share = workMs / this.#turns.length;
    this.#sliceMs = Math.min(SLICE_MS_MAX, share);
  }

  /** The next one, with no more time than is left. */
  next(leftMs: number): Slice {
    const turn = this.#turns[this.#number++ % this.#turns.length];
    if (turn === undefined) throw new Error("there is a part to torture");
    const [part, kind] = turn;
    const durationMs = Math.min(Math.max(this.#sliceMs, SLICE_MS_MIN[part]), leftMs);
    return { part, kind, seed: this.#random.next() >>> 1, durationMs };
  }
}
