// The limit: what the disk gives to a loop that does nothing else.

import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { recordAt } from "../material.js";
import { duration, type System } from "../scenario.js";

const FILE_BYTES = 64 * 2 ** 20;

/** Appends per second of a loop of one write of `records` records and one fdatasync, into zeros or past the end. */
export function writeLoop(key: string, records: number, into: "zeros" | "end of file"): System {
  return {
    async measure(place) {
      const fd = openSync(join(place.directory, "loop"), "w");
      if (into === "zeros") fillWithZeros(fd);
      const group = Buffer.concat(Array.from({ length: records }, (_, n) => recordAt(n)));
      const { warmMs, measureMs } = duration(place);
      loop(fd, group, 0, warmMs, into);
      if (into === "end of file") ftruncateSync(fd, 0);
      const writes = loop(fd, group, 0, measureMs, into);
      closeSync(fd);
      return { [key]: writes * records };
    },
  };
}

/** How long each write and fdatasync of `records` records takes, in ms, one after the other for a time, in zeros. */
export function timeWriteLoop(directory: string, records: number, ms: number): number[] {
  const fd = openSync(join(directory, "loop"), "w");
  fillWithZeros(fd);
  const group = Buffer.concat(Array.from({ length: records }, (_, n) => recordAt(n)));
  const times: number[] = [];
  const endMs = performance.now() + ms;
  for (let at = 0; performance.now() < endMs; at += group.length) {
    const startMs = performance.now();
    writeSync(fd, group, 0, group.length, at % (FILE_BYTES - group.length));
    fdatasyncSync(fd);
    times.push(performance.now() - startMs);
  }
  closeSync(fd);
  return times;
}

function fillWithZeros(fd: number): void {
  const zeros = Buffer.alloc(2 ** 20);
  for (let at = 0; at < FILE_BYTES; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
  fsyncSync(fd);
}

/** Writes per second. In zeros it begins anew at the end of the file. */
function loop(fd: number, group: Buffer, from: number, ms: number, into: string): number {
  const startMs = performance.now();
  let position = from;
  let count = 0;
  while (performance.now() - startMs < ms) {
    if (into === "zeros" && position + group.length > FILE_BYTES) position = 0;
    writeSync(fd, group, 0, group.length, position);
    fdatasyncSync(fd);
    position += group.length;
    count += 1;
  }
  return count / ((performance.now() - startMs) / 1000);
}

/** Bytes of files in order, each chunk handed on as it is read. */
export function readThrough(files: readonly string[], take: (chunk: Uint8Array) => void): number {
  const chunk = Buffer.alloc(2 ** 20);
  let bytes = 0;
  for (const file of files) {
    const fd = openSync(file, "r");
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) {
      take(chunk.subarray(0, count));
      bytes += count;
    }
    closeSync(fd);
  }
  return bytes;
}
