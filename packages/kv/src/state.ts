// What the database holds at one offset: entries in key order. The present is one that changes; a view keeps
// a fork, which costs nothing and stays as it is.

import type { Entry } from "./entry.js";
import type { KeyOperation } from "./operations.js";
import { type KeyInterval, OrderedMap, OrderedMapBuilder } from "./ordered-map.js";

/** Gives ms since the Unix epoch. */
export type Clock = () => number;

export class State {
  readonly #entries: OrderedMap<Entry>;
  /** Entries with an expiry: without any, nothing has to be looked at for it. */
  #expiring: number;

  constructor(entries = new OrderedMap<Entry>(), expiring = 0) {
    this.#entries = entries;
    this.#expiring = expiring;
  }

  /** A state of its own with the same entries, in constant time. */
  fork(): State {
    return new State(this.#entries.fork(), this.#expiring);
  }

  /** What the key has; an entry whose expiry has come counts as gone. The clock is asked only where it matters. */
  get(key: string, clock: Clock): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.expiry === undefined) return entry;
    return entry.expiry <= clock() ? undefined : entry;
  }

  /** Count of entries. Takes time in proportion to it if any entry has an expiry. */
  size(clock: Clock): number {
    if (this.#expiring === 0) return this.#entries.size;
    const now = clock();
    let size = 0;
    for (const [, { expiry }] of this.#entries.ascending({ gte: "", lt: undefined })) {
      if (expiry === undefined || expiry > now) size += 1;
    }
    return size;
  }

  /** Does what a commit does to a key. Returns what the key had, expired or not. */
  apply(operation: KeyOperation, offset: number, time: number): Entry | undefined {
    if (operation.kind === "delete") return this.#delete(operation.key);
    const { key, value, expiry } = operation;
    return this.#set(key, { value, offset, time, expiry });
  }

  #set(key: string, entry: Entry): Entry | undefined {
    const previous = this.#entries.set(key, entry);
    if (entry.expiry !== undefined) this.#expiring += 1;
    if (previous?.expiry !== undefined) this.#expiring -= 1;
    return previous;
  }

  #delete(key: string): Entry | undefined {
    const previous = this.#entries.delete(key);
    if (previous?.expiry !== undefined) this.#expiring -= 1;
    return previous;
  }

  /** Gives a key back what `apply` returned. */
  restore(key: string, previous: Entry | undefined): void {
    if (previous === undefined) this.#delete(key);
    else this.#set(key, previous);
  }

  /** Entries of an interval that are there at time `now` (ms). The state must not change meanwhile: read a fork. */
  *entries(interval: KeyInterval, reverse: boolean, now: number): Generator<[string, Entry]> {
    const entries = this.#entries;
    for (const found of reverse ? entries.descending(interval) : entries.ascending(interval)) {
      const { expiry } = found[1];
      if (expiry === undefined || expiry > now) yield found;
    }
  }
}

/** Builds a state from entries in key order. */
export class StateBuilder {
  readonly #entries = new OrderedMapBuilder<Entry>();
  #expiring = 0;

  append(key: string, entry: Entry): void {
    this.#entries.append(key, entry);
    if (entry.expiry !== undefined) this.#expiring += 1;
  }

  build(): State {
    return new State(this.#entries.build(), this.#expiring);
  }
}
