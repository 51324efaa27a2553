// A committer's side of its thread: starts it, hands it one request at a time, and turns its answers,
// and its death, into the outcome of the commit.
// Invariant: the thread keeps the program running only while a commit is under way.

import { Worker } from "node:worker_threads";
import { assert } from "../errors.js";
import { FileSystemError } from "../file-system.js";
import type { FromThread, ToThread } from "./commit-words.js";
import { CONTROL_BYTES, Phase, POSITION, Word } from "./commit-words.js";
import type { NodeFile } from "./node-file.js";

// It holds no objects worth speaking of: the default limits would let its heap grow before it is collected.
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 };

/** What to write where. `start` and `length` are bytes in `buffer`. */
interface CommitRequest {
  readonly buffer: SharedArrayBuffer;
  readonly start: number;
  readonly length: number;
  readonly position: number;
  readonly durable: boolean;
}

interface CommitUnderWay {
  readonly file: NodeFile;
  readonly durable: boolean;
  resolve(): void;
  reject(error: FileSystemError): void;
}

export class CommitThread {
  readonly #control = new SharedArrayBuffer(CONTROL_BYTES);
  readonly #words = new Int32Array(this.#control);
  readonly #floats = new Float64Array(this.#control);
  readonly #worker: Worker | undefined;
  readonly #bufferIds = new Map<SharedArrayBuffer, number>();
  #ready = false;
  #underWay: CommitUnderWay | undefined;

  constructor() {
    this.#worker = this.#start();
  }

  /** Whether it takes commits: not before it has started, and not after it has died. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Lends `file` to the thread until the commit settles. */
  commit(file: NodeFile, request: CommitRequest): Promise<void> {
    assert(this.#ready && this.#underWay === undefined, "the commit thread is not free");
    return new Promise((resolve, reject) => {
      const fd = file.lend("write");
      this.#underWay = { file, durable: request.durable, resolve, reject };
      this.#worker?.ref();
      this.#ask(fd, request);
    });
  }

  /** Ends the thread, which must not have a commit under way. */
  async end(): Promise<void> {
    assert(this.#underWay === undefined, "the commit thread is ended during a commit");
    this.#ready = false;
    await this.#worker?.terminate();
  }

  #ask(fd: number, { buffer, start, length, position, durable }: CommitRequest): void {
    const words = this.#words;
    words[Word.fd] = fd;
    words[Word.buffer] = this.#bufferId(buffer);
    words[Word.start] = start;
    words[Word.length] = length;
    words[Word.durable] = durable ? 1 : 0;
    this.#floats[POSITION] = position;
    // The store orders everything above before it for the thread.
    Atomics.store(words, Word.phase, Phase.writing);
    Atomics.add(words, Word.request, 1);
    Atomics.notify(words, Word.request);
  }

  // The thread learns of a buffer at its first commit and keeps it.
  #bufferId(buffer: SharedArrayBuffer): number {
    const known = this.#bufferIds.get(buffer);
    if (known !== undefined) return known;
    const id = this.#bufferIds.size;
    this.#bufferIds.set(buffer, id);
    const message: ToThread = { id, buffer };
    this.#worker?.postMessage(message);
    return id;
  }

  // A thread that cannot start (permissions, limits, a bundle without the file) is done without.
  #start(): Worker | undefined {
    let worker: Worker;
    try {
      worker = new Worker(new URL("./commit-thread.js", import.meta.url), {
        name: "tidemark-commit",
        workerData: this.#control,
        // Nothing that the program was started with (hooks, preloaded modules) belongs in this thread.
        execArgv: [],
        env: {},
        resourceLimits: RESOURCE_LIMITS,
        trackUnmanagedFds: false,
      });
    } catch {
      return undefined;
    }
    worker.on("message", (message: FromThread) => this.#receive(message));
    // An error ends the thread; what follows from that follows from the end.
    worker.on("error", () => this.#stop());
    worker.on("exit", () => this.#die());
    worker.unref();
    return worker;
  }

  #receive(message: FromThread): void {
    if (message.kind === "ready") this.#ready = true;
    else if (message.kind === "done") this.#settle(undefined);
    else this.#settle(message);
  }

  #stop(): void {
    this.#ready = false;
  }

  #die(): void {
    this.#stop();
    if (this.#underWay === undefined) return;
    const syncing = Atomics.load(this.#words, Word.phase) !== Phase.writing;
    this.#settle({ code: "EIO", syncing });
  }

  #settle(failed: { readonly code: string; readonly syncing: boolean } | undefined): void {
    const underWay = this.#underWay;
    assert(underWay !== undefined, "the commit thread answers what nobody asked");
    this.#underWay = undefined;
    this.#worker?.unref();
    underWay.file.giveBack();
    if (failed === undefined) underWay.resolve();
    else underWay.reject(commitError(underWay, failed));
  }
}

function commitError(
  { file, durable }: CommitUnderWay,
  { code, syncing }: { readonly code: string; readonly syncing: boolean },
): FileSystemError {
  return new FileSystemError(syncing && durable ? "datasync" : "write", file.path, code);
}
