// Programs for a database: what a workload does, as plain values that can be printed, shrunk and run again.

import type { DatabaseOptions } from "@tidemark/kv";
import type { Durability } from "@tidemark/wal";
import type { CrashProfile, FaultPlan } from "@tidemark/wal/testing";

/** What one write does. */
export type Change = KeyChange | ClearedKeys;

/** What one write does to one key, a number; without `bytes` it deletes it. */
interface KeyChange {
  readonly key: number;
  /** Length of the new value. */
  readonly bytes?: number;
  /** ms after which it expires; default never. */
  readonly ttl?: number;
}

/** What a conditional write is given: the version that the key has, none, or one that it does not have. */
export type Condition = "current" | "absent" | "other";

/** What a target is made from. */
export type By = "offset" | "time" | "mark";

/** Clears the keys from one (inclusive) to another (exclusive). */
interface ClearedKeys {
  readonly clear: number;
  readonly to: number;
}

/** Which files the calls are on that fail. */
export type Place = "anywhere" | "log" | "snapshots" | "copies" | "root";

/** Nothing is waited for but where it says so. */
export type Step =
  | {
      readonly do: "write";
      readonly change: Change;
      readonly sync?: boolean;
      /** Of a change of one key. */
      readonly if?: Condition;
    }
  | { readonly do: "batch"; readonly changes: readonly Change[]; readonly sync?: boolean }
  /** Reads its own writes. `throws`: it comes to nothing. */
  | {
      readonly do: "transaction";
      readonly changes: readonly Change[];
      readonly sync?: boolean;
      readonly throws?: boolean;
    }
  /** Sets the mark with this number, or is refused since there is one. */
  | { readonly do: "mark"; readonly number: number; readonly sync?: boolean }
  /** Waits for everything under way. */
  | { readonly do: "settle" }
  /** Lets what is under way go on for so many turns of the event loop. */
  | { readonly do: "turns"; readonly count: number }
  | { readonly do: "sync" }
  | { readonly do: "clock"; readonly ms: number }
  /** Takes a view of the present, held from then on. */
  | { readonly do: "snapshot" }
  /** Takes a view of the past, this percentage of all commits back, held from then on. */
  | { readonly do: "at"; readonly percent: number; readonly by: By }
  | { readonly do: "checkpoint" }
  /** Rewinds to this percentage of all commits back, and waits for it, since nobody knows before which offset that gets. */
  | { readonly do: "rewind"; readonly percent: number; readonly by: By }
  /**
   * Restores into a directory of its own, as another process. `"beside"` the writer, to an offset; or waits, closes
   * and opens again around it. `killAfter`: that process is killed after so many calls. `goOn`: from then on the copy
   * is the program's database.
   */
  | {
      readonly do: "restore";
      readonly percent: number;
      readonly by: "beside" | By;
      readonly goOn?: boolean;
      readonly killAfter?: number;
    }
  /** Backs up, into a directory of its own. `goOn`: waits, and from then on the copy is the program's database. */
  | { readonly do: "backup"; readonly goOn?: boolean }
  /** Takes every change from the first on, each once, also through crashes. */
  | { readonly do: "consumer" }
  /** Opens it read-only as another process, which stays. */
  | { readonly do: "follower" }
  /** Has all of those show what is durable. */
  | { readonly do: "refresh" }
  /** Opens it read-only as another process, beside the writer. */
  | { readonly do: "reader" }
  /** `verifyLog` on the log of the database, beside the writer. */
  | { readonly do: "verify" }
  /** Closes in order, and opens again; in between `repairLog` finds nothing to do. */
  | { readonly do: "reopen"; readonly repair?: boolean }
  /** Calls that fail from now on; until the database is opened anew and that fails. */
  | ({ readonly do: "fail"; readonly place: Place } & Omit<FaultPlan, "path">)
  /** From now on the disk has room for so many bytes more. */
  | { readonly do: "space"; readonly bytes: number }
  /** Crashes in the middle of it all, and opens what is left. */
  | {
      readonly do: "crash";
      readonly profile: CrashProfile;
      readonly seed: number;
      /** Before it is opened, another process restores from what is left: this percentage of what can be read there. */
      readonly restore?: number;
    };

export interface Program {
  readonly durability: Durability;
  /** Decides in which order calls under way come about; without it each is over at once. */
  readonly orderSeed?: number;
  /** Default 4 KiB. */
  readonly segmentBytes?: number;
  /** Bytes of log after which a checkpoint comes by itself; default never. */
  readonly checkpointBytes?: number;
  /** Time after its expiry at which a key is removed; default never. */
  readonly removeAfterMs?: number;
  /** How much history is kept; default all. */
  readonly historyBytes?: number;
  readonly steps: readonly Step[];
}

/** Where a program's database is made. */
export const DIRECTORY = "/database";

export const PATHS: Readonly<Record<Place, RegExp>> = {
  anywhere: /^/,
  log: /^\/[^/]+\/log(\/|$)/,
  snapshots: /^\/[^/]+\/snapshots(\/|$)/,
  copies: /^\/$|^\/copy/,
  root: /^\/$/,
};

/** The directory that a program's restore goes to, counted from 1. */
export function copyName(number: number): string {
  return `/copy-${number}`;
}

export function databaseOptions(
  program: Omit<Program, "steps">,
  clock: () => number,
): Required<Pick<DatabaseOptions, "log" | "checkpointBytes" | "history" | "removeExpiredAfterMs">> {
  const { durability, segmentBytes = 4096 } = program;
  const { checkpointBytes = Number.POSITIVE_INFINITY, historyBytes } = program;
  const { removeAfterMs = Number.POSITIVE_INFINITY } = program;
  return {
    checkpointBytes,
    removeExpiredAfterMs: removeAfterMs,
    history: { maxBytes: historyBytes ?? Number.POSITIVE_INFINITY },
    log: {
      durability,
      segmentBytes,
      // Time decides nothing here, so that a program does the same each time.
      noteAfterMs: 0,
      syncIntervalMs: 2 ** 31 - 1,
      clock,
    },
  };
}

export function keyText(key: number): string {
  return `key ${key}`;
}

export function markName(number: number): string {
  return `mark ${number}`;
}

/** A value: which one it is can be told from its text. */
export function valueText(serial: number, bytes: number): string {
  return `${serial}:`.padEnd(bytes, "abcdefghijklmnopqrstuvwxyz");
}
