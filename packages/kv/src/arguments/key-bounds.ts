// Bounds of intervals: the lowest keys above a key, and above all that begin with one. They are keys that a
// database of that kind can have, since a commit that clears a range holds its bounds as keys.

import { KEY_BYTES_MAX, type KeyKind, stringKeys } from "./keys.js";

/** The lowest key above `key`; undefined if there is none. */
export function keyAfter(kind: KeyKind, key: string): string | undefined {
  // Of the longest keys, nothing begins with one but itself.
  return key.length < KEY_BYTES_MAX ? `${key}\0` : keyAfterPrefix(kind, key);
}

/** The lowest key above all that begin with `prefix`; undefined if there is none. */
export function keyAfterPrefix(kind: KeyKind, prefix: string): string | undefined {
  return kind === "bytes" ? afterBytes(prefix) : afterText(prefix);
}

function afterBytes(prefix: string): string | undefined {
  let length = prefix.length;
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length -= 1;
  if (length === 0) return undefined;
  const last = prefix.charCodeAt(length - 1);
  return prefix.slice(0, length - 1) + String.fromCharCode(last + 1);
}

/** In UTF-8 the order of keys is that of code points, so the last one that can be is raised. */
function afterText(prefix: string): string | undefined {
  const text = stringKeys.decode(prefix);
  for (let end = text.length, start: number; end > 0; end = start) {
    start = startOfLastPoint(text, end);
    const raised = raise(text.codePointAt(start));
    if (raised === undefined) continue;
    const after = Buffer.from(text.slice(0, start) + raised, "utf8").toString("latin1");
    // A raised code point may take a byte more. Then what begins with the rest and goes on higher is too long for a key.
    if (after.length <= KEY_BYTES_MAX) return after;
  }
  return undefined;
}

function startOfLastPoint(text: string, end: number): number {
  const unit = text.charCodeAt(end - 1);
  return unit >= 0xdc00 && unit <= 0xdfff ? end - 2 : end - 1;
}

/** The next code point, past the surrogates; undefined after the last. */
function raise(point: number | undefined): string | undefined {
  if (point === undefined || point === 0x10ffff) return undefined;
  return String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
}
