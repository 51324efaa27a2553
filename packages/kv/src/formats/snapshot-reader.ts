// Reads a snapshot file from front to back, a block at a time, and believes nothing that it has not verified.
// Invariant: whoever has read to the end has read a whole file; before that, entries are right as far as they
// go, since each block is under its own checksum. What is wrong throws KV_CORRUPT with file and position.

import type { File, FileSystem } from "@tidemark/wal";
import { corrupt, DatabaseError } from "../errors.js";
import type { Mark, SnapshotEntry } from "../state/entry.js";
import { ByteReader, Malformed } from "./byte-reader.js";
import { openOurs } from "./layout.js";
import {
  BLOCK_BYTES_MAX,
  BLOCK_HEADER_LENGTH,
  type BlockHeader,
  blockIsValid,
  blockKinds,
  chainChecksum,
  decodeBlockHeader,
  decodeHeader,
  HEADER_LENGTH,
  readEnd,
  readEntry,
  readMark,
  type SnapshotHeader,
} from "./snapshot-format.js";

/** A block as it lies in the file, with room for the header of the next. */
interface LoadedBlock {
  readonly header: BlockHeader;
  readonly body: ByteReader;
  readonly position: number;
}

export class SnapshotReader {
  readonly path: string;
  readonly header: SnapshotHeader;
  /** Size of the file in bytes. */
  readonly size: number;
  /** Complete once all blocks have been read. */
  readonly marks = new Map<string, Mark>();
  readonly #file: File;
  #bytes = Buffer.alloc(0);
  #position = HEADER_LENGTH;
  #entryCount = 0;
  #blockCount = 0;
  #chained = 0;
  #lastKey: string | undefined;
  #ended = false;

  private constructor(file: File, size: number, header: SnapshotHeader) {
    this.path = file.path;
    this.header = header;
    this.#file = file;
    this.size = size;
  }

  /** Opens a file and verifies its header. Rejects with `KV_CORRUPT` or `KV_UNSUPPORTED_VERSION`, or a FileSystemError. */
  static async open(fileSystem: FileSystem, path: string): Promise<SnapshotReader> {
    const file = await openOurs(fileSystem, path);
    try {
      return new SnapshotReader(file, file.sizeSync(), headerOf(file));
    } catch (error) {
      file.closeSync();
      throw error;
    }
  }

  /** Entries in key order, block by block: none where a block has marks. Their values are copies. */
  *blocks(): Generator<SnapshotEntry[], void, void> {
    while (!this.#ended) {
      yield this.#decode(this.#load());
    }
  }

  /** Up to here it has been read, in bytes. */
  get position(): number {
    return this.#position;
  }

  close(): void {
    this.#file.closeSync();
  }

  #corrupt(reason: string, position: number): DatabaseError {
    return corrupt(reason, this.path, position);
  }

  #load(): LoadedBlock {
    const position = this.#position;
    const header = decodeBlockHeader(this.#read(position, BLOCK_HEADER_LENGTH), 0);
    const end = position + BLOCK_HEADER_LENGTH + header.length;
    // Bounded by the file before anything is allocated for it.
    if (end > this.size) throw this.#corrupt("block reaches beyond the end of the file", position);
    if (header.length > BLOCK_BYTES_MAX) {
      throw this.#corrupt("block is longer than any writer makes one", position);
    }
    const bytes = this.#read(position, BLOCK_HEADER_LENGTH + header.length);
    if (!blockIsValid(bytes, 0, bytes.length)) {
      throw this.#corrupt("wrong checksum of a block", position);
    }
    this.#position = end;
    const body = new ByteReader(bytes, BLOCK_HEADER_LENGTH, bytes.length);
    return { header, body, position };
  }

  /** Bytes of the file: a view that the next call overwrites. */
  #read(position: number, length: number): Buffer {
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(length);
    const bytes = this.#bytes.subarray(0, length);
    const count = this.#file.readSync(bytes, position);
    if (count < length) throw this.#corrupt("file ends within a block", position + count);
    return bytes;
  }

  #decode(block: LoadedBlock): SnapshotEntry[] {
    const { header, body, position } = block;
    try {
      const entries: SnapshotEntry[] = [];
      if (header.kind === blockKinds.entries) this.#readEntries(header, body, entries);
      else if (header.kind === blockKinds.marks) this.#readMarks(header, body);
      else if (header.kind === blockKinds.end) this.#readEnd(body);
      else throw body.malformed(`block of unknown kind ${header.kind}`);
      if (body.remaining > 0) throw body.malformed("bytes after the last item of a block");
      this.#blockCount += 1;
      this.#chained = chainChecksum(header.checksum, this.#chained);
      return entries;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw this.#corrupt(error.message, position + error.position);
    }
  }

  #readEntries({ count }: BlockHeader, body: ByteReader, into: SnapshotEntry[]): void {
    const { keys, endOffset } = this.header;
    if (this.marks.size > 0) throw body.malformed("entries after marks");
    for (let i = 0; i < count; i++) {
      const entry = readEntry(body, keys);
      if (this.#lastKey !== undefined && entry.key <= this.#lastKey) {
        throw body.malformed("keys out of order");
      }
      if (entry.offset >= endOffset) {
        throw body.malformed(
          `entry of commit ${entry.offset} in a snapshot that ends at ${endOffset}`,
        );
      }
      this.#lastKey = entry.key;
      into.push(entry);
    }
    this.#entryCount += count;
  }

  #readMarks({ count }: BlockHeader, body: ByteReader): void {
    for (let i = 0; i < count; i++) {
      const [name, mark] = readMark(body);
      if (this.marks.has(name)) throw body.malformed("the same mark twice");
      if (mark.offset >= this.header.endOffset) throw body.malformed("mark beyond the end");
      this.marks.set(name, mark);
    }
  }

  #readEnd(body: ByteReader): void {
    const end = readEnd(body);
    const complete =
      end.entryCount === this.#entryCount &&
      end.markCount === this.marks.size &&
      end.blockCount === this.#blockCount &&
      end.checksum === this.#chained;
    if (!complete) throw body.malformed("blocks are missing or too many");
    if (end.entryCount !== this.header.entryCount || end.markCount !== this.header.markCount) {
      throw body.malformed("counts other than in the header");
    }
    if (this.#position !== this.size) throw body.malformed("bytes after the end");
    this.#ended = true;
  }
}

/** Throws `KV_CORRUPT` or `KV_UNSUPPORTED_VERSION`. */
function headerOf(file: File): SnapshotHeader {
  const bytes = new Uint8Array(HEADER_LENGTH);
  const decoded = decodeHeader(bytes.subarray(0, file.readSync(bytes, 0)));
  if (decoded.verdict === "valid") return decoded.header;
  if (decoded.verdict === "invalid") throw corrupt(decoded.reason, file.path, 0);
  throw new DatabaseError("KV_UNSUPPORTED_VERSION", decoded.reason, { file: file.path });
}

/** The header of a snapshot file, at once. Throws as `SnapshotReader.open` rejects. */
export function readHeaderSync(fileSystem: FileSystem, path: string): SnapshotHeader {
  const file = fileSystem.openSync(path);
  try {
    return headerOf(file);
  } finally {
    file.closeSync();
  }
}
