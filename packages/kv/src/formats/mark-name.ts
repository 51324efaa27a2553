// Names of marks, in commits and in snapshot files: a length and UTF-8.

import { isUtf8 } from "node:buffer";
import type { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";

/** Bytes that a name may have in UTF-8. */
export const MARK_BYTES_MAX = 1024;

/** Whether a mark can have this name: 1 to 1,024 bytes in UTF-8, without lone surrogates. */
export function isMarkName(name: unknown): name is string {
  if (typeof name !== "string" || name === "" || name.length > MARK_BYTES_MAX) return false;
  return !/\p{Surrogate}/u.test(name) && Buffer.byteLength(name) <= MARK_BYTES_MAX;
}

export function writeMarkName(out: ByteWriter, name: string): void {
  const bytes = Buffer.from(name, "utf8");
  out.varint(bytes.length);
  out.raw(bytes);
}

/** Throws Malformed. */
export function readMarkName(reader: ByteReader): string {
  const length = reader.varint();
  const at = reader.take(length);
  const bytes = reader.bytes.subarray(at, at + length);
  const name = bytes.toString("utf8");
  if (!isUtf8(bytes) || !isMarkName(name)) throw reader.malformed("not the name of a mark");
  return name;
}
