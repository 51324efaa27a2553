// A whole log: read beside nobody, verified, repaired and opened for writing. What it shows has to be what was
// written, unless the checksums were made right over something else; and however that is, it has to be one thing.

import {
  Log,
  LogError,
  type LogOptions,
  type LogRecord,
  repairLog,
  verifyLog,
} from "@tidemark/wal";
import { SimulatedDisk } from "@tidemark/wal/testing";
import type { Input } from "../input.js";
import { demand, type Target } from "../target.js";
import { changedFiles, diskWith, partsOf } from "./directory.js";
import { sealIndex, sealManifest, sealStore } from "./seals.js";

const DIRECTORY = "/log";
const OPTIONS: LogOptions = { segmentBytes: 4096, noteAfterMs: 0, clock: () => 1_700_000_000_000 };

/** What has no place in an answer to damaged files. */
const NEVER = ["LOG_FAILED", "LOG_CLOSED", "LOG_BUSY", "LOG_RECORD_TOO_LARGE", "LOG_NO_SPACE"];

interface Image {
  readonly input: Input;
  /** By offset, what was written. */
  readonly records: ReadonlyMap<number, string>;
  /** What a log that shows everything shows. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** The log was closed: nothing of it may be missing without a word. */
  readonly closed: boolean;
}

/** What a log showed. */
interface Shown {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly records: readonly LogRecord[];
  /** Nothing refused to be read. */
  readonly whole: boolean;
}

const images: Image[] = [];

function textOf({ time, payload }: LogRecord): string {
  return `${time} ${Buffer.from(payload).toString("hex")}`;
}

async function append(log: Log, count: number, bytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const payload = Buffer.alloc(bytes + i, `${log.endOffset} `);
    if (i % 3 === 2) await log.appendBatch([payload, Buffer.from("x"), Buffer.alloc(0)]);
    else await log.append(payload);
  }
}

function take(disk: SimulatedDisk, log: Log, closed: boolean): void {
  const records = new Map<number, string>();
  for (const record of log.records()) records.set(record.offset, textOf(record));
  const input = { parts: partsOf(disk), forged: false, seed: images.length };
  const { startOffset, endOffset } = log;
  images.push({ input, records, startOffset, endOffset, closed });
}

/** One small log at several moments of its life, with and without an end in order. */
async function makeImages(): Promise<void> {
  const disk = new SimulatedDisk();
  let log = await Log.open(DIRECTORY, { ...OPTIONS, fileSystem: disk });
  take(disk, log, false);
  await append(log, 3, 40);
  take(disk, log, false);
  await append(log, 22, 500);
  take(disk, log, false);
  for (const cut of [() => log.truncateBefore(12), () => log.truncateFrom(log.endOffset - 9)]) {
    await cut();
    await append(log, 4, 300);
    take(disk, log, false);
    await log.close();
    log = await Log.open(DIRECTORY, { ...OPTIONS, readOnly: true, fileSystem: disk });
    take(disk, log, true);
    await log.close();
    log = await Log.open(DIRECTORY, { ...OPTIONS, fileSystem: disk });
  }
  await log.close();
}

await makeImages();

/** Undefined where it refuses. */
async function orRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    demand(!NEVER.includes(error.code), `refuses with ${error.code}: ${error.message}`);
    return undefined;
  }
}

