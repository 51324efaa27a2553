// The thread of one committer: sleeps until a commit is asked for, writes, datasyncs, answers. It never
// returns to its event loop, and ends by being terminated. What is exchanged: commit-words.ts.

import { fdatasyncSync, writeSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { FromThread, ToThread } from "./commit-words.js";
import { Phase, POSITION, Word } from "./commit-words.js";
import { errorCode } from "./system-call.js";

const WRITE_BYTES_MAX = 1 << 30;

function serve(control: SharedArrayBuffer, answer: (message: FromThread) => void): never {
  const words = new Int32Array(control);
  const floats = new Float64Array(control);
  const buffers = new Map<number, Uint8Array>();
  let served = 0;
  answer({ kind: "ready" });
  for (;;) {
    Atomics.wait(words, Word.request, served);
    served = Atomics.load(words, Word.request);
    receiveBuffers(buffers);
    const durable = words[Word.durable] === 1;
    try {
      const bytes = requested(words, buffers);
      const fd = words[Word.fd] ?? -1;
      Atomics.store(words, Word.phase, Phase.writing);
      writeAll(fd, bytes, floats[POSITION] ?? -1);
      Atomics.store(words, Word.phase, Phase.syncing);
      if (durable) fdatasyncSync(fd);
      Atomics.store(words, Word.phase, Phase.idle);
      answer({ kind: "done" });
    } catch (cause) {
      const syncing = Atomics.load(words, Word.phase) === Phase.syncing;
      answer({ kind: "failed", code: errorCode(cause) ?? "EIO", syncing });
    }
  }
}

function receiveBuffers(buffers: Map<number, Uint8Array>): void {
  if (parentPort === null) return;
  for (;;) {
    const received: { message: ToThread } | undefined = receiveMessageOnPort(parentPort);
    if (received === undefined) return;
    const { id, buffer } = received.message;
    buffers.set(id, new Uint8Array(buffer));
  }
}

function requested(words: Int32Array, buffers: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const buffer = buffers.get(words[Word.buffer] ?? -1);
  const start = words[Word.start] ?? 0;
  const length = words[Word.length] ?? 0;
  if (buffer === undefined || start + length > buffer.length) {
    throw new Error(
      "broken invariant in @tidemark/wal: a commit names a buffer unknown to its thread",
    );
  }
  return buffer.subarray(start, start + length);
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const length = Math.min(bytes.length - written, WRITE_BYTES_MAX);
    const count = writeSync(fd, bytes, written, length, position + written);
    if (count <= 0) throw Object.assign(new Error("nothing written"), { code: "EIO" });
    written += count;
  }
}

if (parentPort !== null && workerData instanceof SharedArrayBuffer) {
  const port = parentPort;
  serve(workerData, (message) => port.postMessage(message));
}
