// What the database holds at one offset: entries in key order. The present is one that changes; a view keeps
// a fork, which costs nothing and stays as it is.

import type { Entry } from "./entry.js";
import type { StateOperation } from "./operations.js";
import { type KeyInterval, OrderedMap } from "./ordered-map.js";
import { OrderedMapBuilder } from "./ordered-map-builder.js";

/** Gives ms since the Unix epoch. */
export type Clock = () => number;

/** What an operation took the place of: the entry of its key, expired or not; for a range, the whole state. */
export type PreImage = Entry | State | undefined;

const expiryOf = ({ expiry }: Entry): number => expiry ?? Number.POSITIVE_INFINITY;

export class State {
  #entries: OrderedMap<Entry>;

  constructor(entries = new OrderedMap<Entry>(expiryOf)) {
    this.#entries = entries;
  }

  /** A state of its own with the same entries, in constant time. */
  fork(): State {
    return new State(this.#entries.fork());
  }

  /** What the key has; an entry whose expiry has come counts as gone. The clock is asked only where it matters. */
  get(key: string, clock: Clock): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.expiry === undefined) return entry;
    return entry.expiry <= clock() ? undefined : entry;
  }

  /** Count of entries that have not expired. Takes time in proportion to those that have. */
  size(clock: Clock): number {
    const { size, earliest } = this.#entries;
    if (earliest === Number.POSITIVE_INFINITY) return size;
    let expired = 0;
    for (const _ of this.#entries.expired(clock())) expired += 1;
    return size - expired;
  }

  /** Does what a commit does. Returns what `revert` needs to take it back. */
  apply(operation: StateOperation, offset: number, time: number): PreImage {
    const entries = this.#entries;
    if (operation.kind === "delete") return entries.delete(operation.key);
    if (operation.kind === "put") {
      const { key, value, expiry } = operation;
      return entries.set(key, { value, offset, time, expiry });
    }
    const previous = this.fork();
    const { gte = "", lt } = operation;
    entries.clear({ gte, lt });
    return previous;
  }

  /** Undoes an operation; all that came after it has been undone. `previous` is what `apply` returned, and of no more use. */
  revert(operation: StateOperation, previous: PreImage): void {
    if (previous instanceof State) this.#entries = previous.#entries;
    else if (operation.kind !== "deleteRange") this.#restore(operation.key, previous);
  }

  #restore(key: string, previous: Entry | undefined): void {
    if (previous === undefined) this.#entries.delete(key);
    else this.#entries.set(key, previous);
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

/** What an entry takes of memory besides its key and value: about, in bytes. */
const ENTRY_OVERHEAD = 100;

/** Builds a state from entries in key order. */
export class StateBuilder {
  readonly #entries = new OrderedMapBuilder<Entry>(expiryOf);
  /** About what the entries so far take of memory, in bytes. */
  bytes = 0;

  append(key: string, entry: Entry): void {
    this.#entries.append(key, entry);
    this.bytes += ENTRY_OVERHEAD + key.length + entry.value.length;
  }

  build(): State {
    return new State(this.#entries.build());
  }
}
