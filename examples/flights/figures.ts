// The figures at the end.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Checks } from "./checks.js";
import type { Ingestion } from "./ingestion.js";
import { bytes, count, milliseconds, table } from "./terminal.js";

export interface Figures {
  readonly flights: number;
  readonly commits: number;
  readonly keys: number;
  readonly ingestions: readonly Ingestion[];
  readonly recoveryMs: number;
  readonly checks: Checks;
}

/** `directory` is the database's. */
export async function showFigures(directory: string, figures: Figures): Promise<void> {
  const { ingestions, checks } = figures;
  const flights = ingestions.reduce((sum, ingestion) => sum + ingestion.flights, 0);
  const seconds = ingestions.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
  const throughput = seconds === 0 ? 0 : flights / seconds;
  table([
    ["flights", count(figures.flights)],
    ["commits", count(figures.commits)],
    ["keys", count(figures.keys)],
    ["log on disk", bytes(await sizeOf(join(directory, "log")))],
    ["snapshot files on disk", bytes(await sizeOf(join(directory, "snapshots")))],
    ["durable flights per second", count(Math.round(throughput))],
    ["recovery", milliseconds(figures.recoveryMs)],
    ["entries compared", count(checks.entries)],
    ["checks passed", count(checks.passed)],
  ]);
}

/** Bytes of the files in a directory. */
async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(directory, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
