// A committer's side of its thread: starts it, hands it one request at a time, and turns its answers,
// and its death, into the outcome of the commit.
// Invariant: the thread keeps the program running only while a commit is under way.

import { Worker } from "node:worker_threads";
import { assert } from "../errors.js";
import { FileSystemError } from "../file-system.js";
import type { FromThread, ThreadMemory } from "./commit-words.js";
import { CONTROL_BYTES, Phase, POSITION, Word } from "./commit-words.js";
import type { NodeFile } from "./node-file.js";
import { threadsShareFiles } from "./runtime.js";

// What is larger goes in several requests. Copying here costs less than encoding into shared memory
// does, and memory that is shared and dropped would be freed only once both threads have collected it.
const STAGING_BYTES = 1024 * 1024;

// It keeps nothing: with the limits of a main thread its heap would grow before it is ever collected.
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 };

interface RequestUnderWay {
  readonly path: string;
  resolve(): void;
  reject(error: FileSystemError): void;
}

export class CommitLink {
  readonly #memory: ThreadMemory = {
    control: new SharedArrayBuffer(CONTROL_BYTES),
    staging: new SharedArrayBuffer(STAGING_BYTES),
  };
  readonly #words = new Int32Array(this.#memory.control);
  readonly #floats = new Float64Array(this.#memory.control);
  readonly #staging = new Uint8Array(this.#memory.staging);
  readonly #worker: Worker | undefined;
  #ready = false;
  #underWay: RequestUnderWay | undefined;

  constructor() {
    this.#worker = this.#start();
  }

  /** Whether it takes commits: not before it has started, and not after it has died. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Lends `file` to the thread until the commit settles. */
  async commit(
    file: NodeFile,
    bytes: Uint8Array,
    position: number,
    durable: boolean,
  ): Promise<void> {
    const fd = file.lend("write");
    this.#worker?.ref();
    try {
      let written = 0;
      do {
        const part = bytes.subarray(written, written + STAGING_BYTES);
        const last = written + part.length === bytes.length;
        this.#ask(fd, part, position + written, durable && last);
        await this.#answer(file.path);
        written += part.length;
      } while (written < bytes.length);
    } finally {
      this.#worker?.unref();
      file.giveBack();
    }
  }

  /** Ends the thread, which must not have a commit under way. */
  async end(): Promise<void> {
    assert(this.#underWay === undefined, "the commit thread is ended during a commit");
    this.#ready = false;
    await this.#worker?.terminate();
  }

  #ask(fd: number, bytes: Uint8Array, position: number, durable: boolean): void {
    assert(this.#underWay === undefined, "the commit thread is asked for two things at once");
    const words = this.#words;
    this.#staging.set(bytes);
    words[Word.fd] = fd;
    words[Word.length] = bytes.length;
    words[Word.durable] = durable ? 1 : 0;
    words[Word.phase] = Phase.writing;
    this.#floats[POSITION] = position;
    // An atomic operation: whoever sees the new count sees everything above.
    Atomics.add(words, Word.request, 1);
    Atomics.notify(words, Word.request);
  }

  #answer(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#underWay = { path, resolve, reject };
      // It died between two requests of one commit.
      if (!this.#ready) this.#fail("EIO");
    });
  }

  // A thread that cannot start (permissions, limits, a bundle without the file) is done without.
  #start(): Worker | undefined {
    if (!threadsShareFiles) return undefined;
    let worker: Worker;
    try {
      worker = new Worker(new URL("./commit-thread.js", import.meta.url), {
        name: "tidemark-commit",
        workerData: this.#memory,
        // Nothing that the program was started with (hooks, preloaded modules) belongs in this thread.
        execArgv: [],
        env: {},
        resourceLimits: RESOURCE_LIMITS,
      });
    } catch {
      return undefined;
    }
    worker.on("message", (message: FromThread) => this.#receive(message));
    worker.on("error", () => {
      this.#ready = false;
    });
    // Comes after the error, if there is one, and after the last answer: the descriptor is out of use.
    worker.on("exit", () => {
      this.#ready = false;
      if (this.#underWay !== undefined) this.#fail("EIO");
    });
    worker.unref();
    return worker;
  }

  #receive(message: FromThread): void {
    if (message.kind === "ready") this.#ready = true;
    else if (message.kind === "failed") this.#fail(message.code);
    else this.#settled().resolve();
  }

  #fail(code: string): void {
    const call = this.#words[Word.phase] === Phase.syncing ? "datasync" : "write";
    const { path, reject } = this.#settled();
    reject(new FileSystemError(call, path, code));
  }

  #settled(): RequestUnderWay {
    const underWay = this.#underWay;
    assert(underWay !== undefined, "the commit thread answers what nobody asked");
    this.#underWay = undefined;
    return underWay;
  }
}
