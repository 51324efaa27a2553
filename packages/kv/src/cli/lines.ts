// Lines of bytes that come in pieces, from a file or from standard input.

import { type File, nodeFileSystem } from "@tidemark/wal";
import { isFileSystemError } from "../formats/layout.js";
import { NotFoundError, UsageError } from "./failure.js";

const PIECE_BYTES = 256 * 1024;
/** Above what any entry takes that a string can hold. */
export const LINE_BYTES_MAX = 512 * 1024 * 1024;

/** Bytes to read, piece after piece. */
export interface Input {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Bytes; undefined where nobody knows. */
  readonly size: number | undefined;
  close(): Promise<void>;
}

/** A file, or standard input for undefined and "-". The signal ends waiting for what does not come. */
export async function openInput(path: string | undefined, signal: AbortSignal): Promise<Input> {
  if (path === undefined || path === "-") return standardInput(signal);
  const file = await openFile(path);
  const size = file.sizeSync();
  return { pieces: piecesOf(file), size, close: () => file.close() };
}

async function openFile(path: string): Promise<File> {
  try {
    return await nodeFileSystem.open(path, "read");
  } catch (error) {
    if (isFileSystemError(error, "ENOENT")) throw new NotFoundError(`there is no file ${path}`);
    if (!isFileSystemError(error, "ENOTREG")) throw error;
    throw new UsageError(`${path} is no file: what comes from a pipe is given on standard input`);
  }
}

function standardInput(signal: AbortSignal): Input {
  const { stdin } = process;
  const end = () => stdin.destroy();
  signal.addEventListener("abort", end, { once: true });
  const close = () => {
    signal.removeEventListener("abort", end);
    stdin.destroy();
    return Promise.resolve();
  };
  return { pieces: stdin, size: undefined, close };
}

// biome-ignore lint/suspicious/useAwait: a file is read at once, and standard input is not
async function* piecesOf(file: File): AsyncGenerator<Uint8Array, void, void> {
  for (let position = 0; ; ) {
    const piece = new Uint8Array(PIECE_BYTES);
    const length = file.readSync(piece, position);
    if (length === 0) return;
    position += length;
    yield piece.subarray(0, length);
  }
}

/** A line without its end, and where what follows it begins. */
export interface Line {
  readonly bytes: Uint8Array;
  /** Position in bytes. */
  readonly end: number;
  /** False for what comes after the last line's end. */
  readonly isWhole: boolean;
}

const LINE_FEED = 10;

/** The lines of pieces, some at a time; a last one without an end, if it is not empty. Throws RangeError for one that is too long. */
export async function* linesOf(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Line, void, void> {
  let begun: Uint8Array[] = [];
  let length = 0;
  let position = 0;
  for await (const piece of pieces) {
    let at = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, at)) {
      const bytes = joined(begun, piece.subarray(at, end));
      at = end + 1;
      yield { bytes, end: position + at, isWhole: true };
      begun = [];
      length = 0;
    }
    position += piece.length;
    begun.push(piece.subarray(at));
    length += piece.length - at;
    if (length > LINE_BYTES_MAX) throw new RangeError("a line is too long");
  }
  if (length > 0) yield { bytes: joined(begun), end: position, isWhole: false };
}

function joined(begun: readonly Uint8Array[], last?: Uint8Array): Uint8Array {
  if (last === undefined) return Buffer.concat(begun);
  return begun.length === 0 ? last : Buffer.concat([...begun, last]);
}
