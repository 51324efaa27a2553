// The golden bytes in fixtures/, which a program of its own in another language wrote from
// docs/format-database.md, not the encoders under test.

import { readFileSync } from "node:fs";

/** Bytes of a fixture: lines of position, hexadecimal bytes and name. */
export function goldenBytes(name: "identity" | "snapshot"): Buffer {
  const text = readFileSync(new URL(`fixtures/${name}.hex`, import.meta.url), "utf8");
  const fields = [...text.matchAll(/^\d+ +([0-9a-f]*) {2}.+$/gm)];
  return Buffer.from(fields.map(([, hex]) => hex).join(""), "hex");
}
