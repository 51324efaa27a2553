// Programs that are run one after the other or beside each other, each within a time, and ended with all that
// they have started: each is a process group of its own.

import { spawn } from "node:child_process";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** @param {import("node:child_process").ChildProcess} child */
function end(child) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It ended by itself in this moment.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Ends everything that is running. */
export function endAll() {
  for (const child of running) end(child);
}

/**
 * Runs a script of the folder `cwd` with this Node.js.
 *
 * @param {string} cwd
 * @param {readonly string[]} args
 * @param {{ limitMs: number, env?: Record<string, string> }} options
 * @returns {Promise<{ good: boolean, status: number | null, timedOut: boolean, output: string }>}
 */
export function runNode(cwd, args, { limitMs, env = {} }) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running.add(child);
    let output = "";
    let timedOut = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-20_000);
      });
    }
    const timer = setTimeout(() => {
      timedOut = true;
      end(child);
    }, limitMs);
    child.on("error", reject);
    child.on("close", (status) => {
      clearTimeout(timer);
      // What a test has started and left behind goes too.
      end(child);
      running.delete(child);
      resolve({ good: status === 0, status, timedOut, output });
    });
  });
}
