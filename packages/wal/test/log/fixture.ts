// Logs in directories of their own: the verbs of the tests of the log.

import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  Log,
  LogError,
  type LogErrorCode,
  type LogOptions,
  type LogRecord,
  nodeFileSystem,
} from "@tidemark/wal";
import { expect, onTestFinished } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";

/** Small segments, and no batch that a test did not ask for. */
const DEFAULTS: LogOptions = { segmentBytes: 4096, noteAfterMs: 0 };

/** No process has it: above what any system gives out. */
const DEAD_PID = 2 ** 30;

/** Logs that can be stopped between two calls of the file system. */
const killable = new WeakMap<Log, FaultyFileSystem>();

/** Removed after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-log-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens a log with small segments; closed after the test if the test does not. */
export async function openLog(directory: string, options: LogOptions = {}): Promise<Log> {
  const log = await Log.open(directory, { ...DEFAULTS, ...options });
  const { fileSystem } = options;
  if (fileSystem instanceof FaultyFileSystem) killable.set(log, fileSystem);
  onTestFinished(() => letGo(log));
  return log;
}

/** Opens a log for reading. */
export function openReader(directory: string, options: LogOptions = {}): Promise<Log> {
  return openLog(directory, { ...options, readOnly: true });
}

/** Closes a log whose files may be gone or failing, without a word. */
export async function letGo(log: Log): Promise<void> {
  await log.close().catch(() => undefined);
}

/** The payload that stands for a number: 28 bytes unless told otherwise, so 80 on disk when alone in its batch. */
export function payloadOf(number: number, length = 28): Uint8Array {
  const text = `record ${number} `;
  return Buffer.from(text.padEnd(length, "abcdefghijklmnopqrstuvwxyz"));
}

/** The number in a payload. */
export function numberOf(payload: Uint8Array): number {
  const digits = /^record (\d+) /.exec(Buffer.from(payload).toString("latin1"))?.[1];
  if (digits === undefined) throw new Error("this payload holds no number");
  return Number(digits);
}

/** Appends records numbered by their offsets, one after the other: a batch each. */
export async function appendEach(log: Log, count: number, length?: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await log.append(payloadOf(log.endOffset, length));
  }
}

/** Appends records numbered by their offsets, all at once. */
export async function appendTogether(log: Log, count: number, length?: number): Promise<void> {
  const appended: Promise<number>[] = [];
  for (let index = 0; index < count; index++) {
    appended.push(log.append(payloadOf(log.endOffset, length)));
  }
  await Promise.all(appended);
}

/** Appends one batch of records numbered by their offsets. */
export async function appendBatchOf(log: Log, count: number, length?: number): Promise<number> {
  const first = log.endOffset;
  return log.appendBatch(Array.from({ length: count }, (_, i) => payloadOf(first + i, length)));
}

/** Creates a log, lets it be filled, and closes it in order. */
export async function closedLog(
  fill: (log: Log) => Promise<unknown>,
  options?: LogOptions,
): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory, options);
  await fill(log);
  await log.close();
  return directory;
}

/** Creates a log, lets it be filled, and leaves what a SIGKILL would have left at that moment. */
export async function killedLog(
  fill: (log: Log) => Promise<unknown>,
  options?: LogOptions,
): Promise<string> {
  const log = await openKillable(temporaryDirectory(), options);
  await fill(log);
  const image = await killImage(log);
  await letGo(log);
  return image;
}

/** As `openLog`, for `killImage`. */
export function openKillable(directory: string, options: LogOptions = {}): Promise<Log> {
  return openLog(directory, { fileSystem: new FaultyFileSystem(), ...options });
}

/** A copy of an open log's directory, as if its writer had been killed now. */
export async function killImage(log: Log, into = temporaryDirectory()): Promise<string> {
  const fileSystem = killable.get(log);
  if (fileSystem === undefined) throw new Error("open a log with a FaultyFileSystem to kill it");
  await fileSystem.between(() => cpSync(log.directory, into, { recursive: true }));
  nameDeadHolder(into);
  return into;
}

/** As if the process that holds the lock had died. */
export function nameDeadHolder(directory: string): void {
  const lock = join(directory, "LOCK");
  if (!existsSync(lock) || readFileSync(lock).length === 0) return;
  const identity = { ...nodeFileSystem.identity(), pid: DEAD_PID };
  const since = new Date(0).toISOString();
  writeFileSync(lock, `${JSON.stringify({ ...identity, lock: "kernel", since })}\n`);
}

