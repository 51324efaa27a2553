// What the system says of a process: memory and bytes written (Linux).

import { readFileSync } from "node:fs";

/** Bytes of memory that a process holds. */
export function residentBytes(pid: number): number {
  return field(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m) * 1024;
}

/** Bytes that a process, with all of its threads, has caused to be written to the disk. */
export function writtenBytes(pid: number): number {
  return field(`/proc/${pid}/io`, /^write_bytes: (\d+)$/m);
}

function field(file: string, pattern: RegExp): number {
  const text = pattern.exec(readFileSync(file, "utf8"))?.[1];
  if (text === undefined) throw new Error(`${file} does not say`);
  return Number(text);
}

/** Measurements run with --expose-gc. */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  globalThis.gc();
}

export function hasProcessFigures(): string | undefined {
  return process.platform === "linux" ? undefined : "only Linux tells this";
}
