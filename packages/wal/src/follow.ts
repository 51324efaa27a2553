// Following the log: the records that are durable, then each further one as it becomes so. A follower holds
// an offset and wakes when the durable offset moves, so many cost little and a slow one holds nothing up.

import type { LogError } from "./errors.js";
import { Pace } from "./pace.js";
import { type LogRecord, readRecords } from "./records.js";
import type { SegmentList } from "./segment-list.js";

/** Where following begins, and what ends it. */
export interface FollowOptions {
  /** Offset of the first record wanted; default the start of the log. */
  readonly from?: number;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal;
}

/** What a follower looks at besides the records. */
export interface FollowedLog {
  readonly list: SegmentList;
  /** Why nothing more will come, once that is so. */
  readonly ended: () => LogError | undefined;
  /** Called while someone waits, where nothing else would notice that the log grows. */
  readonly watch?: () => void;
}

/** Records handed on without looking at the list again: bounds what a truncation has to wait for. */
const READ_AHEAD_RECORDS = 4096;

export async function* followRecords(
  { list, ended, watch }: FollowedLog,
  from: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogRecord, void, void> {
  const pace = new Pace(signal);
  let generation = list.truncationGeneration;
  for (let offset = from; ; ) {
    signal?.throwIfAborted();
    list.checkPlace(offset, offset, generation);
    generation = list.truncationGeneration;
    const to = Math.min(list.durableOffset, offset + READ_AHEAD_RECORDS);
    if (offset < to) {
      for (const record of readRecords(list, offset, to)) {
        offset = record.offset + 1;
        yield record;
        signal?.throwIfAborted();
        if (list.truncationGeneration !== generation || list.isClosed) break;
        if (pace.due) await pace.rest();
      }
      continue;
    }
    const end = ended();
    if (end !== undefined) throw end;
    watch?.();
    await nextChange(list, signal);
  }
}

async function nextChange(list: SegmentList, signal: AbortSignal | undefined): Promise<void> {
  const { promise, cancel } = list.changed();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    await promise;
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}
