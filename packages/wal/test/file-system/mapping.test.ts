// Whole files as bytes, in both ways, and what follows where an addon cannot be had.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import type { Mapping } from "../../dist/file-system.js";
import { nodeFileSystem } from "../../dist/node/node-file-system.js";
import { temporaryDirectory } from "./temporary.js";

const run = promisify(execFile);
const MODULE = new URL("../../dist/node/node-file-system.js", import.meta.url).href;
const SWITCH = "TIDEMARK_NO_MMAP";
const switchBefore = process.env[SWITCH];

afterEach(() => {
  if (switchBefore === undefined) delete process.env[SWITCH];
  else process.env[SWITCH] = switchBefore;
});

function newFile(content: Uint8Array): string {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, content);
  return path;
}

/** Maps and closes: what was mapped outlives its file. */
function map(path: string): Mapping {
  const file = nodeFileSystem.openSync(path);
  const mapping = file.map();
  file.closeSync();
  return mapping;
}

function mapByReading(path: string): Mapping {
  process.env[SWITCH] = "1";
  return map(path);
}

function mapByMapping(path: string): Mapping {
  delete process.env[SWITCH];
  return map(path);
}

const content = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 253);

describe("a whole file", () => {
  test("is mapped where mmap-io loads", (context) => {
    const mapping = mapByMapping(newFile(content));
    if (mapping.way === "read" && process.env["TIDEMARK_REQUIRE_MMAP"] === undefined) {
      context.skip("mmap-io could not be compiled or loaded here");
    }
    expect(mapping.way).toBe("mapped");
    expect(Buffer.compare(mapping.bytes, content)).toBe(0);
  });

  test("is read when TIDEMARK_NO_MMAP=1", () => {
    const mapping = mapByReading(newFile(content));
    expect(mapping.way).toBe("read");
    expect(Buffer.compare(mapping.bytes, content)).toBe(0);
  });

  test("stays readable after it is unlinked, in either way", () => {
    for (const way of [mapByMapping, mapByReading]) {
      const path = newFile(content);
      const { bytes } = way(path);
      unlinkSync(path);
      expect(Buffer.compare(bytes, content)).toBe(0);
    }
  });

  test("that is empty is no bytes", () => {
    for (const way of [mapByMapping, mapByReading]) {
      expect(way(newFile(new Uint8Array(0)))).toEqual({ bytes: new Uint8Array(0), way: "read" });
    }
  });

  test("may be of any length", () => {
    for (const length of [1, 4095, 4096, 4097]) {
      const part = content.subarray(0, length);
      for (const way of [mapByMapping, mapByReading]) {
        expect(Buffer.compare(way(newFile(part)).bytes, part)).toBe(0);
      }
    }
  });

  test("that has shrunk since is as long as what is there", () => {
    process.env[SWITCH] = "1";
    const path = newFile(content);
    const file = nodeFileSystem.openSync(path);
    truncateSync(path, 1000);
    expect(file.map().bytes).toHaveLength(1000);
    file.closeSync();
  });

  test("is read in a worker thread, where mmap-io may not be loaded twice", async () => {
    const path = newFile(content);
    mapByMapping(path);
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       import(workerData.module).then(({ nodeFileSystem }) => {
         const { way, bytes } = nodeFileSystem.openSync(workerData.path).map();
         parentPort.postMessage({ way, length: bytes.length });
       });`,
      { eval: true, workerData: { module: MODULE, path } },
    );
    const [[message]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
    expect(message).toEqual({ way: "read", length: content.length });
  });
});

describe("without addons", () => {
  test("everything imports and works: no kernel lock, files read, nothing printed", async () => {
    const path = newFile(content);
    const { stdout, stderr } = await run(process.execPath, [
      ...["--input-type=module", "--eval"],
      `import Module from "node:module";
       const load = Module._load;
       Module._load = function (name, ...rest) {
         if (name === "mmap-io" || name === "fs-native-extensions") throw new Error("not here");
         return load.call(this, name, ...rest);
       };
       const { nodeFileSystem } = await import(${JSON.stringify(MODULE)});
       const file = await nodeFileSystem.open(${JSON.stringify(path)}, "write");
       const { way, bytes } = file.map();
       console.log(file.tryLock(), way, bytes.length);`,
    ]);
    expect({ stdout, stderr }).toEqual({ stdout: "unsupported read 300000\n", stderr: "" });
  });
});