function show(log: Log): Shown {
  const { startOffset, endOffset } = log;
  const records: LogRecord[] = [];
  let whole = true;
  try {
    for (const record of log.records()) {
      demand(record.offset === startOffset + records.length, "offsets have gaps");
      const { time } = records.at(-1) ?? record;
      demand(record.time >= time, `time goes back at offset ${record.offset}`);
      records.push(record);
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const { code } = error;
    // Flags that nobody knows, under a right checksum.
    const isVersion = code === "LOG_UNSUPPORTED_VERSION";
    demand(code === "LOG_CORRUPT" || isVersion, `reading refuses with ${code}`);
    whole = false;
  }
  const count = endOffset - startOffset;
  demand(!whole || records.length === count, `${records.length} records, not ${count}`);
  return { startOffset, endOffset, records, whole };
}

async function showAt(disk: SimulatedDisk, options: LogOptions): Promise<Shown> {
  const log = await Log.open(DIRECTORY, { ...OPTIONS, ...options, fileSystem: disk });
  try {
    return show(log);
  } finally {
    await log.close();
  }
}

/** What nobody forged is what was written, and of a log that was closed, all of it. */
function compare(shown: Shown | undefined, input: Input, all: boolean): void {
  const image = images[input.seed];
  if (shown === undefined || input.forged || image === undefined) return;
  for (const record of shown.records) {
    const wrong = textOf(record) !== image.records.get(record.offset);
    demand(!wrong, `shows at offset ${record.offset} what was never written there`);
  }
  if (!all || !image.closed || !shown.whole) return;
  demand(shown.startOffset === image.startOffset, `starts at ${shown.startOffset}`);
  demand(shown.endOffset === image.endOffset, `ends at ${shown.endOffset}, not ${image.endOffset}`);
}

/** Opens for writing, goes on, and opens again. */
async function write(disk: SimulatedDisk): Promise<Shown> {
  const log = await Log.open(DIRECTORY, { ...OPTIONS, fileSystem: disk });
  const shown = show(log);
  const offset = await orRefused(() => log.append(Buffer.from("one more")));
  await log.close();
  const again = await showAt(disk, {});
  demand(offset === undefined || again.endOffset === shown.endOffset + 1, "an append is not there");
  demand(again.startOffset === shown.startOffset, "starts elsewhere when it is opened again");
  if (!shown.whole) return shown;
  for (const [i, record] of shown.records.entries()) {
    const then = again.records[i];
    demand(then !== undefined && textOf(then) === textOf(record), `changes at ${record.offset}`);
  }
  return shown;
}

async function repair(disk: SimulatedDisk, input: Input): Promise<void> {
  const report = await orRefused(() => repairLog(DIRECTORY, { fileSystem: disk }));
  if (report === undefined) return;
  const shown = await orRefused(() => showAt(disk, {}));
  demand(shown?.whole === true, "is damaged after its repair");
  const { from, to } = report.kept;
  demand(shown.startOffset === from && shown.endOffset === to, "keeps other than its repair says");
  compare(shown, input, false);
}

/** Where everything is gone that says that there was a log, there is none. */
function tellsOfLog({ parts }: Input): boolean {
  return parts.some(({ name }) => name.endsWith(".log") || name.endsWith("MANIFEST"));
}

export const logDirectory: Target = {
  name: "log-directory",
  isSlow: true,
  watched: ["packages/wal/dist/"],
  seeds: images.map(({ input }) => input),
  bytesMax: (size) => 16 * 1024 * 1024 + 64 * size,
  seal: ({ parts }, random) => {
    for (const { name, bytes } of parts) {
      if (name.endsWith(".log")) sealStore(bytes, random);
      else if (name.endsWith(".idx")) sealIndex(bytes, random);
      else if (name.endsWith("MANIFEST")) sealManifest(bytes, random);
    }
  },
  restructure: changedFiles,
  async judge(input) {
    const disk = await diskWith(input, DIRECTORY);
    const all = tellsOfLog(input);
    compare(await orRefused(() => showAt(disk, { readOnly: true })), input, all);
    const report = await orRefused(() => verifyLog(DIRECTORY, { fileSystem: disk }));
    await repair(disk.fork(), input);
    const written = await orRefused(() => write(disk));
    compare(written, input, all);
    if (report?.ok !== true) return;
    demand(written?.whole === true, "verifies, and does not open or read");
    demand(written.endOffset === report.endOffset, "verifies to another end than it opens to");
  },
};
