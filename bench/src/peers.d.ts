// The little of the peers that is used here, so that types are checked where they are not installed. Declared
// ambiently, it also stands where they are: what is checked does not depend on it.

declare module "better-sqlite3" {
  interface Statement {
    run(...parameters: unknown[]): unknown;
    get(...parameters: unknown[]): unknown;
    iterate(...parameters: unknown[]): IterableIterator<unknown>;
    pluck(): Statement;
    raw(): Statement;
  }
  export default class Database {
    constructor(path: string);
    pragma(text: string): unknown;
    exec(text: string): unknown;
    prepare(text: string): Statement;
    transaction<A extends unknown[]>(run: (...parameters: A) => void): (...parameters: A) => void;
    close(): void;
  }
}

declare module "classic-level" {
  export class ClassicLevel<K, V> extends Level<K, V> {
    constructor(location: string, options: LevelOptions);
  }
}

declare module "memory-level" {
  export class MemoryLevel<K, V> extends Level<K, V> {
    constructor(options: LevelOptions & { storeEncoding: "buffer" | "view" | "utf8" });
  }
}

interface LevelEncoding {
  name: string;
  format: "buffer" | "view" | "utf8";
  encode(value: never): unknown;
  decode(stored: never): unknown;
}

interface LevelOptions {
  keyEncoding: string;
  valueEncoding: string | LevelEncoding;
}

declare class Level<K, V> {
  open(): Promise<void>;
  put(key: K, value: V, options?: { sync: boolean }): Promise<void>;
  batch(
    operations: { type: "put"; key: K; value: V }[],
    options?: { sync: boolean },
  ): Promise<void>;
  get(key: K): Promise<V | undefined>;
  getSync(key: K): V | undefined;
  iterator(range: { gte?: K; limit?: number }): LevelIterator<K, V>;
  keys(): {
    next(): Promise<K | undefined>;
    nextv(size: number): Promise<K[]>;
    close(): Promise<void>;
  };
  close(): Promise<void>;
}

interface LevelIterator<K, V> {
  nextv(size: number): Promise<[K, V][]>;
  close(): Promise<void>;
}

declare module "lmdb" {
  export interface LmdbOptions {
    path: string;
    encoding?: "binary" | "msgpack";
    useRecords?: boolean;
    noSync?: boolean;
  }
  export interface Lmdb<K, V> {
    put(key: K, value: V): Promise<boolean>;
    get(key: K): V | undefined;
    transaction<T>(run: () => T): Promise<T>;
    getRange(range: { start?: K; limit?: number }): Iterable<{ key: K; value: V }>;
    getStats(): { entryCount: number };
    readonly flushed: Promise<unknown>;
    close(): Promise<void>;
  }
  export function open<K, V>(options: LmdbOptions): Lmdb<K, V>;
}

declare module "msgpackr" {
  export class Packr {
    constructor(options: { useRecords: boolean; moreTypes: boolean });
    pack(value: unknown): Buffer;
    unpack(bytes: Uint8Array): unknown;
  }
}
