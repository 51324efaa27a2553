// Opening a log as a user would, and all that it shows, as plain values.

import { FileSystemError, Log, LogError, type LogOptions } from "@tidemark/wal";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import type { Shown } from "./model.js";
import { DIRECTORY } from "./program.js";

const LOCK = `${DIRECTORY}/LOCK`;
const CLAIM = `${LOCK}.claim`;

/** A log, or a repair, that was not to be had. */
export interface Refusal {
  readonly refused: string;
  readonly message: string;
}

/** How damage is refused. */
const DAMAGED = new Set(["LOG_CORRUPT", "LOG_IO", "LOG_UNSUPPORTED_VERSION"]);
/** And an error of a sync that comes late, after the writer that it was of. */
export const LATE = new Set(["LOG_IO", "LOG_NO_SPACE"]);
/** More often than the faults that are planned together can strike. */
const BY_HAND_MAX = 6;

export function show(log: Log): Shown {
  return {
    startOffset: log.startOffset,
    endOffset: log.acknowledgedOffset,
    records: [...log.records()].map(({ payload, time }) => ({ payload, time })),
    torn: log.recovery.torn !== undefined,
  };
}

/** The refusal that an error is, of a log that is damaged or of a disk that fails late; throws any other. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof LogError)) throw error;
  if (!DAMAGED.has(error.code) && !LATE.has(error.code)) throw error;
  return { refused: error.code, message: error.message };
}

/**
 * Runs something that takes the log's lock; where it is refused on the text alone and in doubt, does what the
 * message says, and runs it again.
 */
export async function withLock<T>(disk: SimulatedDisk, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== "LOG_LOCKED") throw error;
    if (disk.paths().includes(CLAIM)) {
      await byHand(() => disk.unlink(CLAIM));
      return withLock(disk, run);
    }
    if (!isLockInDoubt(disk)) throw error;
    await byHand(async () => {
      const file = await disk.open(LOCK, "write");
      await file.truncate(0).finally(() => file.close());
    });
    return run();
  }
}

/** Somebody's work on a disk whose calls may fail: whoever sees it fail does it again. */
async function byHand(work: () => Promise<void>, attempts = BY_HAND_MAX): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FileSystemError) || attempts === 1) throw error;
    await byHand(work, attempts - 1);
  }
}

/** Opens the log for writing. */
export function openLog(disk: SimulatedDisk, options: LogOptions): Promise<Log> {
  return withLock(disk, () => Log.open(DIRECTORY, { ...options, fileSystem: disk }));
}

/** Whether the text of the lock is in doubt, which a power cut can bring about where it is not synced. */
export function isLockInDoubt(disk: SimulatedDisk): boolean {
  const text = disk.paths().includes(LOCK) ? Buffer.from(disk.bytesOf(LOCK)).toString() : "";
  return text.trim() !== "" && !isDead(disk, text);
}

/** Whether a text names a holder that is dead. Damaged, it can name any. */
function isDead(disk: SimulatedDisk, text: string): boolean {
  const form =
    /^\{"pid":(\d+),"host":"simulated","bootId":"boot-\d+","pidNamespace":"simulated","lock":"(kernel|text)","since":"[ !#-[\]-~]*"\}\s*$/;
  const pid = Number(form.exec(text)?.[1]);
  return Number.isSafeInteger(pid) && pid > 0 && !disk.processExists(pid);
}
