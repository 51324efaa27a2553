// No descriptor left, really: a process of its own that the system allows few of them.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./fixture.js";

const SCRIPT = fileURLToPath(new URL("few-descriptors.mjs", import.meta.url));

test("fault 46: a process without descriptors is refused what needs a new segment, and goes on when it has some", ({
  skip,
}) => {
  if (process.platform === "win32") return skip("there is no ulimit here");
  const command = ["-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath];
  const directory = join(temporaryDirectory(), "log");
  const text = execFileSync("sh", [...command, SCRIPT, directory], { encoding: "utf8" });
  const { refused, endOffset, read, failed, shown } = JSON.parse(text);
  const cause = expect.stringContaining("EMFILE");
  expect(refused).toEqual(Array.from({ length: 3 }, () => ({ code: "LOG_IO", cause })));
  expect(read).toBe(endOffset);
  expect(failed).toBe(false);
  expect(shown).toBe(endOffset + 20);
});
