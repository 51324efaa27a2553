// The encoding of values for the systems that have none of their own: the same bytes as in Tidemark.

import { Packr } from "msgpackr";
import type { Value } from "./material.js";

const packr = new Packr({ useRecords: false, moreTypes: true });

/** Bytes that are the caller's until the next call. */
export function encodeValue(value: Value): Buffer {
  return packr.pack(value);
}

export function decodeValue(bytes: Uint8Array): Value {
  return packr.unpack(bytes) as Value;
}

/** The same as an encoding of abstract-level. */
export const levelEncoding = {
  name: "msgpack",
  format: "buffer" as const,
  encode: encodeValue,
  decode: decodeValue,
};
