// A commit: the payload of one record of the log, all of whose operations apply or none.
// Documented in docs/format-database.md, "Commit".

import { isStoredKey, type KeyKind } from "../arguments/keys.js";
import { assert } from "../errors.js";
import { type StoredValue, storeValue } from "../values/stored-value.js";
import { ValueEncoder } from "../values/value-encoder.js";
import { ByteReader, Malformed } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { readMarkName, writeMarkName } from "./mark-name.js";

/** Bytes that a commit may have, encoded. */
export const COMMIT_BYTES_MAX = 512 * 1024 * 1024;

const FORMAT = 1;
const kinds = { put: 1, putWithExpiry: 2, delete: 3, deleteRange: 4, mark: 5 } as const;
/** Before a payload in the memory of its writer: what makes an item of a value writes before it (item.ts). */
const ITEM_ROOM = 32;
const HAS_GTE = 1;
const HAS_LT = 2;

/** What a commit does; keys in their form in memory. */
export type Operation = StateOperation | MarkOperation;

/** What happens to entries. */
export type StateOperation = KeyOperation | DeleteRangeOperation;

/** What happens to one key. */
export type KeyOperation = PutOperation | DeleteOperation;

export interface PutOperation {
  readonly kind: "put";
  readonly key: string;
  readonly value: StoredValue;
  /** ms since the Unix epoch from which on the key counts as gone; undefined for never. */
  readonly expiry: number | undefined;
}

/**
 * A put whose value lies in the memory of the writer that encoded it, from `valueStart` to `valueEnd` (exclusive), until
 * that writer begins another commit.
 */
export interface EncodedPut extends Omit<PutOperation, "kind" | "value"> {
  readonly kind: "encodedPut";
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** What a commit that is written does. */
export type WrittenOperation = Operation | EncodedPut;

/** A commit on its way into log and state, which have copied what they need of it when it is theirs. */
export interface WrittenCommit {
  readonly operations: readonly WrittenOperation[];
  /** What the operations are in the log. */
  readonly payload: Uint8Array;
  /** Where the values of encoded puts lie, with room before the first. */
  readonly memory: Buffer;
}

export interface DeleteOperation {
  readonly kind: "delete";
  readonly key: string;
}

/** Deletes keys from `gte` (inclusive) to `lt` (exclusive); undefined for no bound. */
export interface DeleteRangeOperation {
  readonly kind: "deleteRange";
  readonly gte: string | undefined;
  readonly lt: string | undefined;
}

/** Gives the state after the commit a name. */
export interface MarkOperation {
  readonly kind: "mark";
  readonly name: string;
}

/** What the bytes of a payload turned out to be, as far as they were read. */
export type CommitVerdict =
  | CommitStep
  | { readonly verdict: "unsupported"; readonly reason: string }
  | { readonly verdict: "invalid"; readonly reason: string; readonly position: number };

/** Operations in order. `complete`: they are the last, and nothing comes after them. */
export interface CommitStep {
  readonly verdict: "valid";
  readonly operations: readonly Operation[];
  readonly complete: boolean;
}

/** Builds commits. What `payload` and `commit` return is valid until the next `begin` or `release`. */
export class CommitWriter {
  readonly #out: ByteWriter;
  readonly #values: ValueEncoder;
  /** Operations that were announced and have not come. */
  #missing = 0;

  /** `limit`: bytes beyond which writing throws `KV_COMMIT_TOO_LARGE`. */
  constructor(limit = COMMIT_BYTES_MAX) {
    this.#out = new ByteWriter(limit, ITEM_ROOM);
    this.#values = new ValueEncoder(this.#out);
  }

  /** Starts a commit of `count` operations. */
  begin(count: number): void {
    this.#out.reset();
    this.#out.u8(FORMAT);
    this.#out.varint(count);
    this.#missing = count;
  }

  /** Encodes the value as it is now. */
  put(key: string, value: unknown, expiry?: number): EncodedPut {
    const out = this.#out;
    this.#put(key, expiry);
    const at = out.claim(4);
    const start = out.length;
    this.#values.encode(value);
    out.setU32(at, out.length - start);
    return { kind: "encodedPut", key, expiry, valueStart: start, valueEnd: out.length };
  }

  /** A put of a value that is encoded already. */
  putStored(key: string, value: StoredValue, expiry?: number): void {
    const out = this.#out;
    this.#put(key, expiry);
    out.u32(value.length);
    if (typeof value === "string") out.latin1(value);
    else out.raw(value);
  }

  delete(key: string): DeleteOperation {
    this.#begin(kinds.delete);
    this.#key(key);
    return { kind: "delete", key };
  }

  /** An operation whose value, if it has one, is encoded already. */
  add(operation: StateOperation): void {
    if (operation.kind === "delete") this.delete(operation.key);
    else if (operation.kind === "deleteRange") this.deleteRange(operation.gte, operation.lt);
    else this.putStored(operation.key, operation.value, operation.expiry);
  }

