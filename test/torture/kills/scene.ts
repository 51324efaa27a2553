// Scenes: some work of a writer that is killed at each of its calls that change something on disk, one call later each
// time, and what must hold of what is left.

import { cpSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KillTally } from "./course.js";
import type { Job } from "./job.js";
import type { Kill } from "./killing-file-system.js";
import type { Line } from "./telling.js";
import { KillViolation, textOf } from "./violation.js";
import { WriterProcess } from "./writer-process.js";

export interface Scene {
  readonly name: string;
  /** Makes what each play begins with in a folder that is there; resolves with what its writers told. */
  prepare(folder: string): Promise<readonly Line[]>;
  /** What is killed. */
  job(folder: string): Job;
  /** Throws if something does not hold of what is left. `done` if the work had come to its end. */
  check(folder: string, told: readonly Line[], done: boolean): Promise<void>;
}

/** One play of a scene: at which call the process dies, and that call's name. */
export interface Play extends Kill {
  readonly step: string;
}

/** A scene, prepared. */
export class Stage {
  readonly scene: Scene;
  /** All plays of it that there are. */
  readonly plays: readonly Play[];
  readonly #folder: string;
  readonly #told: readonly Line[];

  private constructor(scene: Scene, folder: string, told: readonly Line[], plays: readonly Play[]) {
    this.scene = scene;
    this.#folder = folder;
    this.#told = told;
    this.plays = plays;
  }

  /** Prepares a scene, and plays it once without a kill, to know its calls. Throws a {@link KillViolation}. */
  static async set(scene: Scene): Promise<Stage> {
    const folder = temporaryFolder();
    try {
      const told = await scene.prepare(folder);
      const copy = copyOf(folder);
      const lines = await runToEnd({ ...scene.job(copy), tellsCalls: true });
      await scene.check(copy, [...told, ...lines], true);
      rmSync(copy, { recursive: true, force: true });
      return new Stage(scene, folder, told, playsOf(lines));
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw new KillViolation(textOf(error), { scene: scene.name, call: -1, when: "before" });
    }
  }

  /** Throws a {@link KillViolation}. */
  async play({ call, when, step }: Play, tally: KillTally): Promise<void> {
    const folder = copyOf(this.#folder);
    try {
      const writer = new WriterProcess({ ...this.scene.job(folder), kill: { call, when } });
      const { code, signal } = await writer.ended;
      const done = code === 0;
      if (writer.hung || (!done && signal !== "SIGKILL"))
        throw new Error(`the writer ended with ${code ?? signal}: ${textOfEnd(writer)}`);
      if (!done) tally.kills += 1;
      await this.scene.check(folder, [...this.#told, ...writer.lines], done);
    } catch (error) {
      const what = `${this.scene.name}, killed ${when} "${step}": ${textOf(error)}`;
      throw new KillViolation(what, { scene: this.scene.name, call, when });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  strike(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Each call: before it, after it, and within it if it writes. */
function playsOf(lines: readonly Line[]): Play[] {
  const steps = lines.flatMap((line) => (line.is === "call" ? [line.step] : []));
  return steps.flatMap((step, call) => {
    const whens = step.startsWith("write") ? WHENS : (["before", "after"] as const);
    return whens.map((when) => ({ call, when, step }));
  });
}

const WHENS = ["before", "half", "after"] as const;

/** Runs a writer that is not to be killed; resolves with what it told. */
export async function runToEnd(job: Job): Promise<readonly Line[]> {
  const writer = new WriterProcess(job);
  const { code } = await writer.ended;
  if (code !== 0) throw new Error(`the writer ended with ${code}: ${textOfEnd(writer)}`);
  return writer.lines;
}

/** Runs a writer that is killed in the last of its calls of this name; resolves with what it told. */
export async function runToKill(
  job: (folder: string) => Job,
  folder: string,
  step: string,
  when: Kill["when"],
): Promise<readonly Line[]> {
  const trial = copyOf(folder);
  const lines = await runToEnd({ ...job(trial), tellsCalls: true });
  rmSync(trial, { recursive: true, force: true });
  const steps = lines.flatMap((line) => (line.is === "call" ? [line.step] : []));
  const call = steps.lastIndexOf(step);
  if (call < 0) throw new Error(`there is no ${step} among ${steps.join(", ")}`);
  const writer = new WriterProcess({ ...job(folder), kill: { call, when } });
  await writer.ended;
  return writer.lines;
}

function textOfEnd({ lines, errors }: WriterProcess): string {
  return `${JSON.stringify(lines.at(-1))} ${errors}`;
}

function temporaryFolder(): string {
  return mkdtempSync(join(realpathSync(tmpdir()), "tidemark-scene-"));
}

function copyOf(folder: string): string {
  const copy = temporaryFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}
