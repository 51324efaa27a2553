// Walking through a view in order, from wherever Level seeks to.

import { intervalOf, type KeyBounds, type Range } from "../arguments/range.js";
import { Pace } from "../pace.js";
import { abortedError, levelError } from "./errors.js";
import { type LevelKey, levelKeys } from "./keys.js";

/** A range as abstract-level hands it over, its bounds encoded. */
export interface LevelRange {
  readonly gt?: LevelKey;
  readonly gte?: LevelKey;
  readonly lt?: LevelKey;
  readonly lte?: LevelKey;
  readonly reverse: boolean;
}

/** Of two bounds on one side, Level takes the inclusive one. */
export function boundsOf({ gt, gte, lt, lte }: LevelRange): KeyBounds<LevelKey> {
  return { ...(gte === undefined ? { gt } : { gte }), ...(lte === undefined ? { lt } : { lte }) };
}

/** Gives the next item with each call; undefined at the end, and from then on. */
export type Step<T> = () => T | undefined;

/** What `pick` makes of each item. */
export function steps<S, T>(items: Iterator<S>, pick: (item: S) => T): Step<T> {
  return () => {
    const { done, value } = items.next();
    return done === true ? undefined : pick(value);
  };
}

/** Items that are read at a time, before others get their turn. */
const SLICE_COUNT = 1000;

const nothing = () => undefined;

export class Cursor<T> {
  #read: (range: Range<LevelKey>) => Step<T>;
  readonly #bounds: KeyBounds<LevelKey>;
  readonly #reverse: boolean;
  readonly #signal: AbortSignal | undefined;
  /** From the first item on, so that nothing is read before Level has seen to it that it may be. */
  #step: Step<T> | undefined;
  #pace: Pace | undefined;

  /** `read` begins to read a range, always of the same state. */
  constructor(
    range: LevelRange,
    read: (range: Range<LevelKey>) => Step<T>,
    signal: AbortSignal | undefined,
  ) {
    this.#read = read;
    this.#bounds = boundsOf(range);
    this.#reverse = range.reverse;
    this.#signal = signal;
  }

  #begin(bounds: KeyBounds<LevelKey>): Step<T> {
    return this.#read({ ...bounds, reverse: this.#reverse });
  }

  /** Goes on at a key, or at the nearest in the direction of the range; outside of the range there is nothing. */
  seek(target: LevelKey): void {
    try {
      const { gte, lt } = intervalOf(this.#bounds, levelKeys);
      const key = levelKeys.encode(target);
      if (key < gte || (lt !== undefined && key >= lt)) this.#step = nothing;
      else this.#step = this.#begin({ ...this.#bounds, [this.#reverse ? "lte" : "gte"]: target });
    } catch (error) {
      throw levelError(error);
    }
  }

  /** Lets go of the state that it reads, whoever keeps the iterator: there is nothing more. */
  close(): void {
    this.#read = () => nothing;
    this.#step = nothing;
  }

  #next(): T | undefined {
    try {
      this.#step ??= this.#begin(this.#bounds);
      return this.#step();
    } catch (error) {
      throw levelError(error);
    }
  }

  /** The next item; undefined at the end. Rejects with `LEVEL_ABORTED` where the signal is aborted meanwhile. */
  next(): Promise<T | undefined> {
    const item = Promise.resolve(this.#next());
    return this.#signal === undefined ? item : this.#unlessAborted(this.#signal, item);
  }

  /** Up to `count` of the next items, in slices. Rejects as `next`. */
  async take(count: number): Promise<T[]> {
    const taken: T[] = [];
    while (!this.#fill(taken, count)) {
      await this.#rest();
      if (this.#signal?.aborted) throw abortedError(this.#signal);
    }
    return this.#signal === undefined ? taken : await this.#unlessAborted(this.#signal, taken);
  }

  /** Reads a slice; true if there is none to come. */
  #fill(taken: T[], count: number): boolean {
    const end = Math.min(count, taken.length + SLICE_COUNT);
    while (taken.length < end) {
      const item = this.#next();
      if (item === undefined) return true;
      taken.push(item);
    }
    return end === count;
  }

  async #rest(): Promise<void> {
    this.#pace ??= new Pace();
    if (this.#pace.due) await this.#pace.rest();
  }

  /** What was read at the call, unless whoever called has aborted by the time that it could get it. */
  async #unlessAborted<R>(signal: AbortSignal, read: R | Promise<R>): Promise<R> {
    const item = await read;
    if (signal.aborted) throw abortedError(signal);
    return item;
  }
}
