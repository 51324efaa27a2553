// Values in and out of what is held in memory: the encoding behind `put` and `get`.

import { DatabaseError } from "../errors.js";
import { Malformed } from "../formats/byte-reader.js";
import type { Entry } from "../state/entry.js";
import { Item } from "../state/item.js";
import { bytesOfValue, type StoredValue, type ValueBytes } from "./stored-value.js";
import { ValueDecoder } from "./value-decoder.js";

const decoder = new ValueDecoder();

/** A value of the caller's own, made anew each time. Throws `KV_CORRUPT` for bytes that no encoder of ours wrote. */
export function decodeValue(stored: StoredValue): unknown {
  return decode(bytesOfValue(stored));
}

/** As `decodeValue`, of an entry. */
export function decodeValueOf(entry: Pick<Entry, "value">): unknown {
  return decode(entry instanceof Item ? entry.valueBytes : bytesOfValue(entry.value));
}

function decode({ bytes, start, end, text }: ValueBytes): unknown {
  try {
    return decoder.decode(bytes, start, end, text);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new DatabaseError("KV_CORRUPT", `a value cannot be decoded: ${error.message}`, {
      position: error.position,
      cause: error,
    });
  }
}
