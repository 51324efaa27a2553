// Level's three iterators: of entries, of keys and of values. Each reads one view, whatever is written meanwhile.

import {
  AbstractIterator,
  AbstractKeyIterator,
  type AbstractSnapshot,
  AbstractValueIterator,
} from "abstract-level";
import { Cursor, type LevelRange, steps } from "./cursor.js";
import type { LevelKey } from "./keys.js";
import type { LevelView } from "./snapshot.js";
import { keyIn, type LevelFormat, type LevelValue, valueIn } from "./values.js";

/** What abstract-level hands to an implementation. */
export interface IteratorOptions extends LevelRange {
  readonly keyEncoding: LevelFormat;
  readonly valueEncoding: LevelFormat;
  /** Whether entries have their keys, and their values. */
  readonly keys?: boolean;
  readonly values?: boolean;
  readonly limit: number;
  readonly snapshot?: AbstractSnapshot;
  readonly signal?: AbortSignal;
}

type Entry = [key: LevelKey | undefined, value: LevelValue | undefined];

export class EntryIterator extends AbstractIterator<object, LevelKey, LevelValue> {
  readonly #cursor: Cursor<Entry>;

  constructor(level: object, view: LevelView, options: IteratorOptions) {
    super(level, options);
    this.#cursor = entriesOf(view, options);
  }

  _next(): Promise<Entry | undefined> {
    return this.#cursor.next();
  }

  _nextv(count: number): Promise<Entry[]> {
    return this.#cursor.take(count);
  }

  _all(): Promise<Entry[]> {
    return this.#cursor.take(this.limit - this.count);
  }

  _seek(target: LevelKey): void {
    this.#cursor.seek(target);
  }

  _close(): Promise<void> {
    this.#cursor.close();
    return Promise.resolve();
  }
}

export class KeyIterator extends AbstractKeyIterator<object, LevelKey> {
  readonly #cursor: Cursor<LevelKey>;

  constructor(level: object, view: LevelView, options: IteratorOptions) {
    super(level, options);
    this.#cursor = keysOf(view, options);
  }

  _next(): Promise<LevelKey | undefined> {
    return this.#cursor.next();
  }

  _nextv(count: number): Promise<LevelKey[]> {
    return this.#cursor.take(count);
  }

  _all(): Promise<LevelKey[]> {
    return this.#cursor.take(this.limit - this.count);
  }

  _seek(target: LevelKey): void {
    this.#cursor.seek(target);
  }

  _close(): Promise<void> {
    this.#cursor.close();
    return Promise.resolve();
  }
}

export class ValueIterator extends AbstractValueIterator<object, LevelKey, LevelValue> {
  readonly #cursor: Cursor<LevelValue>;

  constructor(level: object, view: LevelView, options: IteratorOptions) {
    super(level, options);
    this.#cursor = valuesOf(view, options);
  }

  _next(): Promise<LevelValue | undefined> {
    return this.#cursor.next();
  }

  _nextv(count: number): Promise<LevelValue[]> {
    return this.#cursor.take(count);
  }

  _all(): Promise<LevelValue[]> {
    return this.#cursor.take(this.limit - this.count);
  }

  _seek(target: LevelKey): void {
    this.#cursor.seek(target);
  }

  _close(): Promise<void> {
    this.#cursor.close();
    return Promise.resolve();
  }
}

function entriesOf(view: LevelView, options: IteratorOptions): Cursor<Entry> {
  const { keyEncoding, valueEncoding, signal } = options;
  if (options.values === false) {
    const keyAlone = (key: LevelKey): Entry => [keyIn(keyEncoding, key), undefined];
    return new Cursor(options, (range) => steps(view.keys(range), keyAlone), signal);
  }
  const entry = ([key, value]: [LevelKey, LevelValue]): Entry => [
    options.keys === false ? undefined : keyIn(keyEncoding, key),
    valueIn(valueEncoding, value),
  ];
  return new Cursor(options, (range) => steps(view.entries(range), entry), signal);
}

function keysOf(view: LevelView, options: IteratorOptions): Cursor<LevelKey> {
  const { keyEncoding, signal } = options;
  const pick = (key: LevelKey) => keyIn(keyEncoding, key);
  return new Cursor(options, (range) => steps(view.keys(range), pick), signal);
}

function valuesOf(view: LevelView, options: IteratorOptions): Cursor<LevelValue> {
  const { valueEncoding, signal } = options;
  const pick = (value: LevelValue) => valueIn(valueEncoding, value);
  return new Cursor(options, (range) => steps(view.values(range), pick), signal);
}
