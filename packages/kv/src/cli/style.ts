// Colours: only on a terminal that has them, and as NO_COLOR and FORCE_COLOR say.

import type { WriteStream } from "node:tty";

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] };

export type StyleName = keyof typeof codes;

/** Dresses text in a style, or leaves it as it is. */
export type Style = (name: StyleName, text: string) => string;

export type Environment = Readonly<Record<string, string | undefined>>;

/** NO_COLOR, if it is not empty, decides; then FORCE_COLOR, unless it is empty or 0; then the terminal. */
export function styleOf(stream: Pick<WriteStream, "isTTY">, environment: Environment): Style {
  if (!hasColors(stream, environment)) return (_, text) => text;
  return (name, text) => {
    const [on, off] = codes[name];
    return `\x1b[${on}m${text}\x1b[${off}m`;
  };
}

function hasColors(stream: Pick<WriteStream, "isTTY">, environment: Environment): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM } = environment;
  if (NO_COLOR !== "") return false;
  if (FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return stream.isTTY === true && TERM !== "dumb";
}

/** The sequences that `styleOf` writes, which are the only ones that a line may have. */
export const STYLES: ReadonlySet<string> = new Set(
  Object.values(codes).flatMap((pair) => pair.map((code) => `\x1b[${code}m`)),
);