  deleteRange(gte: string | undefined, lt: string | undefined): void {
    this.#begin(kinds.deleteRange);
    this.#out.u8((gte === undefined ? 0 : HAS_GTE) | (lt === undefined ? 0 : HAS_LT));
    if (gte !== undefined) this.#key(gte);
    if (lt !== undefined) this.#key(lt);
  }

  mark(name: string): void {
    this.#begin(kinds.mark);
    writeMarkName(this.#out, name);
  }

  #begin(kind: number): void {
    this.#missing -= 1;
    this.#out.u8(kind);
  }

  /** What a put has before its value. */
  #put(key: string, expiry: number | undefined): void {
    this.#begin(expiry === undefined ? kinds.put : kinds.putWithExpiry);
    this.#key(key);
    if (expiry !== undefined) this.#out.u64(expiry);
  }

  #key(key: string): void {
    this.#out.varint(key.length);
    this.#out.latin1(key);
  }

  /** The commit, given the operations that were written. */
  commit(operations: readonly WrittenOperation[]): WrittenCommit {
    return { operations, payload: this.payload(), memory: this.#out.bytes };
  }

  payload(): Uint8Array {
    // A count that is not true makes a record that can never be read.
    assert(this.#missing === 0, "a commit has as many operations as it says");
    return this.#out.written();
  }

  /** Forgets the payload, so that a large one is not kept until the next. */
  release(): void {
    this.#out.reset();
  }
}

/**
 * Reads a payload, some operations at a time. Values are copied as they are, not decoded. With `only`, what is done to
 * other keys alone is stepped over, and its values are not copied.
 */
export class CommitReader {
  readonly #in: ByteReader;
  readonly #keys: KeyKind;
  readonly #only: string | undefined;
  /** Operations that are still to come; undefined before the first step. */
  #left: number | undefined;

  constructor(payload: Uint8Array, keys: KeyKind, only?: string) {
    this.#in = new ByteReader(payload);
    this.#keys = keys;
    this.#only = only;
  }

  /**
   * The next operations, `limit` at most, and no further one once they take `bytes`. To be called until they are
   * complete, or no longer valid.
   */
  next(limit = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY): CommitVerdict {
    try {
      return this.#step(limit, bytes);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return { verdict: "invalid", reason: error.message, position: error.position };
    }
  }

  #step(limit: number, bytes: number): CommitVerdict {
    const reader = this.#in;
    if (this.#left === undefined) {
      const format = reader.u8();
      if (format !== FORMAT) return unsupported(`commit format ${format}`);
      this.#left = reader.varint();
      if (this.#left > reader.remaining) throw reader.malformed(`${this.#left} operations claimed`);
    }
    const left = Math.max(0, this.#left - limit);
    const full = reader.position + bytes;
    const operations: Operation[] = [];
    for (; this.#left > left && reader.position < full; this.#left -= 1) {
      const operation = readOperation(reader, this.#keys, this.#only);
      if (typeof operation === "string") return unsupported(operation);
      if (operation !== undefined) operations.push(operation);
    }
    const complete = this.#left === 0;
    if (complete && reader.remaining > 0) throw reader.malformed("bytes after the last operation");
    return { verdict: "valid", operations, complete };
  }
}

function unsupported(what: string): CommitVerdict {
  return { verdict: "unsupported", reason: `${what} is not known to this version` };
}

/** A string says what is not known here; undefined is an operation on another key than `only`. */
function readOperation(
  reader: ByteReader,
  keys: KeyKind,
  only: string | undefined,
): Operation | string | undefined {
  const kind = reader.u8();
  switch (kind) {
    case kinds.put:
    case kinds.putWithExpiry: {
      const key = readKey(reader, keys);
      const expiry = kind === kinds.put ? undefined : reader.u64();
      if (only === undefined || key === only) return readPut(reader, key, expiry);
      reader.take(reader.u32());
      return undefined;
    }
    case kinds.delete: {
      const key = readKey(reader, keys);
      return only === undefined || key === only ? { kind: "delete", key } : undefined;
    }
    case kinds.deleteRange:
      return readDeleteRange(reader, keys);
    case kinds.mark:
      return { kind: "mark", name: readMarkName(reader) };
    default:
      return `operation kind ${kind}`;
  }
}

function readPut(reader: ByteReader, key: string, expiry: number | undefined): PutOperation {
  const length = reader.u32();
  const start = reader.take(length);
  return { kind: "put", key, value: storeValue(reader.bytes, start, start + length), expiry };
}

function readDeleteRange(reader: ByteReader, keys: KeyKind): DeleteRangeOperation | string {
  const bounds = reader.u8();
  if (bounds > (HAS_GTE | HAS_LT)) return `bounds ${bounds} of a delete range`;
  const gte = (bounds & HAS_GTE) === 0 ? undefined : readKey(reader, keys);
  const lt = (bounds & HAS_LT) === 0 ? undefined : readKey(reader, keys);
  return { kind: "deleteRange", gte, lt };
}

function readKey(reader: ByteReader, keys: KeyKind): string {
  const start = reader.position;
  const key = reader.latin1(reader.varint());
  if (!isStoredKey(keys, key)) throw new Malformed("not a key of this database", start);
  return key;
}
