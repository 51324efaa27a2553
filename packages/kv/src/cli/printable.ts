// Text that comes from data, made harmless for a terminal: nothing that was stored, named or read from a file may
// move a cursor, change a title or turn the direction of what is written.

/** Controls, formats that show nothing, and separators of lines. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/** Unsafe characters as `\uXXXX`, which within JSON is the same text. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

export function isSafe(text: string): boolean {
  return text.search(UNSAFE) < 0;
}

function escapeCharacter(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
