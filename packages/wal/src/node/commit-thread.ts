// The thread of one committer: sleeps until a commit is asked for, writes, datasyncs, answers. It never
// returns to its event loop, and ends by being terminated. What is exchanged: commit-words.ts.

import { fdatasyncSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { FromThread, ThreadMemory } from "./commit-words.js";
import { Phase, POSITION, Word } from "./commit-words.js";
import { errorCode } from "./system-call.js";

function serve(memory: ThreadMemory, answer: (message: FromThread) => void): never {
  const words = new Int32Array(memory.control);
  let served = Atomics.load(words, Word.request);
  answer({ kind: "ready" });
  for (;;) {
    Atomics.wait(words, Word.request, served);
    served = Atomics.load(words, Word.request);
    answer(perform(words, memory));
  }
}

function perform(words: Int32Array, { control, staging }: ThreadMemory): FromThread {
  const fd = words[Word.fd] ?? -1;
  const position = new Float64Array(control)[POSITION] ?? -1;
  try {
    writeAll(fd, new Uint8Array(staging, 0, words[Word.length]), position);
    if (words[Word.durable] === 1) {
      Atomics.store(words, Word.phase, Phase.syncing);
      fdatasyncSync(fd);
    }
    return { kind: "done" };
  } catch (cause) {
    return { kind: "failed", code: errorCode(cause) ?? "EIO" };
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const count = writeSync(fd, bytes, written, bytes.length - written, position + written);
    // Nothing written and no error: the same would come again for ever.
    if (count === 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
    written += count;
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const memory: ThreadMemory = workerData;
  serve(memory, (message) => port.postMessage(message));
}
