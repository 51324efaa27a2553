// Binary values other than Uint8Array: one byte that says which, then the bytes, little-endian.

import { Malformed } from "../formats/byte-reader.js";
import { bufferKinds } from "./value-format.js";

/** What lies from `start` to `end` (exclusive), copied; throws Malformed. */
export function typedBuffer(bytes: Buffer, start: number, end: number): unknown {
  const kind = start < end ? bufferKinds[bytes[start] as number] : undefined;
  if (kind === undefined) throw new Malformed("no such kind of binary value", start);
  const memory = new ArrayBuffer(end - start - 1);
  new Uint8Array(memory).set(bytes.subarray(start + 1, end));
  if (kind === "Buffer") return Buffer.from(memory);
  if (kind === "ArrayBuffer") return memory;
  if (kind === "DataView") return new DataView(memory);
  const arrayClass = globalThis[kind];
  if (memory.byteLength % arrayClass.BYTES_PER_ELEMENT !== 0) {
    throw new Malformed(`a ${kind} of ${memory.byteLength} bytes`, start);
  }
  return new arrayClass(memory);
}
