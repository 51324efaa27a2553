// A process that may have few files open uses up all but none of them beside a log, and tells on its standard output
// what the log made of it.

import { closeSync, openSync } from "node:fs";
import { Log } from "@tidemark/wal";

const [directory = ""] = process.argv.slice(2);
const PAYLOAD = Buffer.alloc(500, "x");

/** Opens files until there are no more to be had. */
function useUp() {
  const files = [];
  for (;;) {
    try {
      files.push(openSync("/dev/null", "r"));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EMFILE") return files;
      throw error;
    }
  }
}

const log = await Log.open(directory, { segmentBytes: 4096 });
await log.append(PAYLOAD);
const files = useUp();
/** @type {{ code: string, cause: string }[]} */
const refused = [];
// What has been prepared takes some more.
while (refused.length < 3) {
  await log.append(PAYLOAD).catch((/** @type {import("@tidemark/wal").LogError} */ error) => {
    const { cause } = error;
    refused.push({ code: error.code, cause: cause instanceof Error ? cause.message : "" });
  });
}
const { endOffset } = log;
const read = [...log.records()].length;
for (const file of files) closeSync(file);
for (let count = 0; count < 20; count++) await log.append(PAYLOAD);
const failed = log.failure !== undefined;
await log.close();
const again = await Log.open(directory);
const shown = [...again.records()].length;
await again.close();
console.log(JSON.stringify({ refused, endOffset, read, failed, shown }));
