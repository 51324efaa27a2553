// One directory, and one writer after the other in it, each killed at a moment by chance: recoveries pile up, and after
// each kill everything is held against the model. What is done follows from the seed; when a kill strikes, from time too.

import { cpSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "@tidemark/wal/testing";
import { DatabaseModel } from "./database-model.js";
import type { WriteJob, WriterOptions } from "./job.js";
import { LogModel } from "./log-model.js";
import { lookAtDatabase, lookAtLog } from "./look.js";
import type { Line } from "./telling.js";
import { KillViolation, textOf } from "./violation.js";
import { WriterProcess } from "./writer-process.js";

export interface Course {
  readonly course: "log" | "database";
  readonly seed: number;
  /** Writers, one after the other. */
  readonly lives: number;
}

/** What kills did and did not take. */
export class KillTally {
  /** Processes ended by SIGKILL, from outside and by themselves. */
  kills = 0;
  /** Of them, before the log or database was open. */
  inOpening = 0;
  /** Calls acknowledged, and issued, by writers that were killed. */
  acknowledged = 0;
  issued = 0;
  closes = 0;
}

/** Plays a course. Throws a {@link KillViolation}. */
export async function playCourse(course: Course, tally: KillTally): Promise<void> {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-kills-"));
  try {
    await new CourseRun(course, join(directory, "it"), tally).all();
  } catch (error) {
    const kept = `${directory}-kept`;
    cpSync(directory, kept, { recursive: true });
    throw new KillViolation(`${textOf(error)}\n  what was left is in ${kept}`, course);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function optionsByChance(random: Random): WriterOptions {
  const durability = (["commit", "commit", "interval", "os"] as const)[random.below(4)] ?? "commit";
  const options = { durability, segmentBytes: 4096 << random.below(4), noteAfterMs: 2 };
  return random.oneIn(2) ? options : { ...options, retentionBytes: 80_000 };
}

class CourseRun {
  readonly #course: Course;
  readonly #directory: string;
  readonly #tally: KillTally;
  readonly #random: Random;
  readonly #options: WriterOptions;
  readonly #model: LogModel | DatabaseModel;
  #opened = false;

  constructor(course: Course, directory: string, tally: KillTally) {
    this.#course = course;
    this.#directory = directory;
    this.#tally = tally;
    this.#random = new Random(course.seed);
    this.#options = optionsByChance(this.#random);
    this.#model =
      course.course === "log"
        ? new LogModel(this.#options.retentionBytes !== undefined)
        : new DatabaseModel();
  }

  async all(): Promise<void> {
    for (let life = 0; life < this.#course.lives; life++) {
      try {
        await this.#live(life);
      } catch (error) {
        throw new Error(`life ${life}: ${textOf(error)}`);
      }
    }
  }

  async #live(life: number): Promise<void> {
    const random = this.#random;
    const way = random.below(100);
    const seed = random.next();
    const calls = random.below(200);
    const when = (["before", "half", "after"] as const)[random.below(3)] ?? "before";
    const job: WriteJob = {
      kind: this.#course.course,
      directory: this.#directory,
      options: this.#options,
      life,
      work: { seed, callsMax: 1 + random.below(way < 10 ? 200 : 2000) },
      ...(way >= 10 && way < 45 ? { kill: { call: calls, when } } : {}),
    };
    const writer = new WriterProcess(job);
    if (way >= 45) await this.#strike(writer, way);
    const { code, signal } = await writer.ended;
    if (writer.hung) throw new Error("the writer hung");
    this.#take(writer.lines);
    const done = code === 0 && writer.lines.at(-1)?.is === "ended";
    if (!done && signal !== "SIGKILL")
      throw new Error(`the writer ended with ${code ?? signal}: ${writer.errors}`);
    await this.#look(seed);
  }

  /** From outside: while it opens, or after so many lines and a moment. */
  async #strike(writer: WriterProcess, way: number): Promise<void> {
    const random = this.#random;
    const lines = 1 + random.below(random.oneIn(4) ? 3000 : 300);
    const ms = random.below(way < 58 ? 150 : 5);
    if (way >= 58) await writer.until((told) => told.length > lines);
    await sleep(ms);
    await writer.kill();
  }

  #take(lines: readonly Line[]): void {
    for (const line of lines) {
      if (line.is === "wrong") throw new Error(`the writer says: ${line.text}`);
      if (line.is === "opened") this.#opened = true;
      const wrong = this.#model.take(line);
      if (wrong !== undefined) throw new Error(wrong);
    }
    const told = lines.filter(({ is }) => is === "issued").length;
    this.#tally.issued += told;
    this.#tally.acknowledged += lines.filter(({ is }) => is === "done").length;
    if (lines.at(-1)?.is === "ended") this.#tally.closes += 1;
    else this.#tally.kills += 1;
    if (!lines.some(({ is }) => is === "opened")) this.#tally.inOpening += 1;
  }

  async #look(seed: number): Promise<void> {
    const model = this.#model;
    const wrong =
      model instanceof LogModel
        ? await lookAtLog(this.#directory, model)
        : await lookAtDatabase(this.#directory, model, seed);
    if (wrong === "none" && !this.#opened) return;
    if (wrong !== undefined) throw new Error(wrong);
  }
}
