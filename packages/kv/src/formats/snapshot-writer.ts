// Writes a snapshot file from entries that come in key order, with bounded memory: under a temporary name
// until everything is on stable storage, so that a file with the real name is always whole.

import type { File, FileSystem } from "@tidemark/wal";
import { writeFully } from "@tidemark/wal";
import { assert } from "../errors.js";
import type { Mark, SnapshotEntry } from "../state/entry.js";
import { ByteWriter } from "./byte-writer.js";
import { snapshotName, snapshotTemporaryName, unlinkIfThere } from "./layout.js";
import {
  BLOCK_BYTES,
  BLOCK_HEADER_LENGTH,
  beginBlock,
  blockKinds,
  chainChecksum,
  encodeHeader,
  endBlock,
  HEADER_LENGTH,
  type SnapshotHeader,
  writeEnd,
  writeEntry,
  writeMark,
} from "./snapshot-format.js";

const WRITE_BYTES = 1 << 20;

/** What a header says before anything is counted. */
export type SnapshotOrigin = Omit<SnapshotHeader, "entryCount" | "markCount">;

/** A snapshot file that is whole and on stable storage. */
export interface WrittenSnapshot {
  readonly file: string;
  /** Size in bytes. */
  readonly size: number;
  readonly header: SnapshotHeader;
}

export class SnapshotWriter {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #file: File;
  readonly #origin: SnapshotOrigin;
  readonly #out = new ByteWriter();
  /** Bytes of the file before those in `#out`. */
  #written = HEADER_LENGTH;
  #blockStart = -1;
  #blockCount = 0;
  #countInBlock = 0;
  #chained = 0;
  #entryCount = 0;
  #lastKey: string | undefined;
  #closed = false;
  /** What the file is called now. */
  #path: string;

  private constructor(
    fileSystem: FileSystem,
    directory: string,
    file: File,
    origin: SnapshotOrigin,
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#file = file;
    this.#path = file.path;
    this.#origin = origin;
  }

  /** Begins a file in a directory, in place of what an attempt before may have left over. */
  static async create(
    fileSystem: FileSystem,
    directory: string,
    origin: SnapshotOrigin,
  ): Promise<SnapshotWriter> {
    const path = snapshotTemporaryName(directory, origin.endOffset);
    await unlinkIfThere(fileSystem, path);
    return new SnapshotWriter(fileSystem, directory, await fileSystem.create(path), origin);
  }

  /** Takes the next entry; its key is above all before. */
  append(entry: SnapshotEntry): void {
    assert(this.#lastKey === undefined || this.#lastKey < entry.key, "entries come in key order");
    this.#lastKey = entry.key;
    this.#openBlock();
    writeEntry(this.#out, entry);
    this.#entryCount += 1;
    this.#countInBlock += 1;
    this.#closeFullBlock(blockKinds.entries);
  }

  #openBlock(): void {
    if (this.#blockStart < 0) this.#blockStart = beginBlock(this.#out);
  }

  #closeFullBlock(kind: number): void {
    const length = this.#out.length - this.#blockStart - BLOCK_HEADER_LENGTH;
    if (length >= BLOCK_BYTES) this.#closeBlock(kind);
  }

  #closeBlock(kind: number): void {
    if (this.#blockStart < 0) return;
    const checksum = endBlock(this.#out, this.#blockStart, kind, this.#countInBlock);
    this.#chained = chainChecksum(checksum, this.#chained);
    this.#blockCount += 1;
    this.#blockStart = -1;
    this.#countInBlock = 0;
  }

  /** Whether enough has gathered to be worth a call: time to `drain`, before anything is appended. */
  get isFull(): boolean {
    return this.#blockStart < 0 && this.#out.length >= WRITE_BYTES;
  }

  /** Writes what has gathered, if that is enough to be worth a call. */
  async drain(): Promise<void> {
    if (this.isFull) await this.#write();
  }

  async #write(): Promise<void> {
    await writeFully(this.#file, this.#out.written(), this.#written);
    this.#written += this.#out.length;
    this.#out.reset();
  }

  /** Completes the file and gives it its name; durable when it resolves. */
  async finish(marks: ReadonlyMap<string, Mark>): Promise<WrittenSnapshot> {
    this.#closeBlock(blockKinds.entries);
    for (const [name, mark] of marks) {
      this.#openBlock();
      writeMark(this.#out, name, mark);
      this.#countInBlock += 1;
      this.#closeFullBlock(blockKinds.marks);
    }
    this.#closeBlock(blockKinds.marks);
    const counts = { entryCount: this.#entryCount, markCount: marks.size };
    this.#appendEnd(counts);
    await this.#write();
    const header = { ...this.#origin, ...counts };
    await writeFully(this.#file, encodeHeader(header), 0);
    const file = await this.#publish();
    return { file, size: this.#written, header };
  }

  #appendEnd(counts: { entryCount: number; markCount: number }): void {
    const end = { ...counts, blockCount: this.#blockCount, checksum: this.#chained };
    this.#openBlock();
    writeEnd(this.#out, end);
    this.#closeBlock(blockKinds.end);
  }

  async #publish(): Promise<string> {
    const path = snapshotName(this.#directory, this.#origin.endOffset);
    // A crash before this sync leaves a temporary file of any content, which the next opening removes.
    await this.#file.sync();
    await this.#close();
    // Between the rename and the directory's sync a crash may bring back the temporary name, never a part.
    await this.#fileSystem.rename(this.#path, path);
    this.#path = path;
    await this.#fileSystem.syncDirectory(this.#directory);
    return path;
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }

  /**
   * Gives up: closes and removes the file, also one that has its name already and may not keep it through a crash.
   * For after any of the other calls has thrown.
   */
  async abandon(): Promise<void> {
    await this.#close();
    await unlinkIfThere(this.#fileSystem, this.#path);
  }
}
