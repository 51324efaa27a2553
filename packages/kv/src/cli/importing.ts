// Reading entries in: line by line, in batches that are one commit each. A line whose entry is there already writes nothing,
// so that an import that was cut off is gone on with by running it again.

import type { Key } from "../arguments/keys.js";
import type { Database } from "../database.js";
import { hasCode } from "../errors.js";
import type { Transaction } from "../writing/transaction.js";
import { type ExportEntry, type ExportLine, readLine } from "./export-format.js";
import { BadInputError } from "./failure.js";
import { faultIn } from "./json-fault.js";
import { type Line, linesOf } from "./lines.js";
import { toNotation } from "./value-notation.js";

const BATCH_LINES = 1000;
const BATCH_BYTES = 1024 * 1024;

/** What has been committed. */
export interface Imported {
  /** Lines that were read, those of the export itself and empty ones among them. */
  lines: number;
  written: number;
  /** Entries that were there already. */
  unchanged: number;
  /** Entries whose expiry had passed; a key of that name was deleted. */
  expired: number;
  /** Bytes of the lines. */
  bytes: number;
}

export interface Importing<K extends Key> {
  readonly database: Database<unknown, K>;
  /** Of the database's kind. Throws BadInputError. */
  readonly keyOf: (key: Key) => K;
  /** What the database goes by, stood still. */
  readonly clock: HeldClock;
  /** Ends it after the batch under way. */
  readonly signal: AbortSignal;
  readonly onBatch: (imported: Imported) => void;
}

/** A clock that can be held, for expiry to be what a line says to the ms. */
export class HeldClock {
  #held: number | undefined;
  readonly now = () => this.#held ?? Date.now();

  hold<T>(run: () => T): T {
    this.#held = Date.now();
    try {
      return run();
    } finally {
      this.#held = undefined;
    }
  }
}

/** Imports all lines; `imported` says what is committed, also when it rejects. */
export async function importLines<K extends Key>(
  importing: Importing<K>,
  pieces: AsyncIterable<Uint8Array>,
  imported: Imported,
): Promise<void> {
  const batch = new Batch(importing, imported);
  const frame = new Frame();
  try {
    for await (const line of linesOf(pieces)) {
      const number = imported.lines + batch.lines + 1;
      const read = readAs(line, number, importing.keyOf);
      if (read?.kind === "entry") batch.entries.push({ line: number, ...read.entry });
      frame.see(read);
      batch.count(line);
      if (batch.isFull) await batch.commit();
      if (importing.signal.aborted) break;
    }
  } catch (error) {
    // Standard input was let go of to end the waiting.
    if (!importing.signal.aborted) throw error;
  }
  await batch.commit();
  importing.signal.throwIfAborted();
  frame.checkEnd();
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** What a line says; undefined for an empty one. Throws BadInputError with line and column, counted from 1. */
function readAs({ bytes }: Line, line: number, keyOf: (key: Key) => Key): ExportLine | undefined {
  const text = decode(bytes, line);
  if (/^\s*$/.test(text)) return undefined;
  try {
    const read = readLine(JSON.parse(text));
    if (read.kind === "entry") keyOf(read.entry.key);
    if (read.kind === "head") keyOf(read.head.keys === "string" ? "" : new Uint8Array());
    return read;
  } catch (error) {
    if (error instanceof SyntaxError) {
      const column = faultIn(text) + 1;
      throw new BadInputError(`line ${line}, column ${column}: this is no JSON`);
    }
    if (!(error instanceof BadInputError)) throw error;
    const name = /^(\w+): /.exec(error.message)?.[1];
    const column = Math.max(0, name === undefined ? 0 : text.indexOf(JSON.stringify(name))) + 1;
    throw new BadInputError(`line ${line}, column ${column}: ${error.message}`);
  }
}

function decode(bytes: Uint8Array, line: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new BadInputError(`line ${line}, column 1: this is no UTF-8`);
  }
}

/** The lines of the export itself: where there is a first one, there has to be a last. */
class Frame {
  #isOpen = false;
  #entries = 0;

  see(line: ExportLine | undefined): void {
    if (line?.kind === "entry") this.#entries += 1;
    if (line?.kind === "head") {
      this.#isOpen = true;
      this.#entries = 0;
    }
    if (line?.kind !== "end") return;
    if (line.entries !== this.#entries) {
      const told = `${this.#entries} entries, and its last line says ${line.entries}`;
      throw new BadInputError(`this export is not whole: it has ${told}`);
    }
    this.#isOpen = false;
  }

  checkEnd(): void {
    if (!this.#isOpen) return;
    throw new BadInputError("this export was cut off: its last line is missing");
  }
}

class Batch<K extends Key> {
  readonly #importing: Importing<K>;
  readonly #imported: Imported;
  entries: (ExportEntry & { readonly line: number })[] = [];
  lines = 0;
  #bytes = 0;

  constructor(importing: Importing<K>, imported: Imported) {
    this.#importing = importing;
    this.#imported = imported;
  }

  count({ bytes }: Line): void {
    this.lines += 1;
    this.#bytes += bytes.length + 1;
  }

  get isFull(): boolean {
    return this.lines >= BATCH_LINES || this.#bytes >= BATCH_BYTES;
  }

  /** One commit, or none if all is there already. */
  async commit(): Promise<void> {
    const { database, clock, onBatch } = this.#importing;
    const counts = { written: 0, unchanged: 0, expired: 0 };
    await clock.hold(() => {
      const now = database.snapshot().time;
      return database.transaction<void>((transaction) => {
        for (const entry of this.entries) {
          counts[atLine(entry.line, () => this.#apply(transaction, entry, now))] += 1;
        }
      });
    });
    const imported = this.#imported;
    for (const name of ["written", "unchanged", "expired"] as const) imported[name] += counts[name];
    imported.lines += this.lines;
    imported.bytes += this.#bytes;
    this.entries = [];
    this.lines = 0;
    this.#bytes = 0;
    onBatch(imported);
  }

  #apply(
    transaction: Transaction<unknown, K>,
    { key: given, value, expiry }: ExportEntry,
    now: number,
  ): "written" | "unchanged" | "expired" {
    const key = this.#importing.keyOf(given);
    const there = transaction.getEntry(key);
    if (expiry !== undefined && expiry <= now) {
      if (there !== undefined) transaction.del(key);
      return "expired";
    }
    if (there !== undefined && there.expiry === expiry && isSame(there.value, value)) {
      return "unchanged";
    }
    transaction.put(key, value, expiry === undefined ? {} : { ttl: expiry - now });
    return "written";
  }
}

/** Says which line a value is on that cannot be stored. */
function atLine<T>(line: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!hasCode(error, "KV_VALUE_NOT_STORABLE", "KV_INVALID_ARGUMENT", "KV_COMMIT_TOO_LARGE")) {
      throw error;
    }
    throw new BadInputError(`line ${line}, column 1: ${error.message}`);
  }
}

/** Whether two values are written alike, with the order of what they hold: nothing of a value is lost in the notation. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(toNotation(a)) === JSON.stringify(toNotation(b));
}
