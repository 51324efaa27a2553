// Runs the examples as their users do: processes of their own, with a directory for temporary files that has to be
// empty again when they have ended.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface Ended {
  /** Exit code; the signal's name if one ended it. */
  readonly exit: number | string | null;
  readonly output: string;
  readonly errors: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Where the example makes its temporary files. */
  readonly temporary: string;
  readonly ended: Promise<Ended>;
}

/** Starts `examples/<name>/main.ts`, as built, with a directory for temporary files. */
export function launch(name: string, args: readonly string[], temporary: string): Running {
  const main = fileURLToPath(new URL(`../../examples/dist/${name}/main.js`, import.meta.url));
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary, NO_COLOR: "1" },
  });
  return { child, temporary, ended: outcome(child) };
}

/** As `launch`, with a directory of its own; killed after the test if it still runs. */
export function startExample(name: string, args: readonly string[] = []): Running {
  const running = launch(name, args, temporaryDirectory());
  onTestFinished(async () => {
    running.child.kill("SIGKILL");
    await running.ended;
  });
  return running;
}

async function outcome(child: ChildProcess): Promise<Ended> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("the example has no pipes");
  const printed = Promise.all([text(stdout), text(stderr)]);
  const [code, signal]: (number | string | null)[] = await once(child, "exit");
  const [output, errors] = await printed;
  return { exit: code ?? signal ?? null, output, errors };
}

/** Runs an example to its end; tells what it left behind. */
export async function runExample(
  name: string,
  args: readonly string[] = [],
): Promise<Ended & { readonly left: readonly string[] }> {
  const { temporary, ended } = startExample(name, args);
  return { ...(await ended), left: readdirSync(temporary) };
}

/** A directory that is removed after the test. */
export function temporaryDirectory(): string {
  const directory = makeTemporary();
  onTestFinished(() => remove(directory));
  return directory;
}

export function makeTemporary(): string {
  return mkdtempSync(join(realpathSync(tmpdir()), "tidemark-example-"));
}

export function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
