// Commits on the thread and in the pool: the same bytes, the same errors, and no commit that never settles.

import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, read, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Committer, File } from "../../dist/file-system.js";
import { NodeFile } from "../../dist/node/node-file.js";
import { nodeFileSystem } from "../../dist/node/node-file-system.js";
import { smallDisk, temporaryDirectory } from "./temporary.js";

const run = promisify(execFile);
const MODULE = new URL("../../dist/node/node-file-system.js", import.meta.url).href;

// Node tells of each worker when it is made: how a test gets hold of the committer's thread.
let threads: Worker[] = [];
const collect = (worker: Worker) => threads.push(worker);
beforeEach(() => {
  threads = [];
  process.on("worker", collect);
});
afterEach(() => {
  process.off("worker", collect);
});

interface Bench {
  readonly committer: Committer;
  readonly file: File;
}

async function bench(directory = temporaryDirectory()): Promise<Bench> {
  const file = await nodeFileSystem.create(join(directory, "file"));
  const committer = nodeFileSystem.openCommitter();
  onTestFinished(() => committer.close());
  return { committer, file };
}

/** Commits until the committer has its thread and commits there. */
async function benchWithThread(directory?: string): Promise<Bench & { thread: Worker }> {
  const { committer, file } = await bench(directory);
  while (threads.length === 0) await committer.commit(file, new Uint8Array(1), 0, true);
  const [thread] = threads;
  if (thread === undefined) throw new Error("no thread");
  // Its first message says that it takes commits.
  await once(thread, "message");
  return { committer, file, thread };
}

/** The two places where a commit is made. */
const PLACES: { place: string; open: (directory?: string) => Promise<Bench> }[] = [
  { place: "in the pool", open: bench },
  { place: "on the thread", open: benchWithThread },
];

function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + seed) % 251;
  return bytes;
}

for (const { place, open } of PLACES) {
  describe(`a commit ${place}`, () => {
    test("writes all of its bytes at its position, durable or not, of any length", async () => {
      const { committer, file } = await open();
      const lengths = [1, 512, 4096, 100_000, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20 + 17];
      let position = 1;
      for (const [index, length] of lengths.entries()) {
        const bytes = pattern(length + 20, length).subarray(7, 7 + length);
        await committer.commit(file, bytes, position, index % 2 === 0);
        expect(Buffer.compare(readFileSync(file.path).subarray(position), bytes)).toBe(0);
        position += length;
      }
      await file.close();
    });

    test("takes bytes that it has allocated, which are zeros", async () => {
      const { committer, file } = await open();
      const bytes = new Uint8Array(10_000);
      expect(bytes).toEqual(new Uint8Array(10_000));
      bytes.set(pattern(10_000, 3));
      await committer.commit(file, bytes, 0, true);
      expect(Buffer.compare(readFileSync(file.path), bytes)).toBe(0);
      await file.close();
    });

    test("of nothing syncs what was written otherwise", async () => {
      const { committer, file } = await open();
      file.writeSync(pattern(10, 1), 0);
      await committer.commit(file, new Uint8Array(0), 10, true);
      expect(file.sizeSync()).toBe(10);
      await file.close();
    });

    test("to a closed file is refused, and the committer goes on", async () => {
      const { committer, file } = await open();
      const other = await nodeFileSystem.create(`${file.path}2`);
      await file.close();
      await expect(committer.commit(file, pattern(9, 1), 0, true)).rejects.toMatchObject({
        name: "FileSystemError",
        call: "write",
        code: "EBADF",
        path: file.path,
      });
      await committer.commit(other, pattern(9, 1), 0, true);
      expect(other.sizeSync()).toBe(9);
      await other.close();
    });

    test("to a descriptor that is none says which call failed", async () => {
      const { committer } = await open();
      const broken = new NodeFile("/nowhere", 999_999);
      await expect(committer.commit(broken, pattern(9, 1), 0, true)).rejects.toMatchObject({
        call: "write",
        code: "EBADF",
      });
      await expect(committer.commit(broken, new Uint8Array(0), 0, true)).rejects.toMatchObject({
        call: "datasync",
        code: "EBADF",
      });
    });

    test("on a full disk fails with ENOSPC, and works when there is space again", async (context) => {
      const disk = smallDisk(64 * 1024);
      if (disk === undefined) return context.skip("no small file system can be mounted here");
      const { committer, file } = await open(disk);
      await expect(committer.commit(file, pattern(100_000, 1), 0, true)).rejects.toMatchObject({
        call: "write",
        code: "ENOSPC",
        path: file.path,
      });
      await file.truncate(0);
      await committer.commit(file, pattern(1000, 2), 0, true);
      expect(Buffer.compare(readFileSync(file.path), pattern(1000, 2))).toBe(0);
      await file.close();
    });

    test("must not overlap another", async () => {
      const { committer, file } = await open();
      const first = committer.commit(file, pattern(100, 1), 0, true);
      await expect(committer.commit(file, pattern(100, 2), 100, true)).rejects.toThrow("overlap");
      await first;
      expect(file.sizeSync()).toBe(100);
      await file.close();
    });

    test("is waited for when its committer is closed", async () => {
      const { committer, file } = await open();
      const order: string[] = [];
      await Promise.all([
        committer.commit(file, pattern(2 ** 20, 5), 0, true).then(() => order.push("committed")),
        committer.close().then(() => order.push("closed")),
      ]);
      expect(order).toEqual(["committed", "closed"]);
      await expect(committer.commit(file, pattern(1, 1), 0, true)).rejects.toMatchObject({
        code: "EBADF",
      });
      expect(file.sizeSync()).toBe(2 ** 20);
      await file.close();
    });

    test("whose file is closed meanwhile is whole or rejected, and harms no other file", async () => {
      const { committer, file } = await open();
      const settled = committer.commit(file, pattern(3 * 2 ** 20, 5), 0, true).then(
        () => "committed",
        (error: { code: string }) => error.code,
      );
      await file.close();
      const next = await nodeFileSystem.create(`${file.path}2`);
      if ((await settled) !== "EBADF") {
        expect(await settled).toBe("committed");
        expect(nodeFileSystem.sizeSync(file.path)).toBe(3 * 2 ** 20);
      }
      expect(next.sizeSync()).toBe(0);
      await next.close();
    });
  });
}

