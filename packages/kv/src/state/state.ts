// What the database holds at one offset: entries in key order. The present is one that changes; a view keeps
// a fork, which costs nothing and stays as it is.

import type { ResolvedRange } from "../arguments/range.js";
import type { EncodedPut, StateOperation } from "../formats/operations.js";
import { CoveredIndex } from "./covered-index.js";
import type { SnapshotEntry } from "./entry.js";
import { expiryOfText, Item, isLong, itemInPlace, itemOf, prefixOf } from "./item.js";
import { type Held, type KeyInterval, OrderedMap } from "./ordered-map.js";
import { OrderedMapBuilder } from "./ordered-map-builder.js";
import { RangeIterator } from "./range-iterator.js";

/** Gives ms since the Unix epoch. */
export type Clock = () => number;

/** What an item takes of memory besides the characters of its text, in bytes. */
const ITEM_OVERHEAD = 30;

/** What an operation took the place of: the item of its key, expired or not; for a range, the whole state. */
export type PreImage = Held<Uint8Array> | State | undefined;

export class State {
  /** Long values are beside their items. */
  #items: OrderedMap<Uint8Array>;
  /** Of the state that is there to be read key by key. */
  #index: CoveredIndex<Uint8Array> | undefined;

  constructor(items = new OrderedMap<Uint8Array>(expiryOfText)) {
    this.#items = items;
  }

  /** Has `get` answered by an index from now on, which takes memory as it fills; forks have none. */
  useIndex(): void {
    this.#index ??= new CoveredIndex();
  }

  /** A state of its own with the same entries, in constant time. */
  fork(): State {
    return new State(this.#items.fork());
  }

  /** Takes over the entries of a state that is of no more use; forks keep what they had. */
  become(state: State): void {
    this.#items = state.#items;
    this.#index?.reset();
  }

  /** What the key has; an entry whose expiry has come counts as gone. The clock is asked only where it matters. */
  get(key: string, clock: Clock): Item | undefined {
    const prefix = prefixOf(key);
    const text = this.#textOf(prefix);
    if (text === undefined) return undefined;
    const { length } = prefix;
    const expiry = expiryOfText(text, length);
    if (expiry !== Number.POSITIVE_INFINITY && expiry <= clock()) return undefined;
    const beside = isLong(text, length) ? this.#items.beside(prefix) : undefined;
    return new Item(text, beside, length);
  }

  #textOf(prefix: string): string | undefined {
    const index = this.#index;
    if (index === undefined) return this.#items.get(prefix);
    if (index.covers(prefix)) return index.get(prefix);
    index.extend(this.#items);
    return this.#items.get(prefix);
  }

  /** Count of entries that have not expired. Takes time in proportion to those that have. */
  size(clock: Clock): number {
    const { size, earliest } = this.#items;
    if (earliest === Number.POSITIVE_INFINITY) return size;
    return size - this.#items.countExpired(clock());
  }

  /** The lowest time from which on an entry counts as gone, in ms; infinity if none ever does. */
  get nextExpiry(): number {
    return this.#items.earliest;
  }

  /** Entries that are gone at a time, in the order of keys. The state must not change meanwhile. */
  expired(now: number): Iterable<Item> {
    return this.#items.expired(now, itemFrom);
  }

  /** About what entries take of memory, in bytes: of some at a time, in all of every one. The state must not change meanwhile. */
  *bytesTaken(): Generator<number, void, void> {
    for (const { leaf } of this.#items.runs(everyPrefix, false)) {
      let bytes = leaf.count * ITEM_OVERHEAD;
      for (const [at, text] of leaf.texts.entries()) {
        bytes += text.length + (leaf.beside(at)?.length ?? 0);
      }
      yield bytes;
    }
  }

  /** Does what a commit does. Returns what `revert` needs to take it back. */
  apply(operation: StateOperation, offset: number, time: number): PreImage {
    const items = this.#items;
    if (operation.kind === "deleteRange") {
      const previous = this.fork();
      const { gte = "", lt } = operation;
      const interval = prefixesOf({ gte, lt });
      this.#index?.clear(items, interval);
      items.clear(interval);
      return previous;
    }
    const prefix = prefixOf(operation.key);
    if (operation.kind === "delete") return this.#delete(prefix);
    const { key, value, expiry } = operation;
    const { text, beside } = itemOf({ key, value, offset, time, expiry }, prefix);
    return this.#set(prefix, text, beside);
  }

  #set(prefix: string, text: string, beside?: Uint8Array): Held<Uint8Array> | undefined {
    this.#index?.put(prefix, text);
    return this.#items.set(prefix, text, beside);
  }

  #delete(prefix: string): Held<Uint8Array> | undefined {
    this.#index?.delete(prefix);
    return this.#items.delete(prefix);
  }

  /** As `apply`, of a put whose value lies in `memory`; what is before that value is overwritten. */
  put(operation: EncodedPut, memory: Buffer, offset: number, time: number): PreImage {
    const { key, expiry, valueStart, valueEnd } = operation;
    const prefix = prefixOf(key);
    const entry = { key, offset, time, expiry, valueStart, valueEnd };
    const { text, beside } = itemInPlace(memory, 0, entry, prefix);
    return this.#set(prefix, text, beside);
  }

  /** Undoes an operation; all that came after it has been undone. `previous` is what `apply` returned, and of no more use. */
  revert(operation: StateOperation | EncodedPut, previous: PreImage): void {
    if (previous instanceof State) this.become(previous);
    else if (operation.kind !== "deleteRange") this.#restore(prefixOf(operation.key), previous);
  }

  #restore(prefix: string, previous: Held<Uint8Array> | undefined): void {
    if (previous === undefined) this.#delete(prefix);
    else this.#set(prefix, previous.text, previous.beside);
  }

  /**
   * What `pick` makes of the entries of a range that are there at time `now` (ms). The state must not change meanwhile:
   * read a fork.
   */
  read<T>(
    { interval, reverse, limit }: ResolvedRange,
    now: number,
    pick: (item: Item) => T,
  ): RangeIterator<T> {
    const items = this.#items;
    const expiredAt = items.earliest <= now ? now : Number.NEGATIVE_INFINITY;
    const runs = items.runs(prefixesOf(interval), reverse);
    return new RangeIterator(runs, { reverse, limit, expiredAt }, pick);
  }
}

const everyPrefix: KeyInterval = { gte: "", lt: undefined };

function prefixesOf({ gte, lt }: KeyInterval): KeyInterval {
  return { gte: prefixOf(gte), lt: lt === undefined ? undefined : prefixOf(lt) };
}

function itemFrom(text: string, beside: Uint8Array | undefined): Item {
  return new Item(text, beside);
}

/** Builds a state from entries in key order. */
export class StateBuilder {
  readonly #items = new OrderedMapBuilder<Uint8Array>(expiryOfText);

  append(entry: SnapshotEntry): void {
    const { text, beside } = itemOf(entry);
    this.#items.append(text, beside);
  }

  build(): State {
    return new State(this.#items.build());
  }
}
