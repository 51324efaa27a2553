// A writer process from the outside: what it has told, and its end.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Job } from "./job.js";
import type { Line } from "./telling.js";

/** As built: tests run from their sources. */
const BUILT = import.meta.url.endsWith(".ts")
  ? "../dist/test/torture/kills/writer.js"
  : "writer.js";
const SCRIPT = fileURLToPath(new URL(BUILT, import.meta.url));

/** A writer that tells nothing for so long, and does not end, hangs. */
const SILENCE_MS_MAX = 120_000;

const alive = new Set<WriterProcess>();

/** Kills every writer that is still there. */
export async function killAll(): Promise<void> {
  await Promise.all([...alive].map((writer) => writer.kill()));
}

export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

export class WriterProcess {
  /** What it has told so far. */
  readonly lines: Line[] = [];
  /** Resolves once it is gone, and all that it had told is here; not where a signal that goes to all has ended it. */
  readonly ended: Promise<Ending>;
  /** The end of what it wrote to its standard error. */
  errors = "";
  wasKilled = false;
  hung = false;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #rest = "";
  #onLine: () => void = () => undefined;

  constructor(job: Job) {
    const child = spawn(process.execPath, [SCRIPT, JSON.stringify(job)], { stdio: "pipe" });
    this.#child = child;
    alive.add(this);
    const silence = setTimeout(() => {
      this.hung = true;
      child.kill("SIGKILL");
    }, SILENCE_MS_MAX);
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      silence.refresh();
      this.#take(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        clearTimeout(silence);
        alive.delete(this);
        // Ctrl-C, before it has said that it does not mind: who ends the others ends what waits for this one too.
        if (!this.wasKilled && (signal === "SIGINT" || signal === "SIGTERM")) return;
        resolve({ code, signal });
        this.#onLine();
      });
    });
  }

  // What was told in part was not told: the call behind it was not made.
  #take(text: string): void {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) {
      const line: Line = JSON.parse(part);
      this.lines.push(line);
    }
    this.#onLine();
  }

  /** Resolves once this is so of what it has told, or it is gone. */
  async until(condition: (lines: readonly Line[]) => boolean): Promise<void> {
    const told = new Promise<void>((resolve) => {
      this.#onLine = () => {
        if (condition(this.lines)) resolve();
      };
      this.#onLine();
    });
    await Promise.race([told, this.ended]);
  }

  /** SIGKILL; resolves once it is gone. */
  kill(): Promise<Ending> {
    this.wasKilled = true;
    this.#child.kill("SIGKILL");
    return this.ended;
  }
}
