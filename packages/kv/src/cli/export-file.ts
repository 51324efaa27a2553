// The file that an export goes to. Invariant: under its name there is nothing, what was there before, or the whole. Until then it has a
// name of its own, under which it stays to be gone on with when the export was cut off. It is removed where the disk is full, since
// what lives there needs the room, and after a sync that failed: what that has lost no later sync would write, nor tell of.

import { dirname, resolve } from "node:path";
import { type File, type FileSystem, FileSystemError, writeFully } from "@tidemark/wal";
import { DatabaseError } from "../errors.js";
import { isFileSystemError, listIfThere, unlinkIfThere } from "../formats/layout.js";
import { type ExportHead, readLine } from "./export-format.js";
import { BadInputError, UsageError } from "./failure.js";
import { linesOf } from "./lines.js";

const PIECE_BYTES = 256 * 1024;
const BUFFER_LENGTH = 256 * 1024;

/** What an export that was cut off had written. */
export interface Begun {
  readonly head: ExportHead;
  /** The last key; undefined if there is none yet. */
  readonly last: string | Uint8Array | undefined;
  readonly entries: number;
}

export class ExportFile {
  /** Absolute path. */
  readonly path: string;
  readonly unfinished: string;
  readonly #fileSystem: FileSystem;
  readonly #file: File;
  #position: number;
  #lines: string[] = [];
  #length = 0;
  #syncFailed = false;

  private constructor(fileSystem: FileSystem, path: string, file: File, position: number) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.unfinished = file.path;
    this.#file = file;
    this.#position = position;
  }

  /** A new one. Rejects with `KV_EXISTS` if there is one, whole (unless `force`) or not. */
  static async create(fileSystem: FileSystem, given: string, force: boolean): Promise<ExportFile> {
    const path = resolve(given);
    await checkFree(fileSystem, path, force);
    try {
      const file = await fileSystem.create(unfinishedName(path));
      await lock(file);
      return new ExportFile(fileSystem, path, file, 0);
    } catch (error) {
      if (!isFileSystemError(error, "EEXIST")) throw error;
      const message = "an export that was cut off is here: go on with it (--resume), or remove it";
      throw new DatabaseError("KV_EXISTS", message, { file: unfinishedName(path) });
    }
  }

  /** The one that was cut off, at the end of its last whole line; undefined if there is none. */
  static async resume(
    fileSystem: FileSystem,
    given: string,
    force: boolean,
  ): Promise<{ file: ExportFile; begun: Begun | undefined } | undefined> {
    const path = resolve(given);
    await checkFree(fileSystem, path, force);
    const file = await openIfThere(fileSystem, unfinishedName(path));
    if (file === undefined) return undefined;
    await lock(file);
    try {
      const { begun, end } = await readBegun(file);
      // A crash may leave less of a line than there was; what is cut off here is written again.
      await file.truncate(end);
      return { file: new ExportFile(fileSystem, path, file, end), begun };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async write(line: string): Promise<void> {
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= BUFFER_LENGTH) await this.#flush();
  }

  /** Puts the whole under its name; durable when it resolves, with its size in bytes. */
  async publish(): Promise<number> {
    await this.#flush();
    await this.#sync();
    await this.#fileSystem.rename(this.unfinished, this.path);
    try {
      // Until this sync a crash can bring back the name of what is unfinished.
      await this.#fileSystem.syncDirectory(dirname(this.path));
    } catch (error) {
      // What is reported as failed does not stay as if it had not.
      await this.#fileSystem.rename(this.path, this.unfinished);
      throw error;
    }
    await this.#file.close();
    return this.#position;
  }

  /** Leaves what there is, with all whole lines, to be gone on with. Resolves with its path, or undefined if nothing is left. */
  async leave(error: unknown): Promise<string | undefined> {
    const isFull = isFileSystemError(error, "ENOSPC") || isFileSystemError(error, "EDQUOT");
    if (!isFull) await this.#flush().catch(() => undefined);
    const isWorthKeeping = !isFull && !this.#syncFailed && this.#position > 0;
    // Removed while it is locked, so that nobody goes on with it.
    if (!isWorthKeeping) await unlinkIfThere(this.#fileSystem, this.unfinished);
    await this.#file.close();
    return isWorthKeeping ? this.unfinished : undefined;
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      this.#syncFailed = true;
      throw error;
    }
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#lines.join(""), "utf8");
    await writeFully(this.#file, bytes, this.#position);
    this.#position += bytes.length;
    this.#lines = [];
    this.#length = 0;
  }
}

function unfinishedName(path: string): string {
  return `${path}.unfinished`;
}

/** Rejects with `KV_LOCKED`, and closes the file, if another process is writing it. */
async function lock(file: File): Promise<void> {
  if (file.tryLock() !== "busy") return;
  await file.close();
  const message = "another process is writing this export";
  throw new DatabaseError("KV_LOCKED", message, { file: file.path });
}

async function checkFree(fileSystem: FileSystem, path: string, force: boolean): Promise<void> {
  const directory = dirname(path);
  const entries = await listIfThere(fileSystem, directory);
  if (entries === undefined) throw new UsageError(`there is no directory ${directory} to write to`);
  const there = entries.find(({ name }) => resolve(directory, name) === path);
  if (there === undefined || (force && there.kind === "file")) return;
  if (there.kind !== "file") throw new UsageError(`${path} is no file`);
  const message = "there is such a file already: --force replaces it";
  throw new DatabaseError("KV_EXISTS", message, { file: path });
}

async function openIfThere(fileSystem: FileSystem, path: string): Promise<File | undefined> {
  try {
    return await fileSystem.open(path, "write");
  } catch (error) {
    if (isFileSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** What is whole in a file that was cut off, up to its last whole entry. */
async function readBegun(file: File): Promise<{ begun: Begun | undefined; end: number }> {
  let begun: Begun | undefined;
  let end = 0;
  for await (const { bytes, end: lineEnd, isWhole } of linesOf(piecesOf(file))) {
    // A crash of the system can leave anything behind the last line that was synced.
    const line = isWhole ? tryRead(bytes) : undefined;
    if (line === undefined || line.kind === "end") break;
    if (line.kind === "head") begun = { head: line.head, last: undefined, entries: 0 };
    else if (begun === undefined) break;
    else begun = { ...begun, last: line.entry.key, entries: begun.entries + 1 };
    end = lineEnd;
  }
  if (begun === undefined && file.sizeSync() > 0) {
    throw new BadInputError(`${file.path} is not the beginning of an export: remove it to go on`);
  }
  return { begun, end };
}

function tryRead(bytes: Uint8Array) {
  try {
    return readLine(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof BadInputError) return undefined;
    throw error;
  }
}

// biome-ignore lint/suspicious/useAwait: lines are read from what comes in its own time
async function* piecesOf(file: File): AsyncGenerator<Uint8Array, void, void> {
  const size = file.sizeSync();
  for (let position = 0; position < size; ) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, size - position));
    const length = file.readSync(piece, position);
    if (length === 0) throw new FileSystemError("read", file.path, "EIO");
    position += length;
    yield piece;
  }
}
