// What a writer process writes: a log or a database.

import type { Random } from "@tidemark/wal/testing";
import type { Step } from "./job.js";

/** What a log or a database shows once it is open. */
export interface Shown {
  readonly start: number;
  readonly end: number;
  /** Of all that it shows, see `digest.ts`. */
  readonly digest: number;
}

export interface Subject {
  readonly shown: Shown;
  /** The lock was a dead process's. */
  readonly takenOver: boolean;
  /** Resolves when the step is done. */
  take(step: Step): Promise<unknown>;
  /** Makes a call by chance; resolves when it is done. */
  act(random: Random): Promise<unknown>;
  close(): Promise<void>;
}
