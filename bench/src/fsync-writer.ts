// Run as a process of its own: writes a MiB to a file and fsyncs it, again and again, until it is ended.

import { fsyncSync, openSync, writeSync } from "node:fs";

const [file = ""] = process.argv.slice(2);
const fd = openSync(file, "w");
const bytes = Buffer.alloc(2 ** 20, 1);
process.send?.("ready");
// Whoever started it may be gone.
process.once("disconnect", () => process.exit());

function write(): void {
  writeSync(fd, bytes, 0, bytes.length, 0);
  fsyncSync(fd);
  setImmediate(write);
}
write();
