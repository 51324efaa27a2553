// The torture command itself: that it looks at something, that it can find something, and how it ends.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { mutants } from "./mutants/list.mjs";
import { WorkingCopy } from "./mutants/working-copy.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SCRIPT = "test/torture/dist/test/torture/run.js";
const timeout = 300_000;

const children = new Set<ChildProcess>();

/** Ends what is left of a command and of all that it has started. */
function endAll({ pid }: ChildProcess): void {
  if (isAnyLeft(pid)) process.kill(-(pid ?? 0), "SIGKILL");
}

/** Whether there is a process of a command's group. */
function isAnyLeft(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

afterEach(() => {
  for (const child of children) endAll(child);
  children.clear();
});

/** Starts the command in a folder of its own. */
function start(folder: string, args: readonly string[]) {
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(process.execPath, [join(ROOT, SCRIPT), ...args], { env, detached: true });
  children.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const ended = new Promise<{ status: number | null; output: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, output }));
  });
  return { child, ended };
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-torture-test-"));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A number of the summary. */
function numberOf(output: string, name: string): number {
  const [, number = ""] = new RegExp(`^${name} +([\\d,]+)`, "m").exec(output) ?? [];
  return Number(number.replaceAll(",", ""));
}

test.each([
  ["log", "crash states"],
  ["database", "crash states"],
  ["kills", "kills"],
  ["fuzz", "fuzz inputs"],
])(
  "it looks at the %s, says how much, and leaves nothing behind",
  { timeout },
  async (part, name) => {
    // On a busy machine the time may be up before the first fuzz input.
    for (let seconds = part === "fuzz" ? 8 : 1; ; seconds *= 2) {
      const output = await outputOf(["--only", part, "--seconds", String(seconds), "--seed", "7"]);
      expect(numberOf(output, "seed")).toBe(7);
      if (numberOf(output, name) > 0) return;
      expect(part).toBe("fuzz");
    }
  },
);

/** What the command prints where nothing is wrong. */
async function outputOf(args: readonly string[]): Promise<string> {
  let printed = "";
  await inFolder(async (folder) => {
    const { child, ended } = start(folder, [...args, "--workers", "1"]);
    const { status, output } = await ended;
    expect(output).toMatch(/^violations {5}0$/m);
    expect(status).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
    expect(isAnyLeft(child.pid)).toBe(false);
    printed = output;
  });
  return printed;
}

test.each([
  ["no time", ["--seconds", "0"]],
  ["a seed that is none", ["--seed", "x"]],
  ["a part that there is not", ["--only", "lock"]],
  ["an option that there is not", ["--fast"]],
])("%s is a mistake of the caller's: 2", async (_, args) => {
  const { status, output } = await start(tmpdir(), args).ended;
  expect(output).toContain("npm run torture -- [--seconds N]");
  expect(status).toBe(2);
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends it with what was looked at, and all that it has started",
  {
    timeout,
  },
  async (signal) => {
    await inFolder(async (folder) => {
      const { child, ended } = start(folder, ["--seconds", "600", "--only", "kills"]);
      const atWork = () =>
        readdirSync(folder, { recursive: true }).some((name) => name.includes("tidemark-kills-"));
      while (!atWork() && child.exitCode === null) await sleep(20);
      // As from a terminal: to every process of the command's.
      process.kill(-(child.pid ?? 0), signal);
      const { status, output } = await ended;
      expect(output).toMatch(/^violations {5}0$/m);
      expect(status).toBe(130);
      expect(readdirSync(folder)).toEqual([]);
      while (isAnyLeft(child.pid)) await sleep(20);
    });
  },
);

test("a process of it that dies is something wrong, and another one goes on", {
  timeout,
}, async ({ skip }) => {
  if (process.platform !== "linux") return skip("children are not to be seen here");
  await inFolder(async (folder) => {
    const { child, ended } = start(folder, ["--seconds", "600", "--only", "log", "--workers", "1"]);
    const path = `/proc/${child.pid}/task/${child.pid}/children`;
    /** The first process that it has started and that is not this one. */
    const workerBut = async (other: number) => {
      for (;;) {
        const pids = readFileSync(path, "utf8").trim().split(" ").map(Number);
        const worker = pids.find((pid) => pid !== 0 && pid !== other);
        if (worker !== undefined) return worker;
        await sleep(20);
      }
    };
    const worker = await workerBut(0);
    process.kill(worker, "SIGKILL");
    await workerBut(worker);
    child.kill("SIGINT");
    const { status, output } = await ended;
    expect(output).toContain("VIOLATION its process ended with SIGKILL");
    expect(numberOf(output, "violations")).toBe(1);
    expect(status).toBe(1);
  });
});

describe("where a bug is planted", () => {
  const mutant = mutants.find(({ name }) => name === "never-sync-commits");

  test("it ends with 1, and the line that it prints shows it again", { timeout }, async () => {
    if (mutant === undefined) throw new Error("the mutant is in the list");
    const copy = new WorkingCopy(ROOT);
    try {
      copy.plant(mutant);
      await copy.build(["test/torture"]);
      const args = [SCRIPT, "--seconds", "5", "--seed", "1", "--only", "log", "--workers", "1"];
      const { status, output } = await copy.run(args, { limitMs: timeout });
      expect(output).toContain("VIOLATION");
      expect(status).toBe(1);
      expect(numberOf(output, "violations")).toBeGreaterThan(0);
      const [, replay = "", file = ""] =
        /CRASH_REPLAY='(.*)' npx vitest run (\S+)/.exec(output) ?? [];
      // As small as can be: a record, and what makes it be acknowledged.
      expect(JSON.parse(replay).program.steps.length).toBeLessThan(5);
      const env = { CRASH_REPLAY: replay };
      const vitest = ["node_modules/vitest/vitest.mjs", "run", file];
      const again = await copy.run(vitest, { limitMs: timeout, env });
      expect(again.output).toContain("CrashViolation");
      expect(again.status).toBe(1);
    } finally {
      copy.remove();
    }
  });
});
