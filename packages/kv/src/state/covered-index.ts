// The index of a state that changes: it holds a beginning of the keys, which grows with the gets that it does not answer
// yet, so that opening does not wait for it and who never gets pays nothing.
// Invariant: the index holds exactly the texts of the tree whose prefix is below `#end`.

import { prefixOfText } from "./item.js";
import type { HashOf } from "./key-hash.js";
import { KeyIndex } from "./key-index.js";
import type { KeyInterval, OrderedMap } from "./ordered-map.js";

/** Items that a get adds: it takes three to five times as long for it. */
const STEP_ITEMS = 16;
/** Items of a range that are taken out one by one; for more the index begins anew. */
const CLEARED_MAX = 2048;

export class CoveredIndex<V extends object> {
  readonly #hashOf: HashOf | undefined;
  /** None while nothing is covered. */
  #index: KeyIndex | undefined;
  /** What is below is in the index; undefined once everything is. */
  #end: string | undefined = "";
  /** Given up for good: there was no room for a text. */
  #isBroken = false;

  constructor(hashOf?: HashOf) {
    this.#hashOf = hashOf;
  }

  /** Begins anew, with nothing in it. */
  reset(): void {
    this.#index = undefined;
    this.#end = "";
  }

  /** Whether the index tells what there is under a prefix, and that there is nothing. */
  covers(prefix: string): boolean {
    return this.#end === undefined || prefix < this.#end;
  }

  /** The text under a prefix that it covers. */
  get(prefix: string): string | undefined {
    return this.#index?.get(prefix);
  }

  /** As the map gets a text under that prefix. */
  put(prefix: string, text: string): void {
    if (this.covers(prefix)) this.#took(this.#index?.set(prefix, text));
  }

  /** As the map loses what is under that prefix. */
  delete(prefix: string): void {
    if (this.#index === undefined || !this.covers(prefix)) return;
    this.#index.delete(prefix);
    if (this.#index.isSparse) this.reset();
  }

  /** Before the map deletes an interval of prefixes. */
  clear(items: OrderedMap<V>, interval: KeyInterval): void {
    if (!this.covers(interval.gte)) return;
    let left = CLEARED_MAX;
    for (const { leaf, from, to } of items.runs(interval, false)) {
      left -= to - from;
      if (left < 0) {
        this.reset();
        return;
      }
      for (const text of leaf.texts.slice(from, to)) this.#index?.delete(prefixOfText(text));
    }
  }

  /** Adds some items of the map that come next. */
  extend(items: OrderedMap<V>): void {
    if (this.#end === undefined || this.#isBroken) return;
    this.#index ??= new KeyIndex(this.#hashOf, items.size);
    for (const { leaf, from, to } of items.runs({ gte: this.#end, lt: undefined }, false)) {
      this.#add(leaf.texts.slice(from, Math.min(to, from + STEP_ITEMS)));
      return;
    }
    this.#end = undefined;
  }

  #add(texts: readonly string[]): void {
    for (const text of texts) this.#took(this.#index?.add(text));
    // Above that prefix and its text, and at most any prefix above it.
    if (!this.#isBroken) this.#end = `${prefixOfText(texts.at(-1) ?? "")}\0\xff`;
  }

  /** Gives up where there was no room. */
  #took(hadRoom: boolean | undefined): void {
    if (hadRoom !== false) return;
    this.reset();
    this.#isBroken = true;
  }
}
