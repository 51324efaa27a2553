// Programs for the log: what a workload does, as plain values that can be printed, shrunk and run again.

import type { Durability, LogOptions } from "@tidemark/wal";
import type { CrashProfile, FaultPlan } from "@tidemark/wal/testing";

/** Nothing is waited for but where it says so. */
export type Step =
  | { readonly do: "append"; readonly bytes: number; readonly sync?: boolean }
  | { readonly do: "batch"; readonly bytes: readonly number[]; readonly sync?: boolean }
  /** So many at the same time, each of which appends its next record once the one before is acknowledged. */
  | {
      readonly do: "appenders";
      readonly count: number;
      readonly each: number;
      readonly bytes: number;
    }
  /** Waits for everything under way. */
  | { readonly do: "settle" }
  /** Lets the writer go on for so many turns of the event loop. */
  | { readonly do: "turns"; readonly count: number }
  | { readonly do: "sync" }
  /** Drops the newest records, so many. */
  | { readonly do: "truncateFrom"; readonly back: number }
  /** Drops the oldest, this percentage of what is acknowledged. */
  | { readonly do: "truncateBefore"; readonly percent: number }
  /** Time passes: timers that are due go off. */
  | { readonly do: "clock"; readonly ms: number }
  /** Closes in order and opens again. */
  | { readonly do: "reopen" }
  /** Calls that fail from now on; until the log is opened anew and that fails. */
  | ({ readonly do: "fail" } & Omit<FaultPlan, "path">)
  /** From now on the disk has room for so many bytes more. */
  | { readonly do: "space"; readonly bytes: number }
  /** Crashes in the middle of it all, and opens what is left. */
  | { readonly do: "crash"; readonly profile: CrashProfile; readonly seed: number }
  /** Kills the writer; another process on the same machine opens the log. */
  | { readonly do: "kill" }
  /** A reader in another process, which outlives the writer and looks again at every call from now on. */
  | { readonly do: "reader" }
  /** Another process verifies the log beside the writer. */
  | { readonly do: "verify" }
  /** Another process tries to open the log for writing, and is waited for. */
  | { readonly do: "intruder" }
  /** Closes, damages one place (which one follows from `damage`) or nothing, repairs, and opens. */
  | { readonly do: "repair"; readonly damage?: number };

export interface Program {
  readonly durability: Durability;
  /** Decides in which order calls under way come about; without it each is over at once. */
  readonly orderSeed?: number;
  readonly retentionBytes?: number;
  /** Default: never. Time passes in `clock` steps alone. */
  readonly noteAfterMs?: number;
  /** Default: longer than any program. */
  readonly syncIntervalMs?: number;
  /** The disk has no locks: who writes is decided by the text in LOCK. */
  readonly textLocks?: boolean;
  /** What repairs keep. */
  readonly keep?: "before" | "after";
  /** Syncs that do nothing and say nothing, of all paths that match this pattern. */
  readonly lies?: { readonly call: "datasync" | "sync" | "syncDirectory"; readonly path: string };
  readonly steps: readonly Step[];
}

export const DIRECTORY = "/log";
export const SEGMENT_BYTES = 4096;

export function logOptions(program: Omit<Program, "steps">, clock: () => number): LogOptions {
  const { durability, retentionBytes, noteAfterMs = 0, syncIntervalMs = 2 ** 31 - 1 } = program;
  return {
    durability,
    segmentBytes: SEGMENT_BYTES,
    noteAfterMs,
    syncIntervalMs,
    clock,
    ...(retentionBytes === undefined ? {} : { retention: { maxBytes: retentionBytes } }),
  };
}

/** The payload of a record: what it is can be told from its bytes. */
export function payloadOf(serial: number, bytes: number): Uint8Array {
  const text = `${serial}:`;
  return Buffer.from(text.padEnd(Math.max(bytes, text.length), "abcdefghijklmnopqrstuvwxyz"));
}
