// abstract-level's own suite, whole, in a process of its own: it counts its assertions, and so do we.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../fixture.js";

/** Of abstract-level 3.1.1, run once on the database and once on a sublevel. A later one has more. */
const ASSERTIONS_MIN = 5168;

const program = fileURLToPath(new URL("abstract-suite.mjs", import.meta.url));

async function runSuite(directory: string) {
  const child = spawn(process.execPath, [program, directory], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = new Promise((resolve) => child.on("exit", resolve));
  const [tap, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { tap, errors, status: await exit };
}

/** What TAP says at its end, after `# tests`, `# pass` or `# fail`. */
function countOf(tap: string, name: string): number {
  return Number(new RegExp(`^# ${name} +(\\d+)$`, "m").exec(tap)?.[1] ?? 0);
}

test("the suite of abstract-level passes whole, on the database and on its sublevels", async () => {
  const { tap, errors, status } = await runSuite(join(temporaryDirectory(), "suite"));
  const failures = tap.split("\n").filter((line) => line.startsWith("not ok"));
  expect({ failures, errors, status }).toEqual({ failures: [], errors: "", status: 0 });
  expect(countOf(tap, "fail")).toBe(0);
  expect(countOf(tap, "pass")).toBe(countOf(tap, "tests"));
  expect(countOf(tap, "pass")).toBeGreaterThanOrEqual(ASSERTIONS_MIN);
  // What a manifest leaves out is not run.
  for (const part of ["snapshot", "seek", "getSync", "hasMany", "errorIfExists", "signal"]) {
    expect(tap).toMatch(new RegExp(`^# .*${part}`, "m"));
  }
});
