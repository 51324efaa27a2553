// What a log should hold, as plain arrays, and the log that is held against it.

import { cpSync } from "node:fs";
import type { Log, LogOptions, LogRecord } from "@tidemark/wal";
import { expect } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import { nameDeadHolder, offsets, openLog, refusal, temporaryDirectory } from "./fixture.js";
import { manifestOf } from "./store-bytes.js";

interface Known {
  readonly payload: Buffer;
  readonly time: number;
}

/** Appends that were issued together: all of the payloads or none. */
export interface Issued {
  readonly first: number;
  readonly payloads: readonly Buffer[];
}

export type Options = Required<Pick<LogOptions, "durability" | "segmentBytes" | "noteAfterMs">>;

export class Model {
  /** Offset of the first record that must be there. */
  start = 0;
  now = 1_000_000;
  /** The latest time that any clock has shown. */
  latest = 0;
  /** By offset; those below `start` are kept, to compare what a truncation left too much of. */
  readonly records: Known[] = [];

  get end(): number {
    return this.records.length;
  }

  at(offset: number): Known {
    const known = this.records[offset];
    if (known === undefined) throw new Error(`the model has no record ${offset}`);
    return known;
  }

  /** The first record at or after a time. */
  offsetAt(time: number): number {
    for (let offset = this.start; offset < this.end; offset++) {
      if (this.at(offset).time >= time) return offset;
    }
    return this.end;
  }

  /** Takes in a record that is there for the first time; its time follows from the clock. */
  learn({ offset, time, payload }: LogRecord, expected: Buffer): void {
    expect(offset).toBe(this.end);
    expect(Buffer.compare(payload, expected)).toBe(0);
    const previous = this.records.at(-1)?.time ?? 0;
    expect(time).toBeGreaterThanOrEqual(Math.max(previous, this.now));
    // A clock that was ahead, or a segment created then, holds times up; nothing else does.
    expect(time).toBeLessThanOrEqual(this.latest);
    this.records.push({ payload: expected, time });
  }
}

/** The log under test, with its clock and its disk; it moves to another directory when it is killed. */
export class Subject {
  log: Log;
  reader: Log | undefined;
  readonly model: Model;
  fileSystem: FaultyFileSystem;
  #number = 0;

  private constructor(model: Model, log: Log, fileSystem: FaultyFileSystem) {
    this.model = model;
    this.log = log;
    this.fileSystem = fileSystem;
  }

  static async open(model: Model, options: Options): Promise<Subject> {
    const fileSystem = new FaultyFileSystem();
    const subject = { model };
    const log = await openLog(temporaryDirectory(), {
      ...options,
      fileSystem,
      clock: () => clockOf(subject.model),
    });
    return new Subject(model, log, fileSystem);
  }

  payload(length: number): Buffer {
    this.#number += 1;
    return Buffer.from(`${this.#number} `.padEnd(length, "~").slice(0, length));
  }

  /** Opens a directory as this subject's log. */
  async openIn(directory: string, options: Options): Promise<void> {
    this.fileSystem = new FaultyFileSystem();
    this.log = await this.#open(directory, options, this.fileSystem);
  }

  #open(directory: string, options: Options, fileSystem: FaultyFileSystem): Promise<Log> {
    return openLog(directory, { ...options, fileSystem, clock: () => clockOf(this.model) });
  }

  /**
   * Kills the log after so many calls of the file system, while `work` is under way; returns what is left.
   * `then` is called at that moment.
   */
  async kill(
    calls: number,
    work: Promise<unknown>,
    then: () => void = () => undefined,
  ): Promise<string> {
    const image = temporaryDirectory();
    const { log } = this;
    await this.fileSystem.afterCalls(calls, work, () => {
      cpSync(log.directory, image, { recursive: true });
      then();
    });
    nameDeadHolder(image);
    await Promise.allSettled([work]);
    await Promise.allSettled([log.close(), this.reader?.close()]);
    this.reader = undefined;
    return image;
  }

  /** Opens what a kill left, killing that as well after so many calls; recovery starts over then. */
  async recover(image: string, options: Options, calls: number): Promise<void> {
    const interrupted = new FaultyFileSystem();
    const again = temporaryDirectory();
    const opening = this.#open(image, options, interrupted);
    await interrupted.afterCalls(calls, opening, () => cpSync(image, again, { recursive: true }));
    nameDeadHolder(again);
    const log = await opening;
    const { startOffset, endOffset } = log;
    await log.close();
    await this.openIn(again, options);
    // A recovery that was cut off and begun again finds what the first one found.
    expect([this.log.startOffset, this.log.endOffset]).toEqual([startOffset, endOffset]);
  }

  /** Everything that the log shows is what the model holds. */
  expectSame(): void {
    const { log, model } = this;
    const { startOffset, durableOffset, acknowledgedOffset, endOffset } = log;
    expect([startOffset, acknowledgedOffset, endOffset]).toEqual([
      model.start,
      model.end,
      model.end,
    ]);
    expect(durableOffset).toBeLessThanOrEqual(endOffset);
    expect(durableOffset).toBeGreaterThanOrEqual(startOffset);
    expect(log.failure).toBeUndefined();
    expectRecords([...log.records()], model, model.start, model.end);
    for (const offset of [model.start, model.end - 1]) {
      if (offset >= model.start && offset < model.end) {
        expectRecords([log.read(offset)], model, offset, offset + 1);
      }
    }
  }

  /** What the log holds beyond the model is a beginning of what was issued, in whole batches. */
  learn(issued: readonly Issued[], acknowledgedEnd: number): void {
    const { log, model } = this;
    const end = log.endOffset;
    expect(end).toBeGreaterThanOrEqual(acknowledgedEnd);
    const boundaries = issued.map(({ first, payloads }) => first + payloads.length);
    expect([model.end, ...boundaries]).toContain(end);
    for (const { first, payloads } of issued) {
      for (const [index, payload] of payloads.entries()) {
        if (first + index < end) model.learn(log.read(first + index), payload);
      }
    }
    this.expectSame();
  }

  /** A reader beside the writer shows a beginning of the model, and what the manifest vouches for at least. */
  async readBeside(): Promise<void> {
    const { log, model } = this;
    const floor = manifestOf(log.directory).floor.offset;
    if (this.reader === undefined) {
      this.reader = await openLog(log.directory, { readOnly: true });
    } else await this.reader.refresh();
    const { startOffset, endOffset } = this.reader;
    expect(startOffset).toBe(model.start);
    expect(endOffset).toBeLessThanOrEqual(model.end);
    expect(endOffset).toBeGreaterThanOrEqual(Math.min(floor, model.end));
    expectRecords([...this.reader.records()], model, startOffset, endOffset);
    expect((await refusal(() => this.reader?.append(new Uint8Array(1)))).code).toBe(
      "LOG_READ_ONLY",
    );
  }
}

function clockOf(model: Model): number {
  model.latest = Math.max(model.latest, model.now);
  return model.now;
}

/** Records are those of the model, from one offset to another. */
export function expectRecords(
  records: readonly LogRecord[],
  model: Model,
  from: number,
  to: number,
): void {
  expect(records.map(({ offset }) => offset)).toEqual(offsets(from, Math.max(from, to)));
  for (const { offset, time, payload } of records) {
    const known = model.at(offset);
    expect(time).toBe(known.time);
    expect(Buffer.compare(payload, known.payload)).toBe(0);
  }
}
