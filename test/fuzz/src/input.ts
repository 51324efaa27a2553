// What is given to a target: the bytes of a structure, or the files of a directory. As text it is one word, so that
// whatever failed once can be shown again with one line.

import { deflateRawSync, inflateRawSync } from "node:zlib";

/** A file by its path from the root; a structure that is no file has one part without a name. */
export interface Part {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Input {
  readonly parts: readonly Part[];
  /**
   * Checksums were made right over changed bytes, or files of two directories were mixed: what this shows cannot
   * be told from what somebody wrote.
   */
  readonly forged: boolean;
  /** Which of the target's seeds it has come from. */
  readonly seed: number;
}

/** Of one part. */
export function inputOf(bytes: Uint8Array, seed = 0): Input {
  return { parts: [{ name: "", bytes }], forged: false, seed };
}

/** The same with other bytes, for an input of one part. */
export function withBytes(input: Input, bytes: Uint8Array): Input {
  return { ...input, parts: [{ name: "", bytes }] };
}

/** The bytes of an input of one part. */
export function bytesOf({ parts }: Input): Uint8Array {
  const [part] = parts;
  if (part === undefined || parts.length !== 1) throw new Error("an input of one part is expected");
  return part.bytes;
}

export function sizeOf({ parts }: Input): number {
  return parts.reduce((size, { bytes }) => size + bytes.length, 0);
}

/** Packed without compression, to be taken along at every input. */
export function pack({ parts, forged, seed }: Input): Uint8Array {
  const names = JSON.stringify([
    forged,
    seed,
    parts.map(({ name, bytes }) => [name, bytes.length]),
  ]);
  const head = Buffer.from(names);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, ...parts.map(({ bytes }) => bytes)]);
}

export function unpack(packed: Uint8Array): Input {
  const bytes = Buffer.from(packed);
  let at = 4 + bytes.readUInt32LE(0);
  const [forged, seed, sizes] = JSON.parse(bytes.toString("utf8", 4, at)) as [
    boolean,
    number,
    [name: string, size: number][],
  ];
  const parts = sizes.map(([name, size]) => {
    const part = { name, bytes: Uint8Array.from(bytes.subarray(at, at + size)) };
    at += size;
    return part;
  });
  return { parts, forged, seed };
}

export function toWord(input: Input): string {
  return deflateRawSync(pack(input), { level: 9 }).toString("base64url");
}

export function fromWord(word: string): Input {
  return unpack(inflateRawSync(Buffer.from(word, "base64url")));
}
