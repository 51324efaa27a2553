// Strings that are kept for long, free of what they were cut from.

const SCRATCH_LENGTH = 64 * 1024 + 1;
// The engine makes no slices and no ropes that are shorter.
const SLICE_LENGTH_MIN = 13;

const scratch = Buffer.allocUnsafeSlow(SCRATCH_LENGTH);

/**
 * The same string of characters up to U+00FF, as one that stands alone: a key that was cut from a large text
 * would keep all of the text alive.
 */
export function ownString(text: string): string {
  if (text.length < SLICE_LENGTH_MIN || text.length > SCRATCH_LENGTH) return text;
  return scratch.toString("latin1", 0, scratch.write(text, 0, "latin1"));
}
