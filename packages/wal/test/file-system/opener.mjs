// Takes and releases a log's lock as its standard input says, one answer per line. Arguments: directory,
// "kernel" or "text", and "at-once" to take it without being told.

import { createInterface } from "node:readline";
import { acquireLock } from "../../dist/lock.js";
import { nodeFileSystem } from "../../dist/node/node-file-system.js";
import { withoutKernelLock } from "./without-kernel-lock.mjs";

const [directory = "", way, when] = process.argv.slice(2);
const fileSystem = way === "text" ? withoutKernelLock(nodeFileSystem) : nodeFileSystem;
/** @type {import("../../dist/lock.js").Lock | undefined} */
let lock;

async function acquire() {
  try {
    lock = await acquireLock(fileSystem, directory, Date.now);
    console.log("held");
  } catch (error) {
    console.log(
      error instanceof Error && "code" in error ? `${error.code} ${error.message}` : error,
    );
  }
}

if (when === "at-once") {
  await acquire();
  // Keeps the thread, and with it the lock.
  setInterval(() => undefined, 1_000_000);
} else {
  console.log("ready");
  for await (const line of createInterface(process.stdin)) {
    if (line === "acquire") await acquire();
    if (line === "release") {
      await lock?.release();
      console.log("released");
    }
  }
}
