// What a writer process is started for; handed to it as its argument.

import type { Durability } from "@tidemark/wal";
import type { Kill } from "./killing-file-system.js";

export interface WriterOptions {
  readonly durability: Durability;
  readonly segmentBytes: number;
  readonly noteAfterMs: number;
  readonly retentionBytes?: number;
}

/** Done one after the other, each to its end, unless it says otherwise. */
export type Step =
  /** Records, or puts of the database. */
  | {
      readonly do: "append";
      readonly count: number;
      readonly length: number;
      readonly how: "each" | "atOnce" | "batch";
      /** Not waited for before the next step. */
      readonly goOn?: boolean;
    }
  | { readonly do: "truncateFrom"; readonly offset: number }
  | { readonly do: "truncateBefore"; readonly offset: number }
  | { readonly do: "checkpoint" }
  /** Leaves everything as it is, without closing. */
  | { readonly do: "exit" };

/** Calls by chance, by many at once, until so many were made. */
export interface Churn {
  readonly seed: number;
  readonly callsMax: number;
}

export interface WriteJob {
  readonly kind: "log" | "database";
  readonly directory: string;
  readonly options: WriterOptions;
  readonly work: readonly Step[] | Churn;
  /** Which of the directory's writers this is, so that no two write the same. */
  readonly life: number;
  readonly kill?: Kill;
  /** Whether the calls of the file system that change something are told. */
  readonly tellsCalls?: boolean;
  /** Whether to wait for the lock, looking again and again. */
  readonly waits?: boolean;
}

export interface RestoreJob {
  readonly kind: "restore";
  readonly directory: string;
  readonly destination: string;
  readonly offset: number;
  readonly kill?: Kill;
  readonly tellsCalls?: boolean;
}

export interface RepairJob {
  readonly kind: "repair";
  readonly directory: string;
  readonly kill?: Kill;
  readonly tellsCalls?: boolean;
}

export type Job = WriteJob | RestoreJob | RepairJob;
