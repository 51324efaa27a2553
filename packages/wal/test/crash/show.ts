// All that a log shows, as plain values.

import type { Log } from "@tidemark/wal";
import type { Shown } from "./model.js";

export function show(log: Log): Shown {
  return {
    startOffset: log.startOffset,
    endOffset: log.acknowledgedOffset,
    records: [...log.records()].map(({ payload, time }) => ({ payload, time })),
  };
}
