// Targets with a bug each, for the test that fuzzing finds them.

import { crc32 } from "@tidemark/wal";
import { bytesOf, type Input, inputOf } from "./input.js";
import { type Target, Wrong } from "./target.js";
import { sealRange } from "./targets/seals.js";

const TEXT = "log";

/** Its text, then the checksum of that. */
function sealed(text: string): Input {
  const bytes = Buffer.alloc(text.length + 4);
  bytes.write(text);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, text.length)), text.length);
  return inputOf(bytes);
}

function planted(name: string, judge: (bytes: Uint8Array) => void | Promise<void>): Target {
  return {
    name,
    watched: ["test/fuzz/dist/planted-targets.js"],
    seeds: [inputOf(Buffer.from(TEXT))],
    bytesMax: (size) => 1024 * 1024 + 16 * size,
    judge: (input) => judge(bytesOf(input)),
  };
}

/** By chance alone one in 2^24; step by step, each of which is new code, soon. */
function deep(bytes: Uint8Array): void {
  if (bytes[0] !== 0x62) return;
  if (bytes[1] !== 0x75) return;
  if (bytes[2] === 0x67) throw new Wrong("the bug");
}

/** Believes what stands behind a right checksum. */
const behindChecksum: Target = {
  ...planted("behind-checksum", (bytes) => {
    const end = Math.max(0, bytes.length - 4);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const isRight = bytes.length > 4 && crc32(bytes.subarray(0, end)) === view.getUint32(end, true);
    if (isRight && bytes[2] === 0xff) throw new RangeError("nobody typed this");
  }),
  seeds: [sealed("a text")],
  seal: (input) => {
    const { length } = bytesOf(input);
    if (length > 4) sealRange(bytesOf(input), 0, length - 4, length - 4);
  },
};

let kept: unknown;

export const targets: readonly Target[] = [
  planted("deep", deep),
  behindChecksum,
  planted("claimed-length", (bytes) => {
    if ((bytes[0] ?? 0) > 0xf0) kept = new Uint8Array(2 ** 26);
  }),
  planted("heap", (bytes) => {
    const numbers: number[][] = [];
    while ((bytes[0] ?? 0) > 0xf0) kept = numbers.push(new Array<number>(100_000).fill(0.5));
  }),
  planted("endless", (bytes) => {
    while ((bytes[0] ?? 0) > 0xf0) kept = bytes;
  }),
  planted("never-settles", async (bytes) => {
    if ((bytes[0] ?? 0) > 0xf0) await new Promise(() => undefined);
  }),
  planted("unheard", async (bytes) => {
    await Promise.resolve();
    if ((bytes[0] ?? 0) > 0xf0) void Promise.reject(new Error(`nobody hears this: ${typeof kept}`));
  }),
];
