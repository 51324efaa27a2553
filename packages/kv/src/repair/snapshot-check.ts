// Whether a snapshot file is whole and belongs where it lies, down to its values; and whether it holds what the
// file before it and the log between make.

import { crc32, type FileSystem, FileSystemError } from "@tidemark/wal";
import { DatabaseError, databaseError, hasCode } from "../errors.js";
import type { Delta } from "../fold/delta.js";
import { LACKING } from "../fold/fold.js";
import { isFileSystemError, type SnapshotFile } from "../formats/layout.js";
import type { SnapshotHeader } from "../formats/snapshot-format.js";
import { SnapshotReader } from "../formats/snapshot-reader.js";
import type { Pace } from "../pace.js";
import type { SnapshotEntry } from "../state/entry.js";
import { bytesOfValue, type StoredValue } from "../values/stored-value.js";
import { decodeValue } from "../values/values.js";

/** Why a snapshot file cannot be used. */
export interface SnapshotFault {
  readonly message: string;
  /** Byte position, where that is known. */
  readonly position: number | undefined;
}

/** A snapshot file as it was found. */
export interface CheckedSnapshot extends SnapshotFile {
  /** Undefined if not even the header is right. */
  readonly header: SnapshotHeader | undefined;
  /** Bytes. */
  readonly size: number;
  /** Undefined if it is whole. */
  readonly fault: SnapshotFault | undefined;
}

/**
 * Reads a file to its end; undefined if it is gone. Rejects with what says nothing of the file, and with
 * `KV_UNSUPPORTED_VERSION`.
 */
export async function checkSnapshot(
  fileSystem: FileSystem,
  file: SnapshotFile,
  pace: Pace,
  onBytes: (bytes: number) => void,
): Promise<CheckedSnapshot | undefined> {
  let reader: SnapshotReader | undefined;
  try {
    reader = await SnapshotReader.open(fileSystem, file.path);
    await readWhole(reader, pace, onBytes);
    return { ...file, header: reader.header, size: reader.size, fault: undefined };
  } catch (error) {
    if (isFileSystemError(error, "ENOENT")) return undefined;
    const fault = faultOf(file.path, error);
    return { ...file, header: reader?.header, size: reader?.size ?? 0, fault };
  } finally {
    reader?.close();
  }
}

async function readWhole(
  reader: SnapshotReader,
  pace: Pace,
  onBytes: (bytes: number) => void,
): Promise<void> {
  for (const entries of reader.blocks()) {
    for (const entry of entries) {
      checkValue(entry, reader.path);
      if (pace.due) await pace.rest();
    }
    onBytes(reader.position);
    if (pace.due) await pace.rest();
  }
}

function checkValue({ key, value, offset }: SnapshotEntry, file: string): void {
  try {
    decodeValue(value);
  } catch (cause) {
    if (!hasCode(cause, "KV_CORRUPT")) throw cause;
    const message = `the value of key ${showKey(key)} ${cause.message}`;
    throw new DatabaseError("KV_CORRUPT", message, { file, offset, cause });
  }
}

/** What the error says of the file. Throws it if that is nothing. */
function faultOf(path: string, error: unknown): SnapshotFault {
  if (error instanceof FileSystemError && LACKING.includes(error.code)) throw error;
  const known = databaseError(error);
  if (!hasCode(known, "KV_CORRUPT", "KV_IO") || known.file !== path) throw error;
  return { message: known.message, position: known.position };
}

/** A key in its form in memory, short enough for a message. */
export function showKey(stored: string): string {
  return JSON.stringify(Buffer.from(stored, "latin1").toString("utf8").slice(0, 80));
}

/** Stands for a value while files are compared, so that memory holds none. */
export function fingerprintOf(value: StoredValue): StoredValue {
  const { bytes, start, end } = bytesOfValue(value);
  return `${crc32(bytes.subarray(start, end))}/${end - start}`;
}

/** A state as two files make it: a snapshot file, if there is one, and what the log changes after it. */
export interface ExpectedSnapshot {
  readonly base: SnapshotReader | undefined;
  /** Holds fingerprints in the place of values. */
  readonly delta: Delta;
}

/** How a snapshot file differs from what is expected; undefined if it does not. Reads both files to their ends. */
export async function differenceOf(
  found: SnapshotReader,
  { base, delta }: ExpectedSnapshot,
  pace: Pace,
): Promise<string | undefined> {
  const sorted = await delta.sorted(pace);
  const baseEnd = base?.header.endOffset ?? 0;
  const expected = each(sorted.merge(base?.blocks() ?? []));
  for (const entry of each(found.blocks())) {
    const next = expected.next().value;
    const reason = differenceBetween(entry, next, baseEnd);
    if (reason !== undefined) return reason;
    if (pace.due) await pace.rest();
  }
  const missing = expected.next().value;
  if (missing !== undefined) return `key ${showKey(missing.key)} is missing`;
  const time = delta.lastTime ?? base?.header.time ?? 0;
  if (found.header.time !== time) return `its time is ${found.header.time}, not ${time}`;
  return differenceOfMarks(found.marks, new Map([...(base?.marks ?? []), ...delta.marks]));
}

function* each(
  batches: Iterable<readonly SnapshotEntry[]>,
): Generator<SnapshotEntry, undefined, void> {
  for (const batch of batches) yield* batch;
  return undefined;
}

function differenceBetween(
  found: SnapshotEntry,
  expected: SnapshotEntry | undefined,
  baseEnd: number,
): string | undefined {
  if (expected === undefined || expected.key > found.key) {
    return `key ${showKey(found.key)} is not to be there`;
  }
  if (expected.key < found.key) return `key ${showKey(expected.key)} is missing`;
  for (const field of ["offset", "time", "expiry"] as const) {
    if (found[field] === expected[field]) continue;
    return `key ${showKey(found.key)} has the ${field} ${found[field]}, not ${expected[field]}`;
  }
  // What the base wrote is there in full, what the log changed as its fingerprint.
  const isSame =
    expected.offset < baseEnd
      ? isSameValue(found.value, expected.value)
      : fingerprintOf(found.value) === expected.value;
  return isSame ? undefined : `key ${showKey(found.key)} has another value`;
}

function isSameValue(one: StoredValue, other: StoredValue): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other;
  return Buffer.compare(one, other) === 0;
}

function differenceOfMarks(
  found: SnapshotReader["marks"],
  expected: SnapshotReader["marks"],
): string | undefined {
  for (const [name, { offset, time }] of expected) {
    const mark = found.get(name);
    if (mark?.offset !== offset || mark.time !== time) {
      return `mark ${JSON.stringify(name.slice(0, 80))} is missing or another`;
    }
  }
  return found.size === expected.size ? undefined : "it has marks that are not to be there";
}
