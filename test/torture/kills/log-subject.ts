// A log that is written until the process is killed.

import { type FileSystem, Log } from "@tidemark/wal";
import type { Random } from "@tidemark/wal/testing";
import { Calls, type Standing } from "./calls.js";
import { digestOfMarks, marksOf } from "./digest.js";
import { payloadOf } from "./issue.js";
import type { Step, WriteJob } from "./job.js";
import type { Shown, Subject } from "./subject.js";

export class LogSubject implements Subject {
  readonly shown: Shown;
  readonly takenOver: boolean;
  readonly #log: Log;
  readonly #calls: Calls;
  readonly #commits: boolean;
  /** Truncations of the end that were asked for. */
  #truncations = 0;
  #truncating = 0;

  private constructor(log: Log, calls: Calls, commits: boolean) {
    this.#log = log;
    this.#calls = calls;
    this.#commits = commits;
    this.takenOver = log.recovery.takenOver !== undefined;
    this.shown = {
      start: log.startOffset,
      end: log.endOffset,
      digest: digestOfMarks(marksOf(log)),
    };
    if (log.durableOffset !== log.endOffset)
      throw new Error(`opening shows up to ${log.endOffset}, durable to ${log.durableOffset}`);
  }

  static async open(job: WriteJob, fileSystem: FileSystem | undefined): Promise<LogSubject> {
    const { retentionBytes, ...options } = job.options;
    let log: Log | undefined;
    const standing: Standing = {
      get startOffset() {
        return log?.startOffset ?? 0;
      },
      get durableOffset() {
        return log?.durableOffset ?? 0;
      },
    };
    const calls = new Calls(standing, job.life);
    log = await Log.open(job.directory, {
      ...options,
      clock: calls.clock,
      ...(retentionBytes === undefined ? {} : { retention: { maxBytes: retentionBytes } }),
      ...(fileSystem === undefined ? {} : { fileSystem }),
    });
    return new LogSubject(log, calls, options.durability === "commit");
  }

  async take(step: Step): Promise<unknown> {
    switch (step.do) {
      case "append": {
        const lengths = Array.from({ length: step.count }, () => step.length);
        if (step.how === "batch") return this.#append(lengths, true, false);
        const appended = lengths.map((length) => () => this.#append([length], false, false));
        if (step.how === "atOnce") return Promise.all(appended.map((append) => append()));
        for (const append of appended) await append();
        return undefined;
      }
      case "truncateFrom":
        return this.#truncateFrom(step.offset);
      case "truncateBefore":
        return this.#truncateBefore(step.offset);
      default:
        throw new Error(`a log knows no ${step.do}`);
    }
  }

  act(random: Random): Promise<unknown> {
    const log = this.#log;
    const choice = random.below(100);
    if (choice < 70) return this.#append([10 + random.below(110)], false, random.oneIn(10));
    if (choice < 78) return this.#append([10 + random.below(3000)], false, random.oneIn(10));
    if (choice < 91) {
      // Large ones too: a write holds more than one batch then, and may be torn between them.
      const most = random.oneIn(3) ? 3000 : 300;
      const lengths = Array.from({ length: 1 + random.below(6) }, () => 10 + random.below(most));
      return this.#append(lengths, true, random.oneIn(10));
    }
    if (choice < 94) return this.#calls.make({ do: "sync" }, () => log.sync());
    if (choice < 97) {
      return this.#truncateFrom(Math.max(log.startOffset, log.endOffset - random.below(12)));
    }
    const { startOffset, acknowledgedOffset } = log;
    const last = Math.max(startOffset, acknowledgedOffset - 100);
    return this.#truncateBefore(startOffset + random.below(last - startOffset));
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  #append(lengths: readonly number[], together: boolean, sync: boolean): Promise<void> {
    const log = this.#log;
    const items = lengths.map((length) => this.#calls.item(length));
    const payloads = items.map(payloadOf);
    const [first = new Uint8Array(0)] = payloads;
    const truncations = this.#truncations;
    const append = async () => {
      const offset = together
        ? await log.appendBatch(payloads, { sync })
        : await log.append(first, { sync });
      const end = offset + items.length;
      const { acknowledgedOffset, durableOffset } = log;
      if (truncations !== this.#truncations || this.#truncating > 0) return offset;
      if (acknowledgedOffset < end) throw new Error(`${offset} is not below the acknowledged end`);
      if (durableOffset > acknowledgedOffset) throw new Error("more is durable than acknowledged");
      if ((sync || this.#commits) && durableOffset < end)
        throw new Error(`${offset} is not below the durable offset`);
      return offset;
    };
    return this.#calls.make(
      { do: "append", items, together, sync, now: this.#calls.clock() },
      append,
    );
  }

  #truncateFrom(offset: number): Promise<void> {
    this.#truncations += 1;
    this.#truncating += 1;
    return this.#calls.make({ do: "truncateFrom", offset }, async () => {
      await this.#log.truncateFrom(offset);
      this.#truncating -= 1;
      return undefined;
    });
  }

  #truncateBefore(offset: number): Promise<void> {
    return this.#calls.make({ do: "truncateBefore", offset }, async () => {
      await this.#log.truncateBefore(offset);
      return undefined;
    });
  }
}