test("a commit on the thread settles while every thread of the libuv pool is held up", async () => {
  const { committer, file } = await benchWithThread();
  const letGo = holdUpPool();
  for (let index = 0; index < 5; index += 1) {
    await committer.commit(file, pattern(128, index), index * 128, true);
  }
  expect(file.sizeSync()).toBe(5 * 128);
  await letGo();
  await file.close();
});

/** Holds up every thread of the libuv pool, until what it returns is called. */
function holdUpPool(): () => Promise<void> {
  const pipe = join(temporaryDirectory(), "pipe");
  execFileSync("mkfifo", [pipe]);
  // Reads of an empty pipe wait until something is written to it.
  const fd = openSync(pipe, constants.O_RDWR);
  const held = Array.from({ length: 4 }, () => readByte(fd));
  return async () => {
    writeSync(fd, "1234");
    await Promise.all(held);
    closeSync(fd);
  };
}

function readByte(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    read(fd, Buffer.alloc(1), 0, 1, null, (error) => (error ? reject(error) : resolve()));
  });
}

describe("fault 42: a file that writes one byte at a time", () => {
  test("gets all bytes of a commit", async () => {
    const { committer, file } = await bench();
    const grudging: File = Object.create(file, {
      write: { value: (bytes: Uint8Array, at: number) => file.write(bytes.subarray(0, 1), at) },
      datasync: { value: () => file.datasync() },
    });
    Object.setPrototypeOf(grudging, Object.prototype);
    await committer.commit(grudging, pattern(50, 1), 0, true);
    expect(Buffer.compare(readFileSync(file.path), pattern(50, 1))).toBe(0);
    await file.close();
  });
});

