// Keys of Level: text or bytes in one order, that of bytes. Text stands for its UTF-8, so the database has keys of bytes, and
// takes text for them too.

import { byteKeys, KEY_BYTES_MAX, type KeyCodec } from "../arguments/keys.js";

/** A key: text, which stands for its bytes in UTF-8, or bytes. What comes out are bytes, in a `Buffer`. */
export type LevelKey = string | Uint8Array;

export const levelKeys: KeyCodec<LevelKey> = {
  kind: "bytes",

  encode(key) {
    if (typeof key !== "string") return byteKeys.encode(key);
    const length = Buffer.byteLength(key);
    if (length === key.length && length <= KEY_BYTES_MAX) return key;
    // A lone surrogate becomes U+FFFD, as it does wherever Level encodes text.
    return byteKeys.encode(Buffer.from(key, "utf8"));
  },

  decode(stored) {
    return Buffer.from(stored, "latin1");
  },
};