/** A copy of a directory at rest. */
export function copyOf(directory: string, into = temporaryDirectory()): string {
  cpSync(directory, into, { recursive: true, verbatimSymlinks: true });
  return into;
}

/** Every record, by `records` and again one by one by `read`; throws where the two differ. */
export function readAll(log: Log): LogRecord[] {
  const all: LogRecord[] = [];
  for (const { offset, time, payload } of log.records()) {
    const again = log.read(offset);
    const same = again.offset === offset && again.time === time;
    if (!same || Buffer.compare(again.payload, payload) !== 0) {
      throw new Error(`record ${offset} is another one when it is read alone`);
    }
    all.push(again);
  }
  expect(all.map(({ offset }) => offset)).toEqual(offsets(log.startOffset, log.acknowledgedOffset));
  return all;
}

/** Numbers of all records, which must be their offsets: what `appendEach` and the like have left. */
export function expectNumbered(log: Log, from: number, to: number): void {
  expect(readAll(log).map(({ payload }) => numberOf(payload))).toEqual(offsets(from, to));
}

/** The integers in [from, to). */
export function offsets(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** Whatever stands in a directory, but for the lock, which holds no records: bytes, times and kinds. */
export function filesIn(directory: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(directory).sort()) {
    if (name === "LOCK") continue;
    const path = join(directory, name);
    const stats = lstatSync(path);
    const content = stats.isFile()
      ? readFileSync(path).toString("latin1")
      : stats.isSymbolicLink()
        ? readlinkSync(path)
        : "";
    files.set(name, `${stats.mode} ${stats.ino} ${stats.mtimeMs} ${stats.size}\n${content}`);
  }
  return files;
}

/** The bytes of each regular file, but for the lock. */
export function contentsIn(directory: string): Map<string, string> {
  const files = readdirSync(directory, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== "LOCK",
  );
  const names = files.map(({ name }) => name).sort();
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), "latin1")]));
}

/** The error of a call that must fail with a typed one. */
export async function refusal(run: () => unknown): Promise<LogError> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return error;
  }
  throw new Error("this was not refused");
}

/** The place that a refusal must name. */
export interface Place {
  /** Name of a file in the directory. */
  readonly file?: string;
  readonly position?: number;
  readonly offset?: number;
}

/** Opening the directory, for reading and for writing, is refused in the same way and changes nothing. */
export async function expectRefused(
  directory: string,
  code: LogErrorCode,
  place: Place = {},
): Promise<LogError> {
  const before = filesIn(directory);
  const read = await refusal(() => Log.open(directory, { readOnly: true }));
  expect(filesIn(directory)).toEqual(before);
  const written = await refusal(() => Log.open(directory, DEFAULTS));
  expect(filesIn(directory)).toEqual(before);
  for (const error of [read, written]) {
    expect(error.code, error.message).toBe(code);
    expectPlace(error, place);
  }
  return written;
}

/** Reading a log that opens comes upon damage, through `records` and `read`, and changes nothing. */
export async function expectUnreadable(
  directory: string,
  code: LogErrorCode,
  place: Place = {},
): Promise<LogError> {
  const reader = await openReader(directory);
  const before = filesIn(directory);
  const error = await refusal(() => [...reader.records()]);
  expect(error.code, error.message).toBe(code);
  expectPlace(error, place);
  expect(filesIn(directory)).toEqual(before);
  await reader.close();
  return error;
}

export function expectPlace(error: LogError, { file, position, offset }: Place): void {
  if (file !== undefined) expect(basename(error.file ?? "none"), error.message).toBe(file);
  if (position !== undefined) expect(error.position, error.message).toBe(position);
  if (offset !== undefined) expect(error.offset, error.message).toBe(offset);
}

/** Waits until something is so, asking again and again. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Names of the stores, in order. */
export function storeNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /^\d+\.log$/.test(name))
    .sort();
}

/** The name of the store that is appended to: the last with a batch in it. */
export function activeName(directory: string): string {
  const last = storeNames(directory)
    .reverse()
    .find((name) =>
      readFileSync(join(directory, name))
        .subarray(64)
        .some((byte) => byte !== 0),
    );
  if (last === undefined) throw new Error("no store holds a batch");
  return last;
}