describe("the thread", () => {
  test("is not started for a handful of commits, nor for any that is not durable", async () => {
    const { committer, file } = await bench();
    const startMs = performance.now();
    for (let index = 0; index < 5; index += 1)
      await committer.commit(file, pattern(10, 1), 0, true);
    const quick = performance.now() - startMs < 50;
    for (let index = 0; index < 95; index += 1) {
      await committer.commit(file, pattern(10, 1), 0, false);
    }
    expect(threads.length).toBeLessThanOrEqual(quick ? 0 : 1);
    await file.close();
  });

  test("is started after one commit that a busy pool has held up", async () => {
    const { committer, file } = await bench();
    const letGo = holdUpPool();
    const held = committer.commit(file, pattern(10, 1), 0, true);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await letGo();
    await held;
    expect(threads).toEqual([]);
    await committer.commit(file, pattern(10, 1), 0, true);
    expect(threads).toHaveLength(1);
    await file.close();
  });

  test("has ended when its committer is closed, however early", async () => {
    const { committer, file } = await bench();
    while (threads.length === 0) await committer.commit(file, new Uint8Array(1), 0, true);
    await committer.close();
    expect(threads[0]?.threadId).toBe(-1);
    await committer.close();
    await file.close();
  });

  test("that dies in the middle of a commit rejects it, and the next goes through the pool", async () => {
    const { committer, file, thread } = await benchWithThread();
    const settled = committer.commit(file, pattern(64 * 2 ** 20, 1), 0, true);
    const ended = thread.terminate();
    await expect(settled).rejects.toMatchObject({
      name: "FileSystemError",
      code: "EIO",
      call: expect.stringMatching(/^(write|datasync)$/),
    });
    await ended;
    await committer.commit(file, pattern(10, 2), 0, true);
    expect(Buffer.compare(readFileSync(file.path).subarray(0, 10), pattern(10, 2))).toBe(0);
    await file.close();
  });

  test("that dies while it syncs says so, since nobody knows what is on the disk", async () => {
    const calls = new Set<string>();
    // It may have answered before it died, or not have begun to sync: then it is tried again.
    for (let attempt = 0; !calls.has("datasync") && attempt < 50; attempt += 1) {
      threads = [];
      const { committer, file, thread } = await benchWithThread();
      const settled = committer
        .commit(file, pattern(2 ** 20, attempt), 0, true)
        .catch((error: { call: string }) => calls.add(error.call));
      // The write of one block is done long before its sync is.
      while (file.sizeSync() < 2 ** 20);
      await Promise.all([thread.terminate(), settled]);
      await file.close();
    }
    expect(calls).toContain("datasync");
  });

  test("is neither waited for nor in the way when the program ends", async () => {
    const path = join(temporaryDirectory(), "file");
    const { stdout, stderr } = await run(process.execPath, [
      ...["--input-type=module", "--stack-size=900", "--eval"],
      `import { nodeFileSystem } from ${JSON.stringify(MODULE)};
       const file = await nodeFileSystem.create(${JSON.stringify(path)});
       const committer = nodeFileSystem.openCommitter();
       let ready = 0;
       process.on("worker", (thread) => thread.once("message", () => { ready += 1; }));
       while (ready === 0) await committer.commit(file, new Uint8Array(10), 0, true);
       for (let i = 0; i < 20; i += 1) await committer.commit(file, new Uint8Array(10), i * 10, true);
       console.log(ready, file.sizeSync());`,
    ]);
    expect({ stdout, stderr }).toEqual({ stdout: "1 200\n", stderr: "" });
  });

  test("keeps the program running while a commit is under way", async () => {
    const path = join(temporaryDirectory(), "file");
    const { stdout } = await run(process.execPath, [
      ...["--input-type=module", "--eval"],
      `import { nodeFileSystem } from ${JSON.stringify(MODULE)};
       import { once } from "node:events";
       const file = await nodeFileSystem.create(${JSON.stringify(path)});
       const committer = nodeFileSystem.openCommitter();
       const threads = [];
       process.on("worker", (thread) => threads.push(thread));
       while (threads.length === 0) await committer.commit(file, new Uint8Array(10), 0, true);
       threads[0].ref();
       await once(threads[0], "message");
       threads[0].unref();
       committer.commit(file, new Uint8Array(20_000_000), 0, true).then(() => console.log("committed"));`,
    ]);
    expect(stdout).toBe("committed\n");
  });

  test("runs nothing that the program was told to run first", async () => {
    const directory = temporaryDirectory();
    const hook = `data:text/javascript,import { threadId } from "node:worker_threads"; console.log("thread", threadId);`;
    const { stdout } = await run(
      process.execPath,
      [
        ...["--import", hook, "--input-type=module", "--eval"],
        `import { nodeFileSystem } from ${JSON.stringify(MODULE)};
         const file = await nodeFileSystem.create(${JSON.stringify(join(directory, "file"))});
         const committer = nodeFileSystem.openCommitter();
         let ready = false;
         process.on("worker", (thread) => thread.once("message", () => { ready = true; }));
         while (!ready) await committer.commit(file, new Uint8Array(10), 0, true);
         await committer.close();`,
      ],
      { env: { ...process.env, NODE_OPTIONS: `--import ${JSON.stringify(hook)}` } },
    );
    expect(new Set(stdout.trim().split("\n"))).toEqual(new Set(["thread 0"]));
  });

  test("works for a committer in a worker thread", async () => {
    const path = join(temporaryDirectory(), "file");
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       import(workerData.module).then(async ({ nodeFileSystem }) => {
         const file = await nodeFileSystem.create(workerData.path);
         const committer = nodeFileSystem.openCommitter();
         let ready = 0;
         process.on("worker", (thread) => thread.once("message", () => { ready += 1; }));
         while (ready === 0) await committer.commit(file, new Uint8Array(10), 0, true);
         for (let i = 0; i < 20; i += 1) await committer.commit(file, new Uint8Array(10), i * 10, true);
         await committer.close();
         parentPort.postMessage({ ready, size: file.sizeSync() });
       });`,
      { eval: true, workerData: { module: MODULE, path } },
    );
    const [[message]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
    expect(message).toEqual({ ready: 1, size: 200 });
  });
});
