// Writers that want the same directory at the same time: one holds the lock, is killed, and the next one has it at
// once. Never two at a time, and each finds all that was acknowledged to those before it.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "@tidemark/wal/testing";
import { type KillTally, optionsByChance } from "./course.js";
import { DatabaseModel } from "./database-model.js";
import { LogModel } from "./log-model.js";
import type { Line } from "./telling.js";
import { KillViolation, textOf } from "./violation.js";
import { WriterProcess } from "./writer-process.js";

export interface Relay {
  readonly relay: "log" | "database";
  readonly seed: number;
  /** Holders that are killed, one after the other. */
  readonly turns: number;
}

/** Writers that wait while one holds the lock. */
const WAITING = 4;

/** Plays a relay. Throws a {@link KillViolation}. */
export async function playRelay(relay: Relay, tally: KillTally): Promise<void> {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-kills-"));
  const run = new RelayRun(relay, join(directory, "it"), tally);
  try {
    await run.all();
  } catch (error) {
    throw new KillViolation(textOf(error), relay);
  } finally {
    await run.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

class RelayRun {
  readonly #relay: Relay;
  readonly #directory: string;
  readonly #tally: KillTally;
  readonly #random: Random;
  readonly #model: LogModel | DatabaseModel;
  readonly #options: ReturnType<typeof optionsByChance>;
  #lives = 0;
  #running: WriterProcess[] = [];
  /** Moment in µs at which the last holder was still there. */
  #heldUs = 0;

  constructor(relay: Relay, directory: string, tally: KillTally) {
    this.#relay = relay;
    this.#directory = directory;
    this.#tally = tally;
    this.#random = new Random(relay.seed);
    this.#options = optionsByChance(this.#random);
    this.#model =
      relay.relay === "log"
        ? new LogModel(this.#options.retentionBytes !== undefined)
        : new DatabaseModel();
  }

  async all(): Promise<void> {
    for (let turn = 0; turn < this.#relay.turns; turn++) {
      while (this.#running.length <= WAITING) this.#start();
      const holder = await this.#nextHolder();
      const lines = 1 + this.#random.below(200);
      await holder.until((told) => told.length > lines);
      await sleep(this.#random.below(4));
      if (this.#holders().length !== 1) throw new Error("two writers hold the lock");
      const { signal, code } = await holder.kill();
      if (signal !== "SIGKILL") throw new Error(`a writer ended with ${code}: ${holder.errors}`);
      this.#running = this.#running.filter((writer) => writer !== holder);
      this.#take(holder.lines, turn);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.map((writer) => writer.kill()));
  }

  #start(): void {
    const writer = new WriterProcess({
      kind: this.#relay.relay,
      directory: this.#directory,
      options: this.#options,
      life: this.#lives++,
      work: { seed: this.#random.next(), callsMax: Number.MAX_SAFE_INTEGER },
      waits: true,
    });
    this.#running.push(writer);
  }

  #holders(): WriterProcess[] {
    return this.#running.filter(({ lines }) => lines.some(({ is }) => is === "opened"));
  }

  async #nextHolder(): Promise<WriterProcess> {
    const held = (lines: readonly Line[]) => lines.some(({ is }) => is === "opened");
    await Promise.race(this.#running.map((writer) => writer.until(held)));
    const [holder] = this.#holders();
    if (holder !== undefined) return holder;
    const told = this.#running.flatMap(({ lines, errors }) => [JSON.stringify(lines), errors]);
    throw new Error(`a writer ended without the lock: ${told.join("\n")}`);
  }

  /** Takes in all that a holder told before it was killed. */
  #take(lines: readonly Line[], turn: number): void {
    for (const line of lines) {
      if (line.is === "wrong") throw new Error(`a writer says: ${line.text}`);
      if (line.is === "opened") this.#opened(line, turn);
      if (line.is === "done") this.#heldUs = line.atUs;
      const wrong = this.#model.take(line);
      if (wrong !== undefined) throw new Error(`turn ${turn}: ${wrong}`);
    }
    this.#tally.kills += 1;
    this.#tally.issued += lines.filter(({ is }) => is === "issued").length;
    this.#tally.acknowledged += lines.filter(({ is }) => is === "done").length;
  }

  #opened({ atUs, takenOver }: Line & { is: "opened" }, turn: number): void {
    if (atUs <= this.#heldUs)
      throw new Error(`a writer opened at ${atUs} µs, the one before wrote at ${this.#heldUs}`);
    if (takenOver !== turn > 0)
      throw new Error(`turn ${turn}: the lock was ${takenOver ? "" : "not "}taken over`);
    this.#heldUs = atUs;
  }
}
