// What the system says of a process and of a disk (Linux).

import { existsSync, readFileSync, statSync } from "node:fs";

/** Bytes of memory that a process holds. */
export function residentBytes(pid: number): number {
  return field(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m) * 1024;
}

const SECTOR_BYTES = 512;
/** Index of the sectors written among the fields of a device's statistics (Documentation/block/stat.rst). */
const SECTORS_WRITTEN = 6;

/**
 * Bytes written to the disk that a directory is on, by whomever, the file system's journal among them. What /proc has of a
 * process counts a large folio whole when a sector of it is written, which is many times as much as goes to the disk.
 */
export function writtenBytes(directory: string): number {
  const fields = readFileSync(deviceStatistics(directory), "utf8").trim().split(/\s+/);
  return Number(fields[SECTORS_WRITTEN]) * SECTOR_BYTES;
}

function deviceStatistics(directory: string): string {
  const { dev } = statSync(directory);
  // As gnu_dev_major and gnu_dev_minor take it apart, below 2^32.
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
  return `/sys/dev/block/${major}:${minor}/stat`;
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

/** Why nothing is told of the disk that a directory is on; undefined if it is. */
export function diskMissing(directory: string): string | undefined {
  return existsSync(deviceStatistics(directory))
    ? undefined
    : "the system tells nothing of this disk";
}

/** Why nothing is told of processes; undefined if it is. */
export function processFiguresMissing(): string | undefined {
  return process.platform === "linux" ? undefined : "only Linux tells this";
}
