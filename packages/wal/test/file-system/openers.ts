// Other processes and threads that open a log's lock: the verbs of the tests.

import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Interface } from "node:readline";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { onTestFinished } from "vitest";

/** Whether the opener has a kernel lock to ask for. */
export type Way = "kernel" | "text";

const SCRIPT = new URL("opener.mjs", import.meta.url);

/** A process that takes the lock when told to, and keeps it until it is killed or told to release. */
export class OpenerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(directory: string, way: Way) {
    this.#child = spawn(process.execPath, [fileURLToPath(SCRIPT), directory, way], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines: Interface = createInterface(this.#child.stdout);
    this.#lines = lines[Symbol.asyncIterator]();
    onTestFinished(() => this.kill());
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("the process did not start");
    return pid;
  }

  async ready(): Promise<this> {
    await this.#expect("ready");
    return this;
  }

  /** Resolves with "held", or the code and message of the refusal. */
  async acquire(): Promise<string> {
    this.#child.stdin.write("acquire\n");
    return this.#line();
  }

  async release(): Promise<void> {
    this.#child.stdin.write("release\n");
    await this.#expect("released");
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async #expect(line: string): Promise<void> {
    const actual = await this.#line();
    if (actual !== line) throw new Error(`the opener said ${actual} instead of ${line}`);
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the opener ended");
    return value;
  }
}

/** Starts a process that holds the lock. */
export async function holderProcess(directory: string, way: Way): Promise<OpenerProcess> {
  const opener = await new OpenerProcess(directory, way).ready();
  const outcome = await opener.acquire();
  if (outcome !== "held") throw new Error(outcome);
  return opener;
}

/** A worker thread of this process tries to take the lock; resolves with "held" or the refusal. */
export async function acquireInWorker(directory: string, way: Way): Promise<string> {
  const worker = new Worker(SCRIPT, { argv: [directory, way, "at-once"], stdout: true });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const lines = createInterface(worker.stdout)[Symbol.asyncIterator]();
  const { value } = await lines.next();
  return value ?? "ended";
}
