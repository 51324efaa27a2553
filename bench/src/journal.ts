// What every system is to the scenarios of logs: records by number, appended at the end.

import type { Later } from "./store.js";

export interface Journal {
  /** Over when it is durable, if the journal was opened so, otherwise when the system has it. */
  append(payload: Uint8Array): Later<unknown>;
  read(number: number): Later<Uint8Array | undefined>;
  count(): Later<number>;
  close(): Later<void>;
}

export type OpenJournal = (directory: string, durable: boolean) => Promise<Journal>;
