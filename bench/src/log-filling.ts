// Logs to read: records that were appended one by one, many in flight, as programs do.

import { Log } from "@tidemark/wal";
import { recordAt } from "./material.js";

const IN_FLIGHT = 1000;

/** Appends until the stores hold this many bytes; returns the count of records. */
export async function fillLog(
  directory: string,
  storeBytes: number,
  segmentBytes: number,
): Promise<number> {
  const log = await Log.open(directory, { durability: "os", segmentBytes });
  while (log.stats().storeBytes < storeBytes) await appendSome(log);
  const { endOffset } = log;
  await log.close();
  return endOffset;
}

export async function appendSome(log: Log): Promise<void> {
  const from = log.endOffset;
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => log.append(recordAt(from + n))));
}
