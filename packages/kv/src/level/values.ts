// Values of Level in the database: text is a string, bytes are a Uint8Array. Read in the other form, they are
// converted by UTF-8, as in a store that has only bytes.

import { show } from "../arguments/arguments.js";
import { LevelError } from "./errors.js";
import type { LevelKey } from "./keys.js";

/** What Level keeps under a key: text (of the encodings `utf8` and `json`, say) or bytes. */
export type LevelValue = string | Uint8Array;

/** The forms in which Level hands keys and values over. */
export type LevelFormat = "utf8" | "buffer" | "view";

/** What is put into the database: of bytes, whatever class they came in, a plain Uint8Array. */
export function valueToStore(value: LevelValue): LevelValue {
  if (typeof value === "string") return value;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** What is in the database, in the form that was asked for. Throws `LEVEL_DECODE_ERROR` for what Level did not put there. */
export function valueIn(format: LevelFormat, value: unknown): LevelValue {
  if (typeof value === "string") return format === "utf8" ? value : Buffer.from(value, "utf8");
  if (value instanceof Uint8Array) return bytesIn(format, value);
  const message = `a value is neither text nor bytes, so Level did not write it: ${show(value)}`;
  throw new LevelError("LEVEL_DECODE_ERROR", message);
}

/** A key as it comes out of the database, in the form that was asked for. */
export function keyIn(format: LevelFormat, key: LevelKey): LevelKey {
  return typeof key === "string" ? key : bytesIn(format, key);
}

function bytesIn(format: LevelFormat, bytes: Uint8Array): string | Uint8Array {
  if (format === "view") return bytes;
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return format === "utf8" ? buffer.toString("utf8") : buffer;
}
