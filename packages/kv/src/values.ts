// Values in and out of what is held in memory: the encoding behind `put` and `get`.

import { Malformed } from "./byte-reader.js";
import { DatabaseError } from "./errors.js";
import { bytesOfValue, type StoredValue } from "./stored-value.js";
import { ValueDecoder } from "./value-decoder.js";

const decoder = new ValueDecoder();

/** A value of the caller's own, made anew each time. Throws `KV_CORRUPT` for bytes that no encoder of ours wrote. */
export function decodeValue(stored: StoredValue): unknown {
  const { bytes, start, end } = bytesOfValue(stored);
  try {
    return decoder.decode(bytes, start, end);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new DatabaseError("KV_CORRUPT", `a value cannot be decoded: ${error.message}`, {
      position: error.position,
      cause: error,
    });
  }
}
