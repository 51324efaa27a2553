// Changes of bytes by chance: what media do, what a wrong writer does, and what an adversary would try.

import type { Random } from "@tidemark/wal/testing";
import type { Input, Part } from "./input.js";
import type { Target } from "./target.js";

/** No input grows beyond. */
const SIZE_MAX = 64 * 1024;

const INTERESTING = [
  0, 1, 2, 3, 4, 15, 16, 47, 48, 63, 64, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 65535, 65536,
  0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

type Change = (bytes: Uint8Array, random: Random) => Uint8Array;

const changes: readonly Change[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setInteger,
  setInteger,
  setInteger,
  addToInteger,
  copyWithin,
  exchange,
  zeroRange,
  removeRange,
  repeatRange,
  insertBytes,
  truncate,
];

/** A changed copy of an input; `other` is one to take pieces from. */
export function mutated(target: Target, input: Input, other: Input, random: Random): Input {
  let changed = owned(input);
  for (let left = 1 + random.below(random.oneIn(4) ? 8 : 2); left > 0; left--) {
    changed = changedOnce(target, changed, other, random);
  }
  if (target.seal === undefined || random.oneIn(3)) return changed;
  target.seal(changed, random);
  return { ...changed, forged: true };
}

function changedOnce(target: Target, input: Input, other: Input, random: Random): Input {
  if (random.oneIn(4)) {
    const restructured = target.restructure?.(input, random);
    if (restructured !== undefined) return restructured;
  }
  const index = random.below(input.parts.length);
  const part = input.parts[index];
  if (part === undefined) return input;
  if (random.oneIn(10)) return spliced(input, index, other, random);
  const change = changes[random.below(changes.length)] ?? flipBit;
  return withPart(input, index, { ...part, bytes: change(part.bytes, random) });
}

/** A piece of another input, or a whole file of it, in place of one of this. */
function spliced(input: Input, index: number, other: Input, random: Random): Input {
  const part = input.parts[index];
  const source = other.parts.find(({ name }) => name === part?.name) ?? other.parts[0];
  if (part === undefined || source === undefined) return input;
  if (source.name !== "" && random.oneIn(2)) {
    const whole = withPart(input, index, { ...part, bytes: source.bytes.slice() });
    return { ...whole, forged: true };
  }
  const [from, to] = rangeIn(source.bytes, random);
  const [start, end] = rangeIn(part.bytes, random);
  const bytes = joined(
    part.bytes.subarray(0, start),
    source.bytes.subarray(from, to),
    part.bytes.subarray(end),
  );
  return { ...withPart(input, index, { ...part, bytes }), forged: true };
}

function withPart(input: Input, index: number, part: Part): Input {
  const parts = input.parts.map((before, i) => (i === index ? part : before));
  return { ...input, parts };
}

function owned(input: Input): Input {
  const parts = input.parts.map(({ name, bytes }) => ({ name, bytes: bytes.slice() }));
  return { ...input, parts };
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length);
  if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.next();
  return bytes;
}

/** In either order of bytes: MessagePack has the other. */
function setInteger(bytes: Uint8Array, random: Random): Uint8Array {
  const value = random.oneIn(3)
    ? Math.max(0, bytes.length - random.below(128))
    : (INTERESTING[random.below(INTERESTING.length)] ?? 0);
  return withInteger(bytes, random, () => value);
}

function addToInteger(bytes: Uint8Array, random: Random): Uint8Array {
  return withInteger(bytes, random, (before) => before + random.below(33) - 16);
}

function withInteger(bytes: Uint8Array, random: Random, change: (before: number) => number) {
  const width = ([1, 2, 4, 4, 8] as const)[random.below(5)] ?? 4;
  if (bytes.length < width) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = bytes.length - width;
  const at = random.oneIn(2) ? random.below(last + 1) : Math.min(last, random.below(last + 1) & ~3);
  const little = !random.oneIn(4);
  if (width === 1) view.setUint8(at, change(view.getUint8(at)));
  else if (width === 2) view.setUint16(at, change(view.getUint16(at, little)), little);
  else view.setUint32(at, change(view.getUint32(at, little)), little);
  if (width === 8) view.setUint32(at + 4, random.oneIn(2) ? 0 : random.next(), little);
  return bytes;
}

function copyWithin(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = rangeIn(bytes, random);
  return bytes.copyWithin(random.below(bytes.length), from, to);
}

/** Two ranges of the same length. */
function exchange(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = rangeIn(bytes, random);
  const other = random.below(bytes.length - (to - from) + 1);
  const piece = bytes.slice(from, to);
  bytes.copyWithin(from, other, other + piece.length);
  bytes.set(piece, other);
  return bytes;
}

function zeroRange(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = rangeIn(bytes, random);
  return bytes.fill(0, from, to);
}

function removeRange(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = rangeIn(bytes, random);
  return joined(bytes.subarray(0, from), bytes.subarray(to));
}

function repeatRange(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = rangeIn(bytes, random);
  const count = 1 + random.below(random.oneIn(8) ? 600 : 3);
  const repeated = new Array<Uint8Array>(count).fill(bytes.subarray(from, to));
  return joined(bytes.subarray(0, to), ...repeated, bytes.subarray(to));
}

function insertBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const added = Uint8Array.from({ length: 1 + random.below(16) }, () => random.next());
  return joined(bytes.subarray(0, at), added, bytes.subarray(at));
}

function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random.below(bytes.length));
}

/** Mostly short. */
function rangeIn(bytes: Uint8Array, random: Random): [from: number, to: number] {
  const from = random.below(bytes.length);
  const longest = bytes.length - from;
  const length = random.oneIn(3) ? random.below(longest + 1) : random.below(Math.min(longest, 32));
  return [from, from + length];
}

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces).subarray(0, SIZE_MAX));
}
